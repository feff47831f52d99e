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

/** How long other pages have to answer, where there are no locks. */
const ANSWER_MS = 250;

/** Which uploads are sent by which page, by task id, or by the key of what came together. */
export class Holds {
  #locks;
  #channel;
  /** @type {Map<string, () => void>} how to let go */
  #own = new Map();

  /** @param {LockManager | undefined} [locks] @param {BroadcastChannel} [channel] where there are no locks, pages ask each other */
  constructor(locks, channel) {
    this.#locks = locks;
    if (locks === undefined) this.#channel = channel;
    this.#channel?.addEventListener("message", ({ data }) => data.asks && channel.postMessage({ held: [...this.#own.keys()] }));
  }

  /** This page sends it from now on, or as soon as another one stops. @param {string} id */
  take(id) {
    if (this.#own.has(id)) return;
    if (this.#locks === undefined) return void this.#own.set(id, () => {});
    const waiting = new AbortController();
    this.#own.set(id, () => waiting.abort());
    const kept = () => new Promise((release) => this.#own.set(id, release));
    this.#locks.request(UPLOAD + id, { signal: waiting.signal }, kept).catch(() => {}); // let go before it was ours
  }

  /** Whether this page sends it. @param {string} id */
  has(id) {
    return this.#own.has(id);
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
    const ids = this.#locks === undefined ? await this.#asked() : await this.#locked();
    return new Set(ids.filter((id) => !this.#own.has(id)));
  }

  async #asked() {
    const ids = [];
    if (this.#channel === undefined) return ids;
    const hear = ({ data }) => ids.push(...(data.held ?? []));
    this.#channel.addEventListener("message", hear);
    this.#channel.postMessage({ asks: true });
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    this.#channel.removeEventListener("message", hear);
    return ids;
  }

  async #locked() {
    const { held = [] } = await this.#locks.query();
    return held.filter(({ name }) => name.startsWith(UPLOAD)).map(({ name }) => name.slice(UPLOAD.length));
  }

  /** Waits until no other page sends it. @param {string} id */
  free(id) {
    return this.#locks === undefined ? new Promise(() => {}) : this.#locks.request(UPLOAD + id, () => {});
  }
}
