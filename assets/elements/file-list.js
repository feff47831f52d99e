// <file-list>: the rows or tiles of a listing. Draws only those in view, so a hundred thousand scroll like ten. Nothing
// moves under a pressed pointer: updates wait for its release.
//
// Properties: `listing`, `selection`, `mode`, `look` ("list" or "tiles"), `showFolder`, `sort` {key, descends}.
// Events: "wish" with `verb` (open, menu, sort, drop) and what it is about. `focused` is the row with the focus.

import { keyOf } from "../core/listing.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, setAttribute, setIcon } from "./dom.js";
import { PickPointer } from "./pick-pointer.js";

const OVERSCAN_ROWS = 6;
const TILE = Object.freeze({ least: 148, height: 188, gap: 12 });

/** `descends`: what a first click on the heading gives, the useful end first. */
export const COLUMNS = Object.freeze([
  { key: "name", descends: false },
  { key: "size", descends: true },
  { key: "type", descends: false },
  { key: "updatedAt", descends: true },
]);

export class WishEvent extends Event {
  /** @param {string} verb @param {object} about */
  constructor(verb, about) {
    super("wish", { bubbles: true });
    Object.assign(this, { verb, about });
  }
}

export class FileList extends DriveElement {
  listing;
  selection;
  mode = "files";
  showFolder = false;
  sort = { key: "name", descends: false };
  look = "list";
  #isPressed = false;
  /** @type {Map<string, HTMLElement>} rows in view by key */
  #rows = new Map();
  #headings = new Map();
  /** The row that Tab reaches. */
  #current = 0;
  #columns = 1;
  #leave = () => {};

  #heading = h("div", { role: "row", class: "heading" });
  #body = h("div", { class: "rows" });
  #scroller = h("div", { class: "scroller" });
  #table = h("div", { class: "table" }, this.#heading, this.#scroller);

  build() {
    this.#heading.append(h("span", { role: "columnheader", class: "box" }, h("span", { class: "visually-hidden" }, t("files.select", { name: "" }))));
    for (const { key } of COLUMNS) this.#heading.append(this.#buildHeading(key));
    this.#heading.append(h("span", { role: "columnheader", class: "menu" }, h("span", { class: "visually-hidden" }, t("files.moreActions"))));
    this.#scroller.append(this.#body);
    this.append(this.#table);
  }

  #buildHeading(key) {
    const arrow = icon("descending");
    const column = key === "updatedAt" && this.mode === "trash" ? "deletedAt" : key;
    const isFixed = this.mode !== "files";
    const word = t(`files.${column}`);
    const button = h("button", { type: "button", onclick: () => this.dispatchEvent(new WishEvent("sort", { key })) }, word, arrow);
    const cell = h("span", { role: "columnheader", class: key }, isFixed ? h("span", {}, word) : button);
    this.#headings.set(key, { cell, arrow });
    return cell;
  }

