// Hashes files in the background: the browser's own digest for small files where it exists, else one of at most two
// workers, else this thread in slices. `hash(blob, {signal})` answers 64 hex digits.

import { hashBlob } from "./hash.js";

/** Above this the one-shot digest would hold too much memory. */
const DIGEST_LIMIT_BYTES = 64 << 20;
const WORKERS = 2;

export class Hasher {
  #spawn;
  #subtle;
  /** @type {{worker: Worker, jobs: Map<number, object>}[]} */
  #pool = [];
  #lastJob = 0;

  /** @param {{spawn?: () => Worker, subtle?: SubtleCrypto}} means `subtle` only in a secure context */
  constructor({ spawn, subtle } = {}) {
    this.#spawn = spawn;
    this.#subtle = subtle;
  }

  /** @param {Blob} blob @param {{signal?: AbortSignal}} [options] @returns {Promise<string>} */
  async hash(blob, { signal } = {}) {
    if (this.#subtle && blob.size <= DIGEST_LIMIT_BYTES) return this.#digest(blob, signal);
    const slot = this.#slot();
    return slot ? this.#inWorker(slot, blob, signal) : hashBlob(blob, { signal });
  }

  async #digest(blob, signal) {
    const bytes = await blob.arrayBuffer();
    signal?.throwIfAborted();
    const digest = new Uint8Array(await this.#subtle.digest("SHA-256", bytes));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** The least busy worker; a new one while there are fewer than WORKERS and all have work. */
  #slot() {
    const free = this.#pool.find((slot) => slot.jobs.size === 0);
    if (free) return free;
    if (this.#pool.length < WORKERS && this.#spawn) {
      const slot = this.#start();
      if (slot) return slot;
    }
    return this.#pool.toSorted((a, b) => a.jobs.size - b.jobs.size)[0];
  }

  #start() {
    try {
      const slot = { worker: this.#spawn(), jobs: new Map() };
      slot.worker.addEventListener("message", ({ data }) => settle(slot, data));
      slot.worker.addEventListener("error", () => this.#lost(slot));
      this.#pool.push(slot);
      return slot;
    } catch {
      return null;
    }
  }

  /** A worker that could not load takes no more work; its jobs go on in this thread. */
  #lost(slot) {
    this.#pool = this.#pool.filter((other) => other !== slot);
    this.#spawn = undefined;
    for (const { resolve, blob, signal } of slot.jobs.values()) resolve(hashBlob(blob, { signal }));
    slot.jobs.clear();
  }

  #inWorker(slot, blob, signal) {
    const job = ++this.#lastJob;
    return new Promise((resolve, reject) => {
      slot.jobs.set(job, { resolve, reject, blob, signal });
      signal?.addEventListener("abort", () => slot.worker.postMessage({ job, stop: true }), { once: true });
      slot.worker.postMessage({ job, blob });
    });
  }
}

function settle(slot, { job, hex, error }) {
  if (hex === undefined && error === undefined) return; // progress
  const waiting = slot.jobs.get(job);
  slot.jobs.delete(job);
  if (hex !== undefined) waiting?.resolve(hex);
  else waiting?.reject(new DOMException("The file could not be read", error));
}
