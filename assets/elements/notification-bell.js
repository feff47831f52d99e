// <notification-bell>: how many notifications are unread, and behind it the list, which is loaded when it is opened.
//
// Properties: `store`.

import { loadSaid } from "../core/said.js";
import { loadWords, t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, loadStyle, setAttribute, setText } from "./dom.js";

/** More than that is only "many". */
const SHOWN_MAX = 99;

export class NotificationBell extends DriveElement {
  store;
  #count = h("span", { class: "count number", "aria-hidden": "true", hidden: true });
  #panel = h("div", { id: "notification-panel", popover: "auto", role: "dialog", "aria-label": t("shell.notifications") });
  #button = h("button", { type: "button", class: "icon-button", popovertarget: "notification-panel" }, icon("bell"), this.#count);
  #list = null;

  build() {
    this.append(this.#button, this.#panel);
    this.#panel.addEventListener("click", ({ target }) => target.closest("a") && this.#panel.hidePopover());
  }

  connected() {
    this.listen(this.store, "unread account", () => this.requestUpdate());
    this.listen(this.#panel, "toggle", ({ newState }) => newState === "open" && this.#open());
  }

  update() {
    const { unread, account } = this.store;
    this.hidden = !account;
    this.#count.hidden = unread === 0;
    setText(this.#count, unread > SHOWN_MAX ? `${SHOWN_MAX}+` : String(unread));
    const label = unread === 0 ? t("shell.notifications") : t("shell.unread", { n: unread });
    setAttribute(this.#button, "aria-label", label);
    setAttribute(this.#button, "title", label);
  }

  async #open() {
    if (this.#list !== null) return this.#list.look();
    try {
      await Promise.all([import("./notification-list.js"), loadWords("pages", "notices"), loadSaid(), loadStyle("elements/notification-list.css")]);
    } catch (error) {
      this.#panel.replaceChildren(h("p", { class: "error", role: "alert" }, icon("warning"), error.message));
      return;
    }
    this.#list ??= Object.assign(h("notification-list"), { store: this.store });
    this.#panel.replaceChildren(this.#list);
  }
}

customElements.define("notification-bell", NotificationBell);
