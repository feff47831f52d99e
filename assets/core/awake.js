// Keeps the screen on while something is being sent: a phone that falls asleep stops sending.

import { isMoving } from "./upload-view.js";

export class Awake {
  #store;
  #request;
  #lock = null;
  #isAsking = false;

  /** @param {{store: import("./store.js").Store, request?: () => Promise<WakeLockSentinel>}} means absent: not possible here */
  constructor({ store, request }) {
    this.#store = store;
    this.#request = request;
    for (const topic of ["uploads", "upload"]) store.addEventListener(topic, () => this.look());
  }

  /** Also called when the page is looked at again, for a hidden page loses its lock. */
  async look() {
    if (this.#request === undefined || this.#isAsking) return;
    const isNeeded = this.#store.uploads.size > 0 && [...this.#store.uploads.values()].some((view) => view.driven && isMoving(view));
    if (isNeeded === (this.#lock !== null && !this.#lock.released)) return;
    this.#isAsking = true;
    try {
      if (isNeeded) this.#lock = await this.#request();
      else await this.#lock.release();
      if (!isNeeded) this.#lock = null;
    } catch {
      this.#lock = null; // refused: low battery, or a page that is not in front
    } finally {
      this.#isAsking = false;
    }
  }
}
