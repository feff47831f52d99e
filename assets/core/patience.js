// Waiting until trying makes sense again: for a time, for the connection, or until somebody is signed in. What happens
// meanwhile ends every wait early.

import { sleep as plainSleep } from "./retry.js";

export class Patience {
  #bell = new EventTarget();
  #sleep;
  #online = true;
  #signedIn = false;

  /** @param {typeof plainSleep} [sleep] */
  constructor(sleep = plainSleep) {
    this.#sleep = sleep;
  }

  set online(online) {
    this.#online = online;
    if (online) this.wake();
  }

  set signedIn(signedIn) {
    this.#signedIn = signedIn;
    if (signedIn) this.wake();
  }

  wake() {
    this.#bell.dispatchEvent(new Event("ring"));
  }

  /** @param {number} ms @param {AbortSignal} signal */
  sleep(ms, signal) {
    return this.#sleepWith(this.#sleep, ms, signal);
  }

  /** Until there is somebody to ask. @param {AbortSignal} signal @param {() => void} [onWait] */
  async connected(signal, onWait = () => {}) {
    while (!this.#online || !this.#signedIn) {
      onWait();
      await this.#sleepWith(plainSleep, 2 ** 30, signal);
    }
  }

  async #sleepWith(sleep, ms, signal) {
    const early = new AbortController();
    const ring = () => early.abort();
    this.#bell.addEventListener("ring", ring, { once: true });
    try {
      await sleep(ms, AbortSignal.any([signal, early.signal]));
    } catch {
      signal.throwIfAborted();
    } finally {
      this.#bell.removeEventListener("ring", ring);
    }
  }
}
