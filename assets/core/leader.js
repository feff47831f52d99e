// Pages of one browser among themselves, by the browser's locks, which end with their page however it ends. One page
// leads: it goes on by itself with uploads whose files the browser still lets us open; when it is closed, another one
// takes over. And each upload is held by the page that sends it.

const LEAD = "drive-uploads";
const UPLOAD = "drive-upload-";

/**
 * @param {LockManager | undefined} locks absent on plain http: then each page leads
 * @param {() => void} onLead
 */
export function lead(locks, onLead) {
  if (locks === undefined) return onLead();
  const kept = () => {
    onLead();
    return new Promise(() => {}); // until the page goes
  };
  locks.request(LEAD, kept).catch(onLead);
}

/** Which uploads are sent by which page, by task id, or by the key of a folder. */
export class Holds {
  #locks;
  /** @type {Map<string, () => void>} how to let go */
  #own = new Map();

  /** @param {LockManager | undefined} [locks] absent: nothing is known of other pages */
  constructor(locks) {
    this.#locks = locks;
  }

  /** This page sends it from now on, or as soon as another one stops. @param {string} id */
  take(id) {
    if (this.#locks === undefined || this.#own.has(id)) return;
    const waiting = new AbortController();
    this.#own.set(id, () => waiting.abort());
    const kept = () => new Promise((release) => this.#own.set(id, release));
    this.#locks.request(UPLOAD + id, { signal: waiting.signal }, kept).catch(() => {}); // let go before it was ours
  }

  /** @param {string} id */
  drop(id) {
    this.#own.get(id)?.();
    this.#own.delete(id);
  }

  dropAll() {
    for (const id of [...this.#own.keys()]) this.drop(id);
  }

  /** @returns {Promise<Set<string>>} what other pages send at the moment */
  async others() {
    const { held = [] } = (await this.#locks?.query()) ?? {};
    const ids = held.filter(({ name }) => name.startsWith(UPLOAD)).map(({ name }) => name.slice(UPLOAD.length));
    return new Set(ids.filter((id) => !this.#own.has(id)));
  }

  /** Waits until no other page sends it. @param {string} id */
  free(id) {
    return this.#locks === undefined ? new Promise(() => {}) : this.#locks.request(UPLOAD + id, () => {});
  }
}
