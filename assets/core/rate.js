// How fast something moves, from totals reported at irregular times: the slope over the last few seconds.

const WINDOW_MS = 5000;
/** Totals reported more often than this add nothing to the slope. */
const STEP_MS = 100;
/** What people read changes this often. */
const SHOWN_MS = 500;

export class RateMeter {
  /** @type {{at: number, total: number}[]} oldest first */
  #samples = [];

  /** Totals may fall, when bytes in flight are lost. @param {number} total @param {number} now milliseconds */
  add(total, now) {
    const last = this.#samples.at(-1);
    if (last && now - last.at < STEP_MS) return;
    this.#samples.push({ at: now, total });
    while (this.#samples.length > 2 && now - this.#samples[1].at > WINDOW_MS) this.#samples.shift();
  }

  reset() {
    this.#samples = [];
  }

  /** Bytes per second; 0 until there is something to compare. @param {number} now */
  perSecond(now) {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || last === first) return 0;
    return Math.max(0, ((last.total - first.total) * 1000) / Math.max(now - first.at, STEP_MS));
  }

  /** @returns {number | null} null while nothing moves */
  secondsLeft(remaining, now) {
    const speed = this.perSecond(now);
    return speed > 0 ? remaining / speed : null;
  }
}

/** What is told changes this often, so that it can be read. */
const TOLD_MS = 500;

/** How fast many uploads move together. */
export class Tempo {
  #bytes = new RateMeter();
  #work = new RateMeter();
  #last = 0;
  #told = { rate: 0, secondsLeft: null };
  #toldAt = 0;

  /**
   * @param {{sending: number, sent: number, workDone: number, workLeft: number}} sum as `totals` tells it
   * @param {number} now milliseconds
   * @returns {{rate: number, secondsLeft: number | null}} bytes per second
   */
  measure({ sending, sent, workDone, workLeft }, now) {
    if (sending === 0 || workDone < this.#last) this.#reset(); // others may have come, or have been taken out
    this.#last = workDone;
    if (sending === 0) return this.#told;
    this.#bytes.add(sent, now);
    this.#work.add(workDone, now);
    if (now - this.#toldAt >= TOLD_MS) {
      this.#toldAt = now;
      this.#told = { rate: this.#bytes.perSecond(now), secondsLeft: this.#work.secondsLeft(workLeft, now) };
    }
    return this.#told;
  }

  #reset() {
    this.#bytes.reset();
    this.#work.reset();
    this.#told = { rate: 0, secondsLeft: null };
  }
}

/** A rate and a time left that people read, so they do not change with every byte. */
export class ShownRate {
  #meter = new RateMeter();
  #shownAt = 0;

  reset() {
    this.#meter.reset();
  }

  /** @param {number} now milliseconds @param {{sent: number, size: number}} bytes @returns {{rate?: number, secondsLeft?: number | null}} when they change */
  at(now, { sent, size }) {
    this.#meter.add(sent, now);
    if (now - this.#shownAt < SHOWN_MS) return {};
    this.#shownAt = now;
    return { rate: this.#meter.perSecond(now), secondsLeft: this.#meter.secondsLeft(size - sent, now) };
  }
}
