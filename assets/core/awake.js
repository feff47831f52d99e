// Keeps the screen on while something is being sent: a phone that falls asleep stops sending.

import { isMoving } from "./upload-view.js";

export class Awake {
  #store;
  #request;
  #lock = null;
  #isAsking = false;
  #wasRefused = false;

  /** @param {{store: import("./store.js").Store, request?: () => Promise<WakeLockSentinel>}} means absent: not possible here */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
    for (const topic of ["uploads", "upload"]) store.addEventListener(topic, ({ key }) => (this.#isHeld && needs(store.uploads.get(key))) || this.#follow());
  }

  /** Also called when the page is looked at again, for a hidden page loses its lock. */
  look() {
    this.#wasRefused = false;
    return this.#follow();
  }

  async #follow() {
    if (this.#request === undefined || this.#isAsking || this.#wasRefused) return;
    this.#isAsking = true;
    try {
      while (this.#isNeeded !== this.#isHeld) { // sending may end while the browser is asked
        if (this.#isNeeded) this.#lock = await this.#request();
        else await this.#lock.release();
      }
    } catch {
      this.#wasRefused = true; // low battery, or a page that is not in front: not asked with every chunk
    } finally {
      this.#isAsking = false;
    }
  }

  get #isNeeded() {
    for (const view of this.#store.uploads.values()) if (needs(view)) return true;
    return false;
  }

  get #isHeld() {
    return this.#lock !== null && !this.#lock.released;
  }
}

const needs = (view) => view?.driven && isMoving(view);
