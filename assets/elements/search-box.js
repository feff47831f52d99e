// <search-box>: looks for names, folders and tags below the present folder. "/" brings the focus here; on a phone it is a
// button that unfolds.
//
// Properties: `place` {folder, q}. The answer is the address: "#/files/Photos?q=boats".

import { folderParts } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setAttribute } from "./dom.js";
import { isTyping, searchHref } from "./route.js";

const PAUSE_MS = 180;

export class SearchBox extends DriveElement {
  #place = { folder: "/", q: "" };
  /** What was asked for here; an address that says something else was chosen elsewhere. */
  #asked = "";
  #timer = null;
  #input = h("input", { type: "search", placeholder: t("files.search"), autocomplete: "off", spellcheck: "false", enterkeyhint: "search", "aria-keyshortcuts": "/" });
  #unfold = iconButton("search", t("files.search"), { class: "icon-button unfold", onclick: () => this.#open() });
  #form = h("form", { role: "search" }, icon("search"), this.#input, h("kbd", { "aria-hidden": "true" }, "/"));

  set place(place) {
    this.#place = place;
    this.requestUpdate();
  }

  build() {
    this.append(this.#unfold, this.#form);
  }

  connected() {
    this.listen(this.#input, "input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => this.#go(), PAUSE_MS);
    });
    this.listen(this.#form, "submit", (event) => {
      event.preventDefault();
      this.#go();
      document.querySelector("file-view")?.focusList();
    });
    this.listen(this.#input, "keydown", (event) => event.key === "Escape" && this.#leave(event));
    this.listen(this.#input, "blur", () => this.toggleAttribute("data-open", this.#input.value !== ""));
    this.listen(window, "keydown", (event) => {
      if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || isTyping(event)) return;
      event.preventDefault();
      this.#open();
    });
  }

  update() {
    const { folder, q } = this.#place;
    if (document.activeElement !== this.#input || q !== this.#asked) this.#input.value = this.#asked = q;
    this.toggleAttribute("data-open", q !== "" || document.activeElement === this.#input);
    const name = folderParts(folder).at(-1);
    setAttribute(this.#input, "aria-label", name ? t("files.searchIn", { name }) : t("files.search"));
  }

  #open() {
    this.toggleAttribute("data-open", true);
    this.#input.focus();
    this.#input.select();
  }

  #leave(event) {
    event.stopPropagation();
    this.#input.value = "";
    this.#go();
    this.#input.blur();
    document.querySelector("main")?.focus();
  }

  /** What is typed further changes the address in place, so that Back leaves the search at once. */
  #go() {
    clearTimeout(this.#timer);
    const q = this.#input.value.trim();
    if (q === this.#place.q) return;
    this.#asked = q;
    const href = searchHref(this.#place.folder, q);
    if (this.#place.q === "") location.hash = href;
    else location.replace(href);
  }
}

customElements.define("search-box", SearchBox);
