// A long list from the server, loaded page by page as it is looked at. Old rows stay until new ones have come, so a
// refresh never blinks. Rows are counted as they are shown, without those that are going away.
//
// Events: "change".

import { Pending } from "./pending.js";

/** Pages that are loaded at a time: the rest can still be given up for what is looked at then. */
const AT_ONCE = 3;

export class Pager extends EventTarget {
  #load;
  #pageSize;
  #query = {};
  #pending;
  /** Which list this is, whatever its order. */
  #list = "";
  /** As the server told them. @type {Map<number, {rows: object[], asked: number}>} */
  #pages = new Map();
  /** As they are shown; null for a row that is going away. @type {Map<number, (object | null)[]>} */
  #shown = new Map();
  /** The server's numbers of the rows that are shown; null: all of them. @type {number[] | null} */
  #order = null;
  #total = null;
  #totalAsked = 0;
  /** Whether the pages are of another order. */
  #isTurned = false;
  /** First and last page of those that were asked for last. @type {[number, number] | null} */
  #wish = null;
  /** @type {Set<number>} */
  #loading = new Set();
  /** Pages shown from before the last refresh. @type {Set<number>} */
  #stale = new Set();
  /** Answers to questions asked before the last reset do not count. */
  #generation = 0;

  /** Why the last page did not come. @type {Error | null} */
  problem = null;

  /** @param {{load: (query: object) => Promise<{items: object[], total: number}>, pending?: Pending, pageSize?: number}} means */
  constructor({ load, pending = new Pending(), pageSize = 100 }) {
    super();
    this.#load = load;
    this.#pending = pending;
    this.#pageSize = pageSize;
  }

  /** Rows in the whole list; null until the first answer. @type {number | null} */
  get total() {
    return this.#order?.length ?? this.#total;
  }

  /** Whether every row is here and as new as can be. */
  get isWhole() {
    return this.#total !== null && this.#stale.size === 0 && this.#loading.size === 0 && this.#pages.size * this.#pageSize >= this.#total;
  }

  /** Another list: forgets everything. @param {string} list its name, whatever the order */
  reset(query, list = "") {
    this.#query = query;
    this.#list = list;
    this.#generation++;
    this.#pages.clear();
    this.#wish = null;
    this.#loading.clear();
    this.#stale.clear();
    this.#isTurned = false;
    this.#total = null;
    this.problem = null;
    this.arrange();
  }

  /** The same list in another order: the old one stays until the new one comes. */
  turn(query) {
    this.#query = query;
    this.#isTurned = true;
    this.refresh();
  }

  /** The same list, which has changed at the server. */
  refresh() {
    this.#generation++;
    this.#wish = null;
    this.#loading.clear();
    this.#stale = new Set(this.#pages.keys());
    this.problem = null;
    this.arrange();
  }

  /** @returns {object | undefined} undefined while its page is not here */
  at(index) {
    const number = this.#order === null ? index : this.#order[index];
    return this.#shown.get(Math.floor(number / this.#pageSize))?.[number % this.#pageSize] ?? undefined;
  }

  /** Where a row that is here stands; -1 for others. @param {(row: object) => boolean} matches */
  find(matches) {
    for (const [page, rows] of this.#shown) {
      const at = rows.findIndex((row) => row !== null && matches(row));
      if (at < 0) continue;
      const number = page * this.#pageSize + at;
      return this.#order === null ? number : this.#order.indexOf(number);
    }
    return -1;
  }

  /**
   * Loads what is missing or stale between two rows, both included, and nothing else that was wanted before and has not
   * begun: a list is scrolled faster than it comes. After a problem, nothing until refresh.
   */
  want(first, last) {
    this.#wish = [first, last].map((index) => Math.max(0, index)).map((index) => Math.floor((this.#order === null ? index : (this.#order[index] ?? 0)) / this.#pageSize));
    this.#fill();
  }

  #fill() {
    if (this.#wish === null || this.problem) return;
    const [from, to] = this.#wish;
    const end = Math.max(1, Math.ceil((this.#total ?? Infinity) / this.#pageSize)); // it may have become shorter
    for (let page = from; page <= to && page < end && this.#loading.size < AT_ONCE; page++) {
      const isHere = this.#pages.has(page) && !this.#stale.has(page);
      if (!isHere && !this.#loading.has(page)) this.#fetch(page);
    }
  }

  /** Loads rows and waits for them, or for the problem that keeps them away. */
  async ensure(first, last) {
    const isMissing = () => !this.problem && Array.from({ length: last - first + 1 }, (_, i) => this.at(first + i)).includes(undefined);
    while (isMissing() && (this.total === null || last < this.total)) {
      this.want(first, last);
      await new Promise((resolve) => this.addEventListener("change", resolve, { once: true }));
    }
  }

  /** Brings what is shown up to date with what is pending. */
  arrange() {
    this.#order = null;
    this.#shown = new Map();
    let gone = 0;
    for (const [page, { rows, asked }] of this.#pages) {
      const shown = this.#pending.isEmpty ? rows : rows.map((row) => this.#pending.shown(row.id, row, asked));
      gone += this.#pending.isEmpty ? 0 : shown.filter((row) => row === null).length;
      this.#shown.set(page, shown);
    }
    const elsewhere = this.#pending.isEmpty || this.#total === null ? 0 : this.#pending.countGone(this.#list, this.#totalAsked) - gone;
    if (gone > 0 || elsewhere > 0) this.#leaveOut(elsewhere);
    this.dispatchEvent(new Event("change"));
  }

  /** Numbers the rows anew without those that go; of those that are not here, as many as are known to go. */
  #leaveOut(elsewhere) {
    this.#order = [];
    for (let number = 0; number < this.#total; number++) {
      const row = this.#shown.get(Math.floor(number / this.#pageSize))?.[number % this.#pageSize];
      if (row === null || (row === undefined && elsewhere-- > 0)) continue;
      this.#order.push(number);
    }
  }

  async #fetch(page) {
    const generation = this.#generation;
    const asked = this.#pending.now();
    this.#loading.add(page);
    try {
      const { items, total } = await this.#load({
        ...this.#query,
        offset: page * this.#pageSize,
        limit: this.#pageSize,
      });
      if (generation !== this.#generation) return;
      if (this.#isTurned) {
        this.#pages.clear();
        this.#stale.clear();
        this.#isTurned = false;
      }
      this.#pages.set(page, { rows: items, asked });
      this.#total = total;
      this.#totalAsked = asked;
      this.#dropBeyond(total);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.problem = error;
    }
    this.#loading.delete(page);
    this.#stale.delete(page);
    this.arrange();
    this.#fill();
  }

  #dropBeyond(total) {
    for (const page of [...this.#pages.keys()]) {
      if (page > 0 && page * this.#pageSize >= total) this.#pages.delete(page); // that the first is empty is known
    }
  }

  /** When the oldest of what is shown was asked for. */
  get oldest() {
    return Math.min(Infinity, this.#totalAsked, ...[...this.#pages.values()].map(({ asked }) => asked));
  }
}
