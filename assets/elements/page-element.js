// What the pages of "Settings" and "Administration" share: a heading, what is loaded for them, and the states until it
// is there. A page says `texts()`, `load()` and `show(data)`.
//
// Properties: `store`, `rest` (what stands behind the page's name in the address).

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, placeholder, setText } from "./dom.js";

export class PageElement extends DriveElement {
  store;
  #rest = [];
  #data;
  #heading = h("h2", { tabindex: -1 });
  #lead = h("p", { class: "lead" });
  #verbs = h("div", { class: "verbs" });
  #body = h("div", { class: "body" });
  #round = 0;

  set rest(rest) {
    const isSame = JSON.stringify(rest) === JSON.stringify(this.#rest);
    this.#rest = rest;
    if (!isSame && this.isConnected) this.reload({ anew: true });
  }

  get rest() {
    return this.#rest;
  }

  /** What `load` brought. */
  get data() {
    return this.#data;
  }

  /** @returns {{title: string, lead?: string, verbs?: Node[]}} */
  texts() {
    return { title: "" };
  }

  /** @returns {Promise<any>} what the page shows */
  async load() {}

  /** Called with a page that is still empty, and again when the data changed. */
  show() {}

  build() {
    this.dataset.page = "";
    const { title, lead = "", verbs = [] } = this.texts();
    setText(this.#heading, title);
    setText(this.#lead, lead);
    this.#lead.hidden = lead === "";
    this.#verbs.append(...verbs);
    this.append(h("header", {}, this.#heading, this.#lead, this.#verbs), this.#body);
  }

  get heading() {
    return this.#heading;
  }

  get body() {
    return this.#body;
  }

  connected() {
    this.reload({ anew: this.#data === undefined });
  }

  focusHeading() {
    this.#heading.focus({ preventScroll: true });
  }

  say(sentence) {
    this.act("say", { sentence });
  }

  /** Looks again. `anew`: nothing of what is shown is true any more. */
  async reload({ anew = false } = {}) {
    const round = ++this.#round;
    if (anew) this.#body.replaceChildren(skeleton());
    try {
      const data = await this.load();
      if (round !== this.#round) return;
      if (anew || this.#body.firstElementChild?.matches(".placeholder, .skeletons")) this.#body.replaceChildren();
      this.put(data);
    } catch (problem) {
      if (round === this.#round) this.#fail(problem);
    }
  }

  /** Shows other data, such as an answer of the server's. */
  put(data) {
    this.#data = data;
    this.show(data);
  }

  #fail(problem) {
    if (problem.status === undefined) console.error(problem);
    const again = h("button", { type: "button", onclick: () => this.reload({ anew: true }) }, icon("retry"), t("common.tryAgain"));
    this.#body.replaceChildren(placeholder({ glyph: "warning", title: t("pages.failed"), text: problem.message }, again));
  }
}

function skeleton() {
  const rows = Array.from({ length: 4 }, () => h("div", { class: "skeleton" }));
  return h("div", { class: "skeletons", "aria-hidden": "true" }, ...rows);
}

/** A part of a page under a heading of its own. */
export const section = (title, ...children) => h("section", {}, title && h("h3", {}, title), ...children);

/** A word with an icon: a state that is told without colour too. @param {"ok" | "warn" | "bad" | "quiet"} tone */
export function badge(tone, word) {
  const glyph = { ok: "done", warn: "warning", bad: "warning" }[tone];
  return h("span", { class: "badge", "data-tone": tone }, glyph ? icon(glyph) : "", word);
}

/** A table whose cells carry their column's name, which a phone shows beside them. @param {string[]} heads */
export function table(caption, heads, body) {
  return h(
    "table",
    {},
    h("caption", { class: "visually-hidden" }, caption),
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head || h("span", { class: "visually-hidden" }, t("pages.actions")))))),
    body,
  );
}

/** @param {string[]} heads @param {(Node | string)[]} cells the first names the row */
export function tableRow(heads, cells, attributes = {}) {
  const make = (cell, at) => h(at === 0 ? "th" : "td", at === 0 ? { scope: "row" } : { "data-head": heads[at] }, ...[cell].flat());
  return h("tr", attributes, ...cells.map(make));
}
