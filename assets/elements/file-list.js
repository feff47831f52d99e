// <file-list>: the rows or tiles of a listing. Draws only those in view, so a hundred thousand scroll like ten; and the one
// with the focus, or whose name is being changed, wherever it is. Nothing moves under a pressed pointer: updates wait for
// its release.
//
// Properties: `listing`, `selection`, `mode`, `look` ("list" or "tiles"), `showFolder`, `sort` {key, descends}, `covered`
// (how much of its lower end something floats above). Events: "wish" with `verb` (open, menu, sort, drop) and what it is
// about. `focused` is the row with the focus, `last` the one that has or had it.

import { keyOf } from "../core/listing.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { arrange, h, setAttribute } from "./dom.js";
import { ListHeading } from "./list-heading.js";
import { ListKeys } from "./list-keys.js";
import { PickPointer } from "./pick-pointer.js";

const OVERSCAN_ROWS = 6;
const GAP = 12;
const TILE = Object.freeze({ least: 148, height: 188 });
/** Where there is much room pictures are worth more of it than their number. */
const WIDE = 1800;
const WIDE_TILE = Object.freeze({ least: 208, height: 248 });

class WishEvent extends Event {
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
  covered = () => 0;
  #isPressed = false;
  #isUpdating = false;
  /** @type {Map<string, HTMLElement>} rows in view by key */
  #rows = new Map();
  #heading = new ListHeading();
  /** The row that Tab reaches; and the one that it was when the pointer was pressed. */
  #current = 0;
  #cameFrom = 0;
  /** The row that is to get the focus once it is drawn; surely, or if nobody else has it then. @type {{key?: string, index: number, isSure?: boolean} | null} */
  #wished = null;
  /** Stays in view when its place in the order changes. */
  #followed = null;
  /** Where to scroll to once there are rows. @type {number | null} */
  #top = null;
  #scrolled = 0;
  #picks = 0;
  #columns = 1;
  #tile = TILE;
  #keys = new ListKeys({
    pick: (index, range) => this.pick(index, range),
    go: (index) => this.#goTo(index),
    open: (item) => this.#wish("open", { item }),
    begin: (index) => this.#beginAt(index),
    page: () => Math.max(1, Math.floor((this.#scroller.clientHeight - this.covered()) / this.#rowHeight() - 1)) * this.#columns,
    columns: () => this.#columns,
    total: () => this.listing.total,
    at: (index) => this.listing.at(index),
  });
  #leave = () => {};

  #body = h("div", { class: "rows" });
  #scroller = h("div", { class: "scroller" });
  #table = h("div", { class: "table" }, this.#heading.node, this.#scroller);

  build() {
    this.#heading.build({ mode: this.mode, sort: (key) => this.#wish("sort", { key }) });
    this.#scroller.append(this.#body);
    this.append(this.#table);
  }

  #wish(verb, about) {
    this.dispatchEvent(new WishEvent(verb, about));
  }

  connected() {
    this.listen(this.listing, "change", () => this.requestUpdate());
    this.listen(this.selection, "change", () => this.requestUpdate());
    this.listen(this.#scroller, "scroll", () => this.#onScroll(), { passive: true });
    this.listen(this, "pointerdown", () => this.#onPress());
    this.listen(this.#scroller, "wheel", () => (this.#followed = null), { passive: true });
    this.listen(window, "pointerup pointercancel dragend", () => this.#onRelease());
    this.listen(this.#scroller, "keydown", (event) => this.#onKey(event));
    this.listen(this.#scroller, "focusin", ({ target }) => this.#onFocus(target.closest("file-row, file-tile")));
    const resized = new ResizeObserver(() => this.requestUpdate());
    resized.observe(this.#scroller);
    resized.observe(this.#body);
    const pointer = new PickPointer(this.#body, {
      indexOf: (row) => Number(row.dataset.index),
      pick: (index, range) => this.pick(index, range),
      wish: (verb, about) => this.#wish(verb, about),
      isSelecting: () => this.selection.size > 0,
    });
    this.#leave = () => (resized.disconnect(), pointer.end());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#top ??= this.#scrolled; // which the browser forgets
    this.#leave();
  }

  toTop() {
    this.#top = 0;
    this.#current = 0;
  }

  /** How one left it, for `expect`. */
  get position() {
    return { top: this.#scroller.scrollTop, key: this.last && keyOf(this.last) };
  }

  /**
   * Other rows are about to come. The focus goes to one of them, if it is here or nowhere; unless the person takes it
   * elsewhere before they come.
   * @param {{top: number, key?: string, isLost?: boolean}} wish `key` of the row, or else the first that is seen; `isLost`: what has the focus will go
   */
  expect({ top, key, isLost = false }) {
    this.toTop();
    this.#top = top;
    const index = Math.ceil(top / this.#rowHeight()) * this.#columns;
    this.#wished = isLost || this.#isFree() ? { key, index, stays: top > 0 } : null;
  }

  /** Whether nobody else has the focus. */
  #isFree() {
    const { activeElement: active, body } = document;
    return active === null || active === body || active.localName === "main" || this.#scroller.contains(active) || active.getClientRects().length === 0;
  }

  /** The row with the focus, if one has it. */
  get focused() {
    return document.activeElement?.closest("file-row, file-tile")?.item;
  }

  get last() {
    return this.listing.at(this.#current);
  }

  rowOf(item) {
    return this.#rows.get(keyOf(item));
  }

  /** The focus goes to a row, and with it where that is sorted to; or to the one that took its place. */
  focusRow(item) {
    this.#followed = item ? keyOf(item) : null;
    this.#goTo(this.#current, this.#followed);
  }

  /** Keys that were pressed elsewhere begin here. */
  enter() {
    this.#goTo(this.#current);
  }

  /** Selects one row, or with `range` all from the last one picked. */
  async pick(index, range) {
    const item = this.listing.at(index);
    if (!item) return;
    const turn = ++this.#picks;
    if (!range) return this.selection.toggle(item);
    this.#beginAt(this.#cameFrom);
    const anchor = this.listing.find(this.selection.anchor);
    const [from, to] = [anchor < 0 ? index : anchor, index].sort((a, b) => a - b);
    const items = await this.listing.between(from, to);
    if (turn === this.#picks) this.selection.range(items);
  }

  /** Where Shift counts from, unless that is known. */
  #beginAt(index) {
    const item = this.listing.at(index);
    if (this.selection.anchor === null && item) this.selection.begin(item);
  }

  #onPress() {
    this.#isPressed = true;
    this.#cameFrom = this.#current;
    this.#followed = null;
  }

  #onScroll() {
    this.#scrolled = this.#scroller.scrollTop;
    this.requestUpdate();
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

  #onKey(event) {
    const row = document.activeElement.closest("file-row, file-tile");
    if (!row || event.target.matches("input:not(.pick)")) return;
    this.#followed = null;
    this.#cameFrom = Number(row.dataset.index);
    this.#keys.onKey(event, this.#cameFrom);
  }

  #goTo(index, key) {
    this.#wished = { key, index, isSure: true };
    this.#isPressed = false;
    this.update();
  }

  /** The focus would be under what floats above the list. */
  revealFocus() {
    if (this.#scroller.querySelector(".open:focus-visible")) this.#reveal(this.#current);
  }

  #reveal(index) {
    const height = this.#rowHeight();
    const top = Math.floor(index / this.#columns) * height;
    const { scrollTop, clientHeight } = this.#scroller;
    const seen = clientHeight - this.covered();
    if (top < scrollTop) this.#scroller.scrollTop = top;
    else if (top + height > scrollTop + seen) this.#scroller.scrollTop = top + height - seen;
  }

  #rowHeight() {
    if (this.look === "tiles") return this.#tile.height + GAP;
    return Number.parseFloat(getComputedStyle(this).getPropertyValue("--row"));
  }

  update() {
    if (this.#isPressed) return;
    if (this.#isUpdating) return this.requestUpdate(); // asked for by what just changes
    this.#isUpdating = true;
    try {
      this.#draw();
    } finally {
      this.#isUpdating = false;
    }
  }

  #draw() {
    const { total } = this.listing;
    const held = this.#heldRow();
    this.hidden = !total;
    if (this.hidden) return this.#empty(held, total);
    this.#updateHeadings();
    this.#updateRows(total, held);
  }

  /** Until rows come, the focus waits around the list. */
  #empty(held, total) {
    if (held && total === null) this.#wished ??= { index: 0 };
    if (held || this.#wished?.isSure || (this.#wished && this.#isFree())) document.querySelector("main")?.focus({ preventScroll: true });
    this.#wished = total === 0 || this.#wished === null ? null : { ...this.#wished, isSure: false };
    this.#body.replaceChildren();
    this.#rows.clear();
  }

  /** The row that is not to be taken away or moved: whose name is being changed, or with the focus. */
  #heldRow() {
    const row = (this.#body.querySelector(".name-field") ?? document.activeElement)?.closest("file-row, file-tile");
    if (!row || !this.#body.contains(row)) return null;
    const key = [...this.#rows].find(([, one]) => one === row)?.[0];
    return key === undefined ? null : { row, key, index: Number(row.dataset.index), isNaming: row.querySelector(".name-field") !== null };
  }

  #updateHeadings() {
    const isTiles = this.look === "tiles";
    setAttribute(this, "data-look", this.look);
    setAttribute(this.#table, "role", isTiles ? null : "table");
    setAttribute(this.#table, "aria-label", isTiles ? null : t(`shell.${this.mode}`));
    setAttribute(this.#body, "role", isTiles ? "list" : "rowgroup");
    setAttribute(this.#body, "aria-label", isTiles ? t(`shell.${this.mode}`) : null);
    this.#heading.node.hidden = isTiles;
    this.#heading.show(this.sort);
  }

  #updateRows(total, held) {
    const { cell, height } = this.#measure(total);
    if (this.#top !== null) this.#scroller.scrollTop = this.#scrolled = this.#top;
    this.#top = null;
    const goal = this.#goalOf(held, total);
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN_ROWS) * this.#columns;
    const last = Math.min(total - 1, (Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN_ROWS) * this.#columns - 1);
    this.listing.want(first, last);
    if (goal !== null) this.#current = goal;
    else if (this.#current < first || this.#current > last) this.#current = Math.min(last, Math.ceil(scrollTop / height) * this.#columns);

    const numbers = Array.from({ length: last - first + 1 }, (_, step) => first + step);
    if (goal !== null && goal < first) numbers.unshift(goal);
    if (goal !== null && goal > last) numbers.push(goal);
    const before = this.#rows;
    this.#rows = new Map();
    const drawn = numbers.map((index) => this.#rowAt(index, before));
    if (held?.isNaming && !this.#rows.has(held.key) && !this.listing.isWhole) this.#rows.set(held.key, held.row); // its page is on the way
    arrange(this.#body, this.#rows.values(), held?.row);
    for (const { row, item, index } of drawn) {
      this.#dress(row, item, index, total);
      const x = this.look === "tiles" ? (index % this.#columns) * (cell + GAP) : 0;
      row.style.setProperty("transform", `translate(${x}px, ${Math.floor(index / this.#columns) * height}px)`);
    }
    this.#giveFocus(held, goal);
  }

  /** How rows lie, and how much room all take. */
  #measure(total) {
    const isTiles = this.look === "tiles";
    const width = this.#body.clientWidth;
    // A scrollbar that takes room of its own would shift the rows under their headings.
    this.#heading.node.style.setProperty("--bar", `${this.#scroller.offsetWidth - this.#scroller.clientWidth}px`);
    this.#tile = width < WIDE ? TILE : WIDE_TILE;
    this.#columns = isTiles ? Math.max(2, Math.floor((width + GAP) / (this.#tile.least + GAP))) : 1;
    const height = this.#rowHeight();
    setAttribute(this.#table, "aria-rowcount", isTiles ? null : total + 1);
    this.#body.style.setProperty("height", `${Math.ceil(total / this.#columns) * height}px`);
    const cell = (width - (this.#columns - 1) * GAP) / this.#columns;
    this.#body.style.setProperty("--tile", `${cell}px`);
    this.#body.style.setProperty("--tile-height", `${this.#tile.height}px`);
    return { cell, height };
  }

  /** Which row has the focus now, or is to have it: where it was asked for, or where the one that has it has gone. */
  #goalOf(held, total) {
    if (this.#wished && !this.#wished.isSure && !this.#isFree()) this.#wished = null;
    const wish = this.#wished ?? held;
    if (wish === null) return null;
    const isThere = wish.key !== undefined && this.listing.at(wish.index) && keyOf(this.listing.at(wish.index)) === wish.key;
    const found = isThere ? wish.index : wish.key === undefined ? -1 : this.listing.find(wish.key);
    const goal = Math.max(0, Math.min(found < 0 ? wish.index : found, total - 1));
    if ((this.#wished && !this.#wished.stays) || (this.#wished === null && held.key === this.#followed && goal !== held.index)) this.#reveal(goal);
    return goal;
  }

  #rowAt(index, before) {
    const tag = this.look === "tiles" ? "file-tile" : "file-row";
    const item = this.listing.at(index);
    const name = item ? keyOf(item) : `gap-${index}`;
    const key = this.#rows.has(name) ? `${name} ${index}` : name; // while pages of different ages meet
    const known = before.get(key) ?? before.get(`gap-${index}`); // what comes takes the place that was kept for it
    const row = known?.localName === tag ? known : h(tag);
    Object.assign(row, { mode: this.mode, showFolder: this.showFolder, item });
    this.#rows.set(key, row);
    return { row, item, index };
  }

  /** A row that went had the focus. */
  #giveFocus(held, goal) {
    const isLost = held !== null && !this.#body.contains(document.activeElement) && this.#isFree();
    if (goal === null || !(this.#wished || isLost)) return;
    const hadWish = this.#wished !== null;
    this.#wished = null;
    const field = hadWish ? null : this.#body.querySelector(".name-field");
    (field ?? this.#body.querySelector(`[data-index="${goal}"] .open`))?.focus({ preventScroll: true });
  }

  #dress(row, item, index, total) {
    if (item) this.selection.renew(item);
    row.selected = item !== undefined && this.selection.has(item);
    setAttribute(row, "data-index", index);
    if (this.look === "tiles") {
      setAttribute(row, "aria-posinset", index + 1);
      setAttribute(row, "aria-setsize", total);
    } else setAttribute(row, "aria-rowindex", index + 2);
    setAttribute(row, "data-cut", this.cut?.has(item && keyOf(item)) ?? false);
    setAttribute(row.querySelector(".open"), "tabindex", index === this.#current ? 0 : -1);
  }
}

customElements.define("file-list", FileList);
