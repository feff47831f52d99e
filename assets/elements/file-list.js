// <file-list>: the stored files of a folder, or of all folders. Draws only the rows that are in view, so a hundred
// thousand scroll like ten. Nothing moves under a pressed pointer: updates wait for its release.
//
// Properties: `pager`, `store`, `folder`. Actions: "pick-files".

import { count, folderWords } from "../core/format.js";
import { DriveElement } from "./element.js";
import { h, icon, placeholder, setAttribute, setIcon, setText } from "./dom.js";

const OVERSCAN_ROWS = 8;
const SKELETON_AFTER_MS = 150;
const CLOCK_MS = 30_000;
const FIRST_REFRESH_MS = 100;
const NEXT_REFRESH_MS = 1500;

/** `descends`: what a first click on the heading gives, the useful end first. */
const COLUMNS = [
  { key: "name", word: "Name", descends: false },
  { key: "size", word: "Size", descends: true },
  { key: null, word: "Type" },
  { key: "updatedAt", word: "Modified", descends: true },
];

export class FileList extends DriveElement {
  pager;
  store;
  #folder = "/";
  #sort = { key: "updatedAt", descends: true };
  #isPressed = false;
  /** @type {Map<string, HTMLElement>} rows in view by file id */
  #rows = new Map();
  #headings = new Map();
  #skeletonTimer = null;
  #refreshing = null;
  #refreshedAt = -Infinity;
  /** Undoes what `connected` began and no listener is. */
  #leave = () => {};

