// <context-menu>: what can be done with the chosen rows, where the pointer is.
//
// `open({ actions, x, y, source })` answers with the verb that was chosen, or null; the focus goes back to `source`.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon } from "./dom.js";

const EDGE = 8;

export class ContextMenu extends DriveElement {
  #settle = () => {};

  build() {
    this.setAttribute("role", "menu");
    this.setAttribute("popover", "auto");
    this.setAttribute("aria-label", t("files.moreActions"));
  }

  connected() {
    this.listen(this, "keydown", (event) => this.#onKey(event));
    this.listen(this, "toggle", ({ newState }) => newState === "closed" && this.#end(null));
    this.listen(window, "hashchange", () => this.#end(null)); // it belongs to the place where it was opened
  }

  /** @returns {Promise<string | null>} */
  open({ actions, x, y, source }) {
    if (this.matches(":popover-open")) this.hidePopover();
    const nodes = actions.flatMap((action, at) => {
      const starts = at > 0 && actions[at - 1].group !== action.group;
      return [starts && h("hr"), this.#item(action)].filter(Boolean);
    });
    this.replaceChildren(...nodes);
    this.showPopover();
    const { width, height } = this.getBoundingClientRect();
    const left = Math.max(EDGE, Math.min(x, innerWidth - width - EDGE));
    const top = y + height + EDGE <= innerHeight ? y : Math.max(EDGE, Math.min(y - height, innerHeight - height - EDGE));
    this.style.setProperty("--x", `${left}px`);
    this.style.setProperty("--y", `${top}px`);
    this.querySelector("button")?.focus({ preventScroll: true });
    return new Promise((resolve) => {
      this.#settle = (verb) => {
        this.#settle = () => {};
        if (verb === null) (source?.querySelector(".open") ?? source)?.focus({ preventScroll: true });
        resolve(verb);
      };
    });
  }

  #item({ verb, glyph, key, danger }) {
    const attributes = { type: "button", role: "menuitem", tabindex: -1, "data-verb": verb, class: danger ? "danger" : null, onclick: () => this.#end(verb) };
    return h("button", attributes, icon(glyph), h("span", {}, t(`files.${verb}`)), key ? h("kbd", {}, key) : null);
  }

  #end(verb) {
    const settle = this.#settle;
    if (this.matches(":popover-open")) {
      this.#settle = () => {};
      this.hidePopover();
    }
    settle(verb);
  }

  #onKey(event) {
    const items = [...this.querySelectorAll("button")];
    const at = items.indexOf(document.activeElement);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    event.stopPropagation();
    if (event.key === "Tab") {
      event.preventDefault(); // the focus is back where it came from, and stays
      this.#end(null);
    }
    if (next !== undefined) {
      event.preventDefault();
      items[(next + items.length) % items.length].focus();
    } else if (event.key.length === 1 && event.key !== " ") {
      const starts = (item) => item.textContent.trim().toLocaleLowerCase().startsWith(event.key.toLocaleLowerCase());
      [...items.slice(at + 1), ...items].find(starts)?.focus();
    }
  }
}

customElements.define("context-menu", ContextMenu);
