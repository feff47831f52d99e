// A long list from the server, loaded page by page as it is looked at. Old rows stay until new ones have come, so a
// refresh never blinks.
//
// Events: "change".

export class Pager extends EventTarget {
  #load;
  #pageSize;
  #query = {};
  /** @type {Map<number, object[]>} */
  #pages = new Map();
  /** @type {Set<number>} */
  #loading = new Set();
  /** Pages shown from before the last refresh. @type {Set<number>} */
  #stale = new Set();
  /** Answers to questions asked before the last reset do not count. */
  #generation = 0;

  /** Rows in the whole list; null until the first answer. @type {number | null} */
  total = null;
  /** Why the last page did not come. @type {Error | null} */
  problem = null;

  /** @param {{load: (query: object) => Promise<{items: object[], total: number}>, pageSize?: number}} means */
  constructor({ load, pageSize = 100 }) {
    super();
    this.#load = load;
    this.#pageSize = pageSize;
  }

  /** Another list: forgets everything. */
  reset(query) {
    this.#query = query;
    this.#generation++;
    this.#pages.clear();
    this.#loading.clear();
    this.#stale.clear();
    this.total = null;
    this.problem = null;
    this.#changed();
  }

  /** The same list, which has changed at the server. */
  refresh() {
    this.#generation++;
    this.#loading.clear();
    this.#stale = new Set(this.#pages.keys());
    this.problem = null;
    this.#changed();
  }

  /** @returns {object | undefined} undefined while its page is not here */
  at(index) {
    return this.#pages.get(Math.floor(index / this.#pageSize))?.[index % this.#pageSize];
  }

  /** Loads what is missing or stale between two rows, both included. After a problem, nothing until refresh. */
  want(first, last) {
    if (this.problem) return;
    const [from, to] = [Math.max(0, first), Math.max(0, last)].map((index) => Math.floor(index / this.#pageSize));
    for (let page = from; page <= to; page++) {
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

  /** Takes rows away before the server has been told; where they were at a page's end, a gap shows until the refresh. */
  remove(matches) {
    for (const [page, items] of this.#pages) {
      const kept = items.filter((item) => !matches(item));
      this.#pages.set(page, kept);
      this.total -= items.length - kept.length;
    }
    this.#changed();
  }

  patch(id, fields) {
    for (const [page, items] of this.#pages)
      this.#pages.set(page, items.map((item) => (item.id === id ? { ...item, ...fields } : item)));
    this.#changed();
  }

  async #fetch(page) {
    const generation = this.#generation;
    this.#loading.add(page);
    try {
      const { items, total } = await this.#load({
        ...this.#query,
        offset: page * this.#pageSize,
        limit: this.#pageSize,
      });
      if (generation !== this.#generation) return;
      this.#pages.set(page, items);
      this.total = total;
      this.#dropBeyond(total);
    } catch (error) {
      if (generation !== this.#generation) return;
      this.problem = error;
    }
    this.#loading.delete(page);
    this.#stale.delete(page);
    this.#changed();
  }

  #dropBeyond(total) {
    for (const page of [...this.#pages.keys()]) {
      if (page > 0 && page * this.#pageSize >= total) this.#pages.delete(page); // that the first is empty is known
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
