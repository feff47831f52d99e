// Uploads of this account that this page does not drive: those running in another tab or on another device, and those
// left behind by a reload, which wait for their file. What moves is another's; what stands still can be taken over.

import { RateMeter } from "./rate.js";
import { uploadView } from "./upload-view.js";
import { said } from "./said.js";
import { t } from "./words.js";

/** An upload without a sign of life for this long is taken to have nobody sending it. */
const SILENCE_MS = 20_000;

/** After a reload the last chunks of this page itself are still being reported; they are nobody else's. */
const ECHO_MS = 3000;

/**
 * @typedef {object} Sign what is known of a watched upload's sender
 * @property {boolean | null} isOurs begun in this browser; null until that was looked up
 * @property {boolean} isHeld another page of this browser sends it
 * @property {boolean} isWatched
 * @property {number} seenAt
 * @property {number} movedAt
 * @property {RateMeter} meter
 */

export class ObservedUploads {
  #store;
  #now;
  /** @type {Map<string, Sign>} by task id */
  #signs = new Map();
  /** Keys of the rows shown from here; finished ones have no sign any more. */
  #rows = new Set();
  #groupOf = () => null;
  #isOurs;
  #left;
  #onLeft;

  /**
   * @param {{store: import("./store.js").Store, now?: () => number, isOurs?: (taskId: string) => Promise<boolean>,
   *          left?: (taskId: string) => Promise<void>, onLeft?: () => void}} means `isOurs`: it was begun in this browser;
   *   `left` waits until no page of this browser sends it; `onLeft`: a row asks for its file that did not before
   */
  constructor({ store, now = () => Date.now(), isOurs = async () => false, left = async () => {}, onLeft = () => {} }) {
    this.#store = store;
    this.#now = now;
    this.#isOurs = isOurs;
    this.#left = left;
    this.#onLeft = onLeft;
  }

