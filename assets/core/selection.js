// What is selected, by key, and where a range begins.
//
// Events: "change".

import { keyOf } from "./listing.js";

export class Selection extends EventTarget {
  /** @type {Map<string, object>} */
  #items = new Map();
  /** Row from which Shift counts. */
  anchor = 0;

  get size() {
    return this.#items.size;
  }

  has(item) {
    return this.#items.has(keyOf(item));
  }

  list() {
    return [...this.#items.values()];
  }

  toggle(item, index) {
    if (!this.#items.delete(keyOf(item))) this.#items.set(keyOf(item), item);
    this.anchor = index;
    this.#changed();
  }

  /** Exactly these. @param {object[]} items */
  replace(items) {
    this.#items = new Map(items.map((item) => [keyOf(item), item]));
    this.#changed();
  }

  /** The row was loaded again: its newer facts, where it is selected. */
  renew(item) {
    if (this.has(item)) this.#items.set(keyOf(item), item);
  }

  drop(items) {
    const dropped = items.filter((item) => this.#items.delete(keyOf(item)));
    if (dropped.length > 0) this.#changed();
  }

  clear() {
    if (this.size > 0) this.replace([]);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