  #count = h("span", { class: "total number", role: "status" });
  #upload = h(
    "button",
    { type: "button", class: "primary", onclick: () => this.act("pick-files") },
    icon("upload"),
    "Upload",
  );
  #order = h("select", { "aria-label": "Sort by", onchange: () => this.#onOrder() });
  #heading = h("div", { role: "row", class: "heading" });
  #body = h("div", { role: "rowgroup", class: "rows" });
  #more = h("div", { class: "error more", role: "alert", hidden: true });
  #scroller = h("div", { class: "scroller" });
  #table = h("div", { role: "table", "aria-label": "Files" }, this.#heading, this.#scroller);
  #state = h("div", { class: "state", hidden: true });

  set folder(folder) {
    if (folder === this.#folder && this.pager.total !== null) return;
    this.#folder = folder;
    this.#ask();
  }

  build() {
    for (const { key, word } of COLUMNS) this.#heading.append(this.#buildHeading(key, word));
    this.#heading.append(h("span"));
    for (const { key, word } of COLUMNS.filter((column) => column.key))
      this.#order.append(h("option", { value: key }, word));
    this.#scroller.append(this.#body);
    this.append(
      h("div", { class: "tools" }, this.#upload, this.#count, this.#order),
      this.#table,
      this.#more,
      this.#state,
    );
    this.#ask();
  }

  #buildHeading(key, word) {
    const cell = h("span", { role: "columnheader", class: key ?? "kind" }, key ? null : word);
    if (key) {
      const arrow = icon("descending");
      cell.append(h("button", { type: "button", onclick: () => this.#onSort(key) }, word, arrow));
      this.#headings.set(key, { cell, arrow });
    }
    return cell;
  }

  connected() {
    this.listen(this.pager, "change", () => this.requestUpdate());
    this.listen(this.store, "files", () => this.#refreshSoon());
    this.listen(this.store, "account", () => this.requestUpdate());
    this.listen(this.#scroller, "scroll", () => this.requestUpdate(), { passive: true });
    this.listen(this, "pointerdown", () => (this.#isPressed = true));
    this.listen(window, "pointerup pointercancel", () => this.#onRelease());
    this.listen(this.#scroller, "keydown", (event) => this.#onKey(event));
    const resized = new ResizeObserver(() => this.requestUpdate());
    resized.observe(this.#scroller);
    const clock = setInterval(() => this.requestUpdate(), CLOCK_MS);
    this.#leave = () => {
      resized.disconnect();
      clearInterval(clock);
    };
    if (this.pager.total !== null) this.pager.refresh(); // it may have changed while another view was shown
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#leave();
  }

  #ask() {
    const { key, descends } = this.#sort;
    const folder = this.#folder === "/" ? undefined : this.#folder;
    this.#scroller.scrollTop = 0;
    this.pager.reset({ folder, sortBy: key, sortDescending: descends });
  }

  /** Soon after one change; while many come, no more often than is pleasant to look at. */
  #refreshSoon() {
    const wait = Math.max(FIRST_REFRESH_MS, this.#refreshedAt + NEXT_REFRESH_MS - performance.now());
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = null;
      this.#refreshedAt = performance.now();
      this.pager.refresh();
    }, wait);
  }

  #onSort(key) {
    const column = COLUMNS.find((found) => found.key === key);
    const isSame = this.#sort.key === key;
    this.#sort = { key, descends: isSame ? !this.#sort.descends : column.descends };
    this.#ask();
  }

  #onOrder() {
    if (this.#order.value !== this.#sort.key) this.#onSort(this.#order.value);
  }

  #onRelease() {
    if (!this.#isPressed) return;
    // After the click that follows the release, so that it still hits what was pressed.
    setTimeout(() => {
      this.#isPressed = false;
      this.requestUpdate();
    });
  }

  /** Arrows, Home and End walk through the names. */
  #onKey(event) {
    const row = document.activeElement.closest("file-row");
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!row || step === undefined) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(this.pager.total - 1, Number(row.getAttribute("aria-rowindex")) - 2 + step));
    this.#reveal(index);
    this.update();
    this.#body.querySelector(`[aria-rowindex="${index + 2}"] [download]`)?.focus({ preventScroll: true });
  }

  #reveal(index) {
    const height = this.#rowHeight();
    const { scrollTop, clientHeight } = this.#scroller;
    if (index * height < scrollTop) this.#scroller.scrollTop = index * height;
    else if ((index + 1) * height > scrollTop + clientHeight)
      this.#scroller.scrollTop = (index + 1) * height - clientHeight;
  }

  #rowHeight() {
    return Number.parseFloat(getComputedStyle(this).getPropertyValue("--row"));
  }

  update() {
    if (this.#isPressed) return;
    const { total, problem } = this.pager;
    const isEmpty = total === 0 || (total === null && problem !== null);
    this.#upload.hidden = !this.#mayUpload || total === 0; // an empty list has its own button
    this.#table.hidden = isEmpty || total === null;
    this.#state.hidden = !this.#table.hidden;
    this.#order.hidden = this.#table.hidden;
    setText(this.#count, total ? count(total, "file") : "");
    this.#updateOrder();
    this.#updateState(total, problem);
    this.#updateMore(total, problem);
    if (this.#table.hidden) this.pager.want(0, 0);
    else this.#updateRows(total);
  }

  get #mayUpload() {
    return this.store.account?.role !== "guest";
  }

  #updateOrder() {
    const { key, descends } = this.#sort;
    for (const [column, { cell, arrow }] of this.#headings) {
      setAttribute(cell, "aria-sort", column === key ? (descends ? "descending" : "ascending") : null);
      setIcon(arrow, descends ? "descending" : "ascending");
    }
    this.#order.value = key;
  }

  /** Skeleton, empty or failed. The skeleton waits a moment, for most answers come before it would be seen. */
  #updateState(total, problem) {
    if (this.#table.hidden === false || total === 0 || problem) {
      clearTimeout(this.#skeletonTimer);
      this.#skeletonTimer = null;
    }
    if (problem && total === null) {
      const retry = h("button", { type: "button", onclick: () => this.pager.refresh() }, icon("retry"), "Try again");
      this.#show("problem", () =>
        placeholder({ glyph: "warning", title: "The files could not be loaded", text: problem.message }, retry),
      );
    } else if (total === 0) {
      this.#show(`empty${this.#folder}${this.#mayUpload}`, () => this.#emptyState());
    } else if (total === null) {
      if (this.#state.dataset.shown !== "skeleton") this.#show("nothing", () => "");
      this.#skeletonTimer ??= setTimeout(() => this.#show("skeleton", skeleton), SKELETON_AFTER_MS);
    }
  }

  #show(what, make) {
    if (this.#state.dataset.shown === what) return;
    this.#state.dataset.shown = what;
    this.#state.replaceChildren(make());
  }

  #emptyState() {
    const place = folderWords(this.#folder);
    const title = place ? `Nothing in ${place} yet` : "No files yet";
    if (!this.#mayUpload)
      return placeholder({ glyph: "files", title, text: "Files that are stored here will show up in this list." });
    const pick = h(
      "button",
      { type: "button", class: "primary", onclick: () => this.act("pick-files") },
      icon("upload"),
      "Choose files",
    );
    const canDrop = matchMedia("(hover: hover)").matches;
    const text = canDrop
      ? "Drop files or a folder anywhere on this page to store them."
      : "Choose photos or files on this device to store them.";
    return placeholder({ glyph: "upload", title, text }, pick);
  }

  #updateMore(total, problem) {
    const shows = problem !== null && total > 0;
    if (shows === !this.#more.hidden) return;
    this.#more.hidden = !shows;
    if (!shows) return;
    const retry = h("button", { type: "button", class: "small", onclick: () => this.pager.refresh() }, "Try again");
    this.#more.replaceChildren(
      icon("warning"),
      h("span", {}, `This list could not be brought up to date. ${problem.message}`),
      retry,
    );
  }

  #updateRows(total) {
    const height = this.#rowHeight();
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN_ROWS);
    const last = Math.min(total - 1, Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN_ROWS);
    this.pager.want(first, last);
    setAttribute(this.#table, "aria-rowcount", total + 1);
    this.#body.style.setProperty("height", `${total * height}px`);

    const before = this.#rows;
    this.#rows = new Map();
    let place = this.#body.firstElementChild;
    for (let index = first; index <= last; index++) {
      const file = this.pager.at(index);
      const key = file?.id ?? `gap-${index}`;
      const row = before.get(key) ?? h("file-row");
      before.delete(key);
      this.#rows.set(key, row);
      row.file = file;
      row.showFolder = this.#folder === "/";
      setAttribute(row, "aria-rowindex", index + 2);
      row.style.setProperty("transform", `translateY(${index * height}px)`);
      if (row === place) place = place.nextElementSibling;
      else this.#body.insertBefore(row, place);
    }
    for (const row of before.values()) row.remove();
  }
}

function skeleton() {
  const rows = Array.from({ length: 8 }, () =>
    h("div", { class: "skeleton-row" }, h("span", { class: "skeleton" }), h("span", { class: "skeleton" })),
  );
  return h("div", { class: "skeletons", "aria-label": "Loading", role: "status" }, ...rows);
}

customElements.define("file-list", FileList);