  /**
   * The open uploads as the server lists them.
   * @param {object[]} uploads
   * @param {object} facts
   * @param {(taskId: string) => boolean} facts.isOurs begun in this browser, so nobody is sending it unless it is held
   * @param {number} [facts.ahead] milliseconds that the server's clock is ahead of this one
   * @param {(taskId: string) => boolean} [facts.isHeld] by another page of this browser, which sends it
   * @param {(taskId: string) => boolean} facts.isDriven
   * @param {(taskId: string) => {group: string, groupName: string} | null} [facts.groupOf] the folder it came with
   */
  seed(uploads, { isOurs, ahead = 0, isHeld = () => false, isDriven, groupOf = () => null }) {
    this.#groupOf = groupOf;
    const open = new Set(uploads.map(({ taskId }) => taskId));
    for (const taskId of [...this.#signs.keys()]) if (!open.has(taskId)) this.forget(taskId);
    for (const facts of uploads) {
      const { taskId, lastActivity } = facts;
      if (isDriven(taskId)) continue;
      const [ours, held] = [isOurs(taskId), isHeld(taskId)];
      const movedAt = held ? this.#now() : ours || !lastActivity ? 0 : Date.parse(lastActivity) - ahead;
      if (!this.#signs.has(taskId)) this.#signs.set(taskId, { ...this.#newSign(ours, movedAt), isHeld: held });
      this.#show(facts);
    }
  }

  /** Another's upload moved, or ended. @param {string} type @param {object} data of an event */
  handleEvent(type, data) {
    if (type === "upload.progress") return this.#moved(data);
    const row = this.#signs.has(data.taskId) && this.#store.uploads.get(rowKey(data.taskId));
    if (!row) return;
    const idle = { note: "", rate: 0, secondsLeft: null };
    if (type === "task.paused" || type === "task.resumed") this.#stood(row, type === "task.paused", idle);
    if (type === "task.completed") {
      this.#finish(row, {
        ...idle,
        state: "done",
        sent: row.size,
        durable: row.size,
        fileId: data.results?.fileId ?? null,
      });
    }
    if (type === "task.failed" || type === "task.expired") {
      this.#finish(row, {
        ...idle,
        state: "failed",
        error: said(data.errorMessage) ?? t("uploads.hasExpired"),
      });
    }
    if (type === "task.cancelled") this.forget(data.taskId);
  }

  /** Called now and then: rows whose sender has fallen silent ask for their file. */
  tick() {
    for (const [taskId, sign] of this.#signs) if (this.#now() - sign.movedAt > SILENCE_MS) this.#stop(taskId);
  }

  /** Nobody sends it any more. */
  #stop(taskId) {
    const row = this.#store.uploads.get(rowKey(taskId));
    if (row?.state !== "sending") return;
    this.#signs.get(taskId).isHeld = false;
    this.#store.putUpload({ ...row, state: "needs-file", remote: false, note: "", rate: 0, secondsLeft: null });
    this.#onLeft();
  }

  /** Hears at once when another page of this browser stops sending it. */
  async #watch(taskId, sign) {
    if (sign.isWatched) return;
    sign.isWatched = true;
    sign.isOurs = await this.#isOurs(taskId);
    const row = this.#store.uploads.get(rowKey(taskId));
    if (row?.state === "sending") this.#store.putUpload({ ...row, note: senderOf(sign) });
    if (!sign.isOurs) return;
    sign.isHeld = true;
    await this.#left(taskId);
    if (this.#signs.get(taskId) !== sign) return; // over
    Object.assign(sign, { isWatched: false, isHeld: false, movedAt: 0, seenAt: this.#now() });
    this.#stop(taskId);
  }

  /** Takes the row away: cancelled, cleared, or driven by this page from now on (in its own row, or in this one). */
  forget(taskId, keptKey) {
    const key = rowKey(taskId);
    this.#signs.delete(taskId);
    if (this.#rows.delete(key) && key !== keptKey) this.#store.removeUpload(key);
  }

  clearFinished() {
    for (const key of [...this.#rows]) {
      const { taskId, state } = this.#store.uploads.get(key);
      if (state === "done") this.forget(taskId);
    }
  }

  clear() {
    for (const key of [...this.#rows]) this.forget(this.#store.uploads.get(key).taskId);
  }

  #moved(data) {
    const sign = this.#signs.get(data.taskId) ?? this.#newSign(null, 0);
    this.#signs.set(data.taskId, sign);
    const now = this.#now();
    if (!sign.isOurs || sign.isHeld || now - sign.seenAt > ECHO_MS) {
      sign.movedAt = now;
      sign.meter.add(durableBytes(data), now);
    }
    this.#show({ status: "InProgress", ...data });
  }

  #newSign(isOurs, movedAt) {
    return { isOurs, isHeld: false, isWatched: false, movedAt, seenAt: this.#now(), meter: new RateMeter() };
  }

  #stood(row, isPaused, idle) {
    const state = isPaused && !isLeft(this.#signs.get(row.taskId)) ? "paused" : "needs-file";
    this.#store.putUpload({ ...row, ...idle, state, isPaused, remote: false });
  }

  #finish(row, fields) {
    this.#store.putUpload({ ...row, ...fields });
    this.#signs.delete(row.taskId);
  }

  #show(facts) {
    const { taskId, fileName, fileSize, status } = facts;
    const known = this.#store.uploads.get(rowKey(taskId));
    const now = this.#now();
    const sign = this.#signs.get(taskId);
    const isMoving = status !== "Paused" && now - sign.movedAt <= SILENCE_MS;
    const isPaused = status === "Paused" && !isLeft(sign);
    if (isMoving) this.#watch(taskId, sign).catch(() => {}); // silence tells it too
    const durable = durableBytes(facts);
    const key = rowKey(taskId);
    const view = {
      key,
      taskId,
      name: fileName,
      folder: facts.folder ?? known?.folder,
      contentType: facts.contentType ?? known?.contentType,
      lastModified: facts.lastModified ? Date.parse(facts.lastModified) : (known?.lastModified ?? null),
      size: fileSize,
      state: isMoving ? "sending" : isPaused ? "paused" : "needs-file",
      isPaused: status === "Paused",
      note: isMoving ? senderOf(sign) : "",
      remote: isMoving,
      sent: durable,
      durable,
    };
    if (isMoving) {
      view.rate = sign.meter.perSecond(now);
      view.secondsLeft = sign.meter.secondsLeft(fileSize - durable, now);
    }
    Object.assign(view, this.#groupOf(taskId));
    this.#rows.add(key);
    this.#store.putUpload(uploadView(view));
  }
}

/** Begun in this browser, and no page sends it any more. */
const isLeft = ({ isOurs, isHeld }) => isOurs && !isHeld;

/** @param {Sign} sign */
function senderOf({ isOurs }) {
  if (isOurs === null) return "";
  return isOurs ? t("uploads.fromTab") : t("uploads.fromDevice");
}

const rowKey = (taskId) => `task-${taskId}`;

function durableBytes({ fileSize, chunksUploaded, chunksCount, progress }) {
  const part = chunksCount > 0 ? chunksUploaded / chunksCount : (progress ?? 0) / 100;
  return Math.round(fileSize * Math.min(1, part));
}
