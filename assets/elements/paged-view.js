// A place of several pages, each with an address of its own: their names at the side, on a phone a list that leads to
// them and a way back.
//
// Properties: `store`, `rest` (the page's name, and what stands behind it).

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, setAttribute } from "./dom.js";

export class PagedView extends DriveElement {
  store;
  #rest = [];
  #shown = null;
  #links = new Map();
  #pages = new Map();
  #content = h("div", { class: "page" });

  /** The place's name in the address. */
  get place() {
    return "";
  }

  /** @returns {{page: string, glyph: string, tag: string, word: string}[]} */
  get pages() {
    return [];
  }

  set rest(rest) {
    this.#rest = rest;
    if (this.isConnected) this.update();
  }

  build() {
    this.classList.add("pages");
    for (const { page, glyph, word } of this.pages) {
      const link = h("a", { href: `#/${this.place}/${page}` }, icon(glyph), h("span", {}, word), icon("chevron-right"));
      this.#links.set(page, link);
    }
    const back = h("a", { class: "back", href: `#/${this.place}` }, icon("chevron-right"), t(`shell.${this.place}`));
    const items = [...this.#links.values()].map((link) => h("li", {}, link));
    const nav = h("nav", { "aria-label": t(`shell.${this.place}`) }, h("ul", {}, ...items));
    this.append(nav, h("div", { class: "sheet" }, back, this.#content));
  }

  update() {
    const [name, ...rest] = this.#rest;
    const { page, tag } = this.pages.find((one) => one.page === name) ?? this.pages[0];
    this.toggleAttribute("data-index", name === undefined);
    for (const [key, link] of this.#links) setAttribute(link, "aria-current", key === page ? "page" : null);
    if (!this.#pages.has(page)) this.#pages.set(page, Object.assign(h(tag), { store: this.store }));
    const element = this.#pages.get(page);
    element.rest = rest;
    if (this.#content.firstElementChild !== element) this.#content.replaceChildren(element);
    const shown = this.#rest.join("/");
    if (this.#shown !== null && this.#shown !== shown) {
      this.#content.parentElement.scrollTop = 0;
      element.focusHeading();
    }
    this.#shown = shown;
  }
}
