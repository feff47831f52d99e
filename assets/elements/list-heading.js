// The headings above the rows of a list: what the columns are, and by which one the rows are sorted.

import { t } from "../core/words.js";
import { h, icon, setAttribute, setIcon } from "./dom.js";

const COLUMNS = ["name", "size", "type", "updatedAt"];

const hidden = (word) => h("span", { class: "visually-hidden" }, word);

export class ListHeading {
  #cells = new Map();
  node = h("div", { role: "row", class: "heading" });

  /** @param {{mode: string, sort: (key: string) => void}} wish what is not a folder has an order of its own */
  build({ mode, sort }) {
    this.node.append(h("span", { role: "columnheader", class: "box" }, hidden(t("files.select", { name: "" }))));
    for (const key of COLUMNS) {
      const word = t(`files.${key === "updatedAt" && mode === "trash" ? "deletedAt" : key}`);
      const arrow = icon("descending");
      const cell = h("span", { role: "columnheader", class: key }, mode === "files" ? h("button", { type: "button", onclick: () => sort(key) }, word, arrow) : h("span", {}, word));
      this.#cells.set(key, { cell, arrow });
      this.node.append(cell);
    }
    this.node.append(h("span", { role: "columnheader", class: "menu" }, hidden(t("files.moreActions"))));
  }

  /** @param {{key?: string, descends?: boolean}} sort */
  show({ key, descends }) {
    for (const [column, { cell, arrow }] of this.#cells) {
      setAttribute(cell, "aria-sort", column === key ? (descends ? "descending" : "ascending") : null);
      setIcon(arrow, descends ? "descending" : "ascending");
    }
  }
}
