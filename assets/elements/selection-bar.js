// <selection-bar>: floats above the list while rows are selected: how many, what is done with them most, and the rest.
//
// `show(items, actions)`. Events: "wish" with the verb, "menu" or "clear".

import { bytes, number } from "../core/format.js";
import { sizeOf } from "../core/listing.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setText } from "./dom.js";

/** The verbs with a button of their own, in this order. */
const FIRST = ["restore", "download", "share", "move", "compress", "trash", "purge"];

export class SelectionBar extends DriveElement {
  #items = [];
  #actions = [];
  #count = h("strong", { class: "number" });
  /** Where there is no room for the word. */
  #number = h("strong", { class: "alone number", "aria-hidden": "true" });
  #size = h("span", { class: "size number" });
  #verbs = h("div", { class: "verbs" });
  #more = iconButton("more", t("files.moreActions"), { onclick: () => this.#wish("menu") });
  #clear = iconButton("cancel", t("files.clearSelection"), { onclick: () => this.#wish("clear") });

  build() {
    this.setAttribute("role", "toolbar");
    this.setAttribute("aria-label", t("files.moreActions"));
    this.append(this.#clear, h("span", { class: "words" }, this.#count, this.#number, this.#size), this.#verbs, this.#more);
  }

  show(items, actions) {
    this.#items = items;
    this.#actions = actions;
    this.update(); // at once, for the list makes room for it
  }

  update() {
    this.hidden = this.#items.length === 0;
    if (this.hidden) return;
    setText(this.#count, t("files.selected", { n: this.#items.length }));
    setText(this.#number, number(this.#items.length));
    setText(this.#size, bytes(this.#items.reduce((sum, item) => sum + sizeOf(item), 0)));
    const shown = FIRST.filter((verb) => this.#actions.some((action) => action.verb === verb));
    if (this.#verbs.dataset.shown === shown.join()) return;
    this.#verbs.dataset.shown = shown.join();
    this.#verbs.replaceChildren(...shown.map((verb) => this.#button(this.#actions.find((action) => action.verb === verb))));
  }

  #button({ verb, glyph }) {
    const attributes = { type: "button", class: "plain-button", "data-verb": verb, title: t(`files.${verb}`), onclick: () => this.#wish(verb) };
    return h("button", attributes, icon(glyph), h("span", {}, t(`files.${verb}`)));
  }

  #wish(verb) {
    const { left, top } = this.#more.getBoundingClientRect();
    const event = new Event("wish", { bubbles: true });
    this.dispatchEvent(Object.assign(event, { verb, about: { x: left, y: top, source: this.#more } }));
  }
}

customElements.define("selection-bar", SelectionBar);
