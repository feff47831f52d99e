// What a screen reader hears of uploads: the start, each quarter, the end, and every error. Not every tick.

import { isMoving, totals } from "./upload-view.js";
import { t } from "./words.js";

const QUARTERS = [25, 50, 75];
/** Errors at one time that are told one by one. */
const EACH = 2;

export class Announcer {
  #say;
  #store;
  #spoken = 0;
  #isMoving = false;
  /** Rows that were done before this batch began. */
  #before = new Set();
  /** @type {Map<string, string>} last state per row */
  #states = new Map();

  /**
   * @param {import("./store.js").Store} store @param {(sentence: string) => void} say
   * @param {number} [waitMs] changes within so long are looked at together: nobody hears faster
   */
  constructor(store, say, waitMs = 0) {
    this.#store = store;
    this.#say = say;
    let timer = null;
    const later = () => (timer ??= setTimeout(() => ((timer = null), this.#look()), waitMs));
    const look = waitMs > 0 ? later : () => this.#look();
    for (const topic of ["uploads", "upload"]) store.addEventListener(topic, look);
  }

  #look() {
    const own = [...this.#store.uploads.values()].filter((view) => !view.remote);
    this.#sayErrors(own);
    const batch = own.filter((view) => isMoving(view) || (view.state === "done" && !this.#before.has(view.key)));
    const sum = totals(batch);
    if (sum.moving > 0 && !this.#isMoving) {
      this.#spoken = 0;
      this.#before = new Set(own.filter(({ state }) => state === "done").map(({ key }) => key));
      this.#say(t("uploads.sayStart", { what: words(batch.filter(isMoving)) }));
    } else if (sum.moving > 0) {
      this.#sayQuarter(Math.floor(sum.part * 100));
    } else if (this.#isMoving && sum.done > 0) {
      this.#say(t("uploads.sayEnd", { what: words(batch) }));
    }
    this.#isMoving = sum.moving > 0;
  }

  #sayQuarter(percent) {
    const reached = QUARTERS.findLast((quarter) => percent >= quarter) ?? 0;
    if (reached <= this.#spoken) return;
    this.#spoken = reached;
    this.#say(t("uploads.sayQuarter", { n: reached }));
  }

  #sayErrors(views) {
    const failed = views.filter(({ key, state }) => state === "failed" && this.#states.get(key) !== "failed");
    for (const { key, state } of views) this.#states.set(key, state);
    if (failed.length > EACH) return this.#say(t("uploads.sayManyFailed", { n: failed.length, reason: failed[0].error }));
    for (const { name, error } of failed) this.#say(t("uploads.sayFailed", { name, reason: error }));
  }
}

const words = (views) => (views.length === 1 ? views[0].name : t("common.files", { n: views.length }));
