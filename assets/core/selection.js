// What is selected, by key, and where a range begins.
//
// Events: "change".

import { keyOf } from "./listing.js";

export class Selection extends EventTarget {
  /** @type {Map<string, object>} */
  #items = new Map();
  /** What was selected when the range began. */
  #base = new Map();
  /** Key of the row from which Shift counts. @type {string | null} */
  anchor = null;

  get size() {
    return this.#items.size;
  }

  has(item) {
    return this.#items.has(keyOf(item));
  }

  list() {
    return [...this.#items.values()];
  }

  toggle(item) {
    if (!this.#items.delete(keyOf(item))) this.#items.set(keyOf(item), item);
    this.begin(item);
    this.#changed();
  }

  /** Shift counts from here. */
  begin(item) {
    this.anchor = keyOf(item);
    this.#base = new Map(this.#items);
  }

  /** The rows from the anchor to another, in place of the last such range. @param {object[]} items */
  range(items) {
    this.#items = new Map([...this.#base, ...items.map((item) => [keyOf(item), item])]);
    this.#changed();
  }

  /** Exactly these. @param {object[]} items */
  replace(items) {
    this.#items = new Map(items.map((item) => [keyOf(item), item]));
    this.#base = new Map();
    this.anchor = null;
    this.#changed();
  }

  /** The row was loaded again: its newer facts, where it is selected. */
  renew(item) {
    if (this.has(item)) this.#items.set(keyOf(item), item);
  }

  /** @param {string[]} keys */
  dropKeys(keys) {
    for (const key of keys) this.#base.delete(key);
    const dropped = keys.filter((key) => this.#items.delete(key));
    if (dropped.length > 0) this.#changed();
  }

  drop(items) {
    this.dropKeys(items.map(keyOf));
  }

  clear() {
    this.anchor = null;
    if (this.size > 0) this.replace([]);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
