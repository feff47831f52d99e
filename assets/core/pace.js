// How many chunks of an upload are on their way at a time: two to four, as the line takes them. Many hide the time
// that each request waits; few leave a slow line to the chunk that is nearly there.

const FEWEST = 2;
const MOST = 4;
const FIRST = 3;
/** Looked at this often. */
const STEP_MS = 1500;
/** A chunk that takes no longer leaves room for one more; one that takes so long has too many beside it. */
const QUICK_MS = 1000;
const SLOW_MS = 6000;

export class Pace {
  #chunks = FIRST;
  #since = null;
  #stored = 0;

  /** How many chunks may be on their way. */
  get chunks() {
    return this.#chunks;
  }

  /** Sending begins, or begins again: what lay between does not count. @param {number} now milliseconds */
  begin(now) {
    this.#since = now;
    this.#stored = 0;
  }

  /** One chunk was stored. @param {number} now */
  stored(now) {
    this.#stored++;
    const span = now - (this.#since ?? now);
    if (span < STEP_MS) return;
    const each = (span * this.#chunks) / this.#stored;
    if (each < QUICK_MS) this.#chunks = Math.min(MOST, this.#chunks + 1);
    else if (each > SLOW_MS) this.#chunks = Math.max(FEWEST, this.#chunks - 1);
    this.begin(now);
  }
}