  connected() {
    this.listen(this.listing, "change", () => this.requestUpdate());
    this.listen(this.selection, "change", () => this.requestUpdate());
    this.listen(this.#scroller, "scroll", () => this.requestUpdate(), { passive: true });
    this.listen(this, "pointerdown", () => (this.#isPressed = true));
    this.listen(window, "pointerup pointercancel dragend", () => this.#onRelease());
    this.listen(this.#scroller, "keydown", (event) => this.#onKey(event));
    this.listen(this.#scroller, "focusin", ({ target }) => this.#onFocus(target.closest("file-row, file-tile")));
    const resized = new ResizeObserver(() => this.requestUpdate());
    resized.observe(this.#scroller);
    resized.observe(this.#body);
    const pointer = new PickPointer(this.#body, {
      indexOf: (row) => Number(row.dataset.index),
      pick: (index, range) => this.pick(index, range),
      wish: (verb, about) => this.dispatchEvent(new WishEvent(verb, about)),
      isSelecting: () => this.selection.size > 0,
    });
    this.#leave = () => (resized.disconnect(), pointer.end());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#leave();
  }

  toTop() {
    this.#scroller.scrollTop = 0;
    this.#current = 0;
  }

  /** The row with the focus, if one has it. */
  get focused() {
    return document.activeElement?.closest("file-row, file-tile")?.item;
  }

  rowOf(item) {
    return this.#rows.get(keyOf(item));
  }

  focusRow(item) {
    const index = item ? Number(this.rowOf(item)?.dataset.index ?? this.#current) : this.#current;
    this.#goTo(Math.min(index, (this.listing.total ?? 1) - 1));
  }

  /** Selects one row, or with `range` all from the last one picked. */
  async pick(index, range) {
    const item = this.listing.at(index);
    if (!item) return;
    if (!range) return this.selection.toggle(item, index);
    const [from, to] = [this.selection.anchor, index].sort((a, b) => a - b);
    const items = await this.listing.between(from, to);
    const kept = this.selection.list().filter((one) => !items.includes(one));
    this.selection.replace([...kept, ...items]);
  }

  #onRelease() {
    if (!this.#isPressed) return;
    // After the click that follows the release, so that it still hits what was pressed.
    setTimeout(() => {
      this.#isPressed = false;
      this.requestUpdate();
    });
  }

  #onFocus(row) {
    if (!row) return;
    this.#current = Number(row.dataset.index);
    this.requestUpdate();
  }

  /** Arrows, Home and End walk through the names; with Shift they select. Space selects the one. */
  #onKey(event) {
    const row = document.activeElement.closest("file-row, file-tile");
    if (!row || event.target.matches("input")) return;
    const index = Number(row.dataset.index);
    if (event.key === " " && !event.ctrlKey) {
      event.preventDefault();
      return void this.pick(index, event.shiftKey);
    }
    const page = Math.max(1, Math.floor(this.#scroller.clientHeight / this.#rowHeight() - 1)) * this.#columns;
    const sideways = this.#columns > 1 ? { ArrowRight: 1, ArrowLeft: -1 } : {};
    const steps = { ArrowDown: this.#columns, ArrowUp: -this.#columns, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity, ...sideways };
    const step = steps[event.key];
    if (step === undefined || event.altKey || event.ctrlKey) return;
    event.preventDefault();
    const next = Math.max(0, Math.min(this.listing.total - 1, index + step));
    if (event.shiftKey && this.selection.size === 0) this.selection.anchor = index;
    this.#goTo(next);
    if (event.shiftKey) this.pick(next, true);
  }

  #goTo(index) {
    if (index < 0) return;
    this.#current = index;
    this.#reveal(index);
    this.#isPressed = false;
    this.update();
    this.#body.querySelector(`[data-index="${index}"] .open`)?.focus({ preventScroll: true });
  }

  #reveal(index) {
    const height = this.#rowHeight();
    const top = Math.floor(index / this.#columns) * height;
    const { scrollTop, clientHeight } = this.#scroller;
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + height > scrollTop + clientHeight) this.#scroller.scrollTop = top + height - clientHeight;
  }

  #rowHeight() {
    if (this.look === "tiles") return TILE.height + TILE.gap;
    return Number.parseFloat(getComputedStyle(this).getPropertyValue("--row"));
  }

  update() {
    if (this.#isPressed) return;
    const { total } = this.listing;
    this.hidden = !total;
    if (this.hidden) {
      this.#body.replaceChildren();
      this.#rows.clear();
      return;
    }
    this.#updateHeadings();
    this.#updateRows(total);
  }

  #updateHeadings() {
    const isTiles = this.look === "tiles";
    setAttribute(this, "data-look", this.look);
    setAttribute(this.#table, "role", isTiles ? null : "table");
    setAttribute(this.#table, "aria-label", isTiles ? null : t(`shell.${this.mode}`));
    setAttribute(this.#body, "role", isTiles ? "list" : "rowgroup");
    setAttribute(this.#body, "aria-label", isTiles ? t(`shell.${this.mode}`) : null);
    this.#heading.hidden = isTiles;
    const { key, descends } = this.sort;
    for (const [column, { cell, arrow }] of this.#headings) {
      setAttribute(cell, "aria-sort", column === key ? (descends ? "descending" : "ascending") : null);
      setIcon(arrow, descends ? "descending" : "ascending");
    }
  }

  #updateRows(total) {
    const isTiles = this.look === "tiles";
    const width = this.#body.clientWidth;
    // A scrollbar that takes room of its own would shift the rows under their headings.
    this.#heading.style.setProperty("--bar", `${this.#scroller.offsetWidth - this.#scroller.clientWidth}px`);
    this.#columns = isTiles ? Math.max(2, Math.floor((width + TILE.gap) / (TILE.least + TILE.gap))) : 1;
    const height = this.#rowHeight();
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN_ROWS) * this.#columns;
    const last = Math.min(total - 1, (Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN_ROWS) * this.#columns - 1);
    this.listing.want(first, last);
    setAttribute(this.#table, "aria-rowcount", isTiles ? null : total + 1);
    this.#body.style.setProperty("height", `${Math.ceil(total / this.#columns) * height}px`);
    const cell = (width - (this.#columns - 1) * TILE.gap) / this.#columns;
    this.#body.style.setProperty("--tile", `${cell}px`);
    if (this.#current < first || this.#current > last) this.#current = Math.min(last, first + OVERSCAN_ROWS * this.#columns);

    const before = this.#rows;
    this.#rows = new Map();
    const tag = isTiles ? "file-tile" : "file-row";
    let place = this.#body.firstElementChild;
    for (let index = first; index <= last; index++) {
      const item = this.listing.at(index);
      const key = item ? keyOf(item) : `gap-${index}`;
      const known = before.get(key);
      const row = known?.localName === tag ? known : h(tag);
      if (row === known) before.delete(key);
      this.#rows.set(key, row);
      this.#dress(row, item, index, total);
      const x = isTiles ? (index % this.#columns) * (cell + TILE.gap) : 0;
      row.style.setProperty("transform", `translate(${x}px, ${Math.floor(index / this.#columns) * height}px)`);
      if (row === place) place = place.nextElementSibling;
      else this.#body.insertBefore(row, place);
    }
    for (const row of before.values()) row.remove();
  }

  #dress(row, item, index, total) {
    if (item) this.selection.renew(item);
    Object.assign(row, { mode: this.mode, showFolder: this.showFolder, item });
    row.selected = item !== undefined && this.selection.has(item);
    setAttribute(row, "data-index", index);
    if (this.look === "tiles") {
      setAttribute(row, "aria-posinset", index + 1);
      setAttribute(row, "aria-setsize", total);
    } else setAttribute(row, "aria-rowindex", index + 2);
    setAttribute(row, "data-cut", this.cut?.has(item && keyOf(item)) ?? false);
    const link = row.querySelector(".open");
    if (link) link.tabIndex = index === this.#current ? 0 : -1;
    else queueMicrotask(() => row.querySelector(".open")?.setAttribute("tabindex", index === this.#current ? 0 : -1));
  }
}

customElements.define("file-list", FileList);
