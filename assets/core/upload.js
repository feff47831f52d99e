// One file on its way to the server, driven from this page: create or find the upload, send the missing chunks a few at
// a time, complete, compare hashes. A small one goes in one request, as a single chunk that is complete when it is stored.
// A run ends by itself or by abort (paused or cancelled here); `start` begins another one, which sends what is missing.

import { Problem } from "./api.js";
import { ChunkPlan } from "./chunk-plan.js";
import { takeCopy } from "./find-copy.js";
import { newKey } from "./keys.js";
import { Pace } from "./pace.js";
import { ShownRate } from "./rate.js";
import { unreadable } from "./readable.js";
import { fingerprint, onceKey, sampleOf } from "./resume.js";
import { retrying } from "./retry.js";
import { uploadView, waitNote, wishOf } from "./upload-view.js";
import { t } from "./words.js";

const POLL_MS = 2000;
/** An upload that vanished at the server is begun anew this often; more would hide a fault. */
const RECREATIONS = 2;
/** With less than this left, finding out whether the server has the file already is not worth it. */
const WORTH_ASKING_BYTES = 8 << 20;

export class Upload {
  #means;
  #run = null;
  /** @type {ChunkPlan | null} */
  #plan = null;
  #rate = new ShownRate();
  #pace = new Pace();
  /** Chunks that were cut off, in a row. */
  #cuts = 0;
  /** What the server was asked with, but the hash. */
  #wish = null;
  /** Is this a file that goes in one request? */
  #isWhole = false;
  /** Tells the server that a repetition of such a request is one. @type {string | null} */
  #onceKey = null;
  /** The answer to such a request. */
  #stored = null;
  #recreations = 0;
  /** Begun once per file and not with each run: a pause costs no second reading. @type {Promise<string> | null} */
  #hash = null;
  #hashing = new AbortController();
  #wakeCompletion = () => {};
  /** A stored file of this name, size and date, until it is known whether it is this one; and the name if it is not. */
  #here;
  #spare;
  #isCancelled = false;

  /**
   * @param {import("./endings.js").UploadMeans} means
   * @param {{file: File, view: Partial<import("./upload-view.js").UploadView>, here?: object, spare?: string}} what `here`:
   *   the stored file that this one seems to be; `spare`: its name should it be another
   */
  constructor(means, { file, view, here = null, spare = "" }) {
    this.#means = means;
    this.file = file;
    this.#here = here;
    this.#spare = spare;
    this.view = uploadView({ name: file.name, ...view, driven: true, contentType: file.type, size: file.size });
  }

  get state() {
    return this.view.state;
  }

  get isRunning() {
    return this.#run !== null;
  }

  /** Runs until the upload is done, failed, paused or cancelled; never rejects. */
  async start() {
    const run = new AbortController();
    this.#run = run;
    this.#rate.reset();
    this.#become("sending", { note: t("uploads.starting"), error: "" });
    try {
      await this.#drive(run.signal);
    } catch (error) {
      if (!run.signal.aborted) this.#stopped(error);
    } finally {
      if (this.#run === run) this.#run = null;
    }
  }

  /** Stops sending at once. Chunks that were on their way are sent again later. */
  pause() {
    this.#halt();
    this.#become("paused");
  }

  /** Puts it back in line; `start` does the rest. */
  queue() {
    this.#halt();
    this.#become("queued", { error: "" });
  }

  /** Stops all work on it; the server is told by the caller. */
  abandon() {
    this.#halt();
    this.#dropHash();
  }

  /** Nobody wants it any more, also when the server hears of it only now. */
  cancel() {
    this.#isCancelled = true;
    this.abandon();
  }

  /** It ended at the server without our doing: cancelled elsewhere, expired, failed there. */
  endedElsewhere(message) {
    if (this.state === "done" || this.state === "failed") return;
    this.abandon();
    this.#become("failed", { error: message });
  }

  /** An event said that the server has finished. */
  completedAtServer() {
    this.#wakeCompletion();
  }

  #halt() {
    this.#run?.abort(new DOMException("The upload was stopped", "AbortError"));
    this.#run = null;
    this.#plan?.dropFlying();
  }

  #dropHash() {
    this.#hashing.abort();
    this.#hashing = new AbortController();
    this.#hash = null;
  }

  async #drive(signal) {
    if (await this.#isHere(signal)) return;
    for (;;) {
      try {
        await this.#prepare(signal);
        this.#hash ??= this.#startHash();
        const stored = await this.#sendAndComplete(signal);
        await this.#verify(stored, signal);
        return;
      } catch (error) {
        if (error.code === "CHUNKS_TOO_LARGE") await this.#endSilently();
        else if (error.status !== 404 || signal.aborted || ++this.#recreations > RECREATIONS) throw error;
        this.view.taskId = this.#onceKey = null; // swept at the server meanwhile, or to be sent in other pieces: begin anew
      }
    }
  }

  /** The server forgets what it has of this. If it does not hear so, it will by itself; its event is not about us. */
  async #endSilently() {
    const { taskId } = this.view;
    if (taskId === null) return;
    this.view.taskId = null;
    await this.#means.transport.cancelUpload(taskId).catch(() => {});
  }

  #stopped(error) {
    if (error.code === "TASK_PAUSED") return this.#become("paused");
    this.#dropHash();
    const isChanged = error.code === "FILE_UNREADABLE";
    this.#become(isChanged ? "needs-file" : "failed", { error: error.message, isChanged, reason: error.code });
  }

  /** Nothing is sent of a file that is stored already; its hash tells. */
  async #isHere(signal) {
    if (this.#here === null) return false;
    this.#become("verifying", { note: t("uploads.checking") });
    this.#hash ??= this.#startHash();
    const own = await this.#hash.catch(() => null);
    signal.throwIfAborted();
    const { id, hash } = this.#here;
    const isHere = hash === `sha256:${own}`;
    const { size } = this.file;
    if (isHere) this.#become("done", { fileId: id, note: t("uploads.alreadyHere"), sent: size, durable: size });
    else this.view.name = this.#spare;
    this.#here = null;
    return isHere;
  }

  /** Finds out what the server has. */
  async #prepare(signal) {
    const { limit, wholeBytes } = this.#means;
    const { size } = this.file;
    const isNew = this.view.taskId === null;
    this.#isWhole = isNew && size <= Math.min(wholeBytes, limit.size ?? wholeBytes);
    let facts = { chunkSize: size, chunksCount: 1, uploadedChunks: [] };
    if (this.#isWhole) this.#onceKey ??= this.#recreations === 0 ? onceKey(this) : newKey("file");
    else facts = isNew ? await this.#create(signal) : await this.#find(signal);
    this.#plan = new ChunkPlan({ ...facts, size });
    this.#become("sending");
  }

  async #create(signal) {
    const { file, view } = this;
    const sample = await sampleOf(file).catch(() => Promise.reject(unreadable()));
    const body = {
      ...wishOf(file, view),
      fileSize: file.size,
      chunkSize: this.#means.limit.size,
      fingerprint: fingerprint({ name: view.name, size: file.size, lastModified: file.lastModified, folder: view.folder, sample }),
    };
    this.#wish = body;
    const { transport } = this.#means;
    const answer = await this.#retrying(signal, () => transport.createUpload(body)); // without an end: it may have been heard
    if (signal.aborted && this.#isCancelled) transport.cancelUpload(answer.taskId).catch(() => {});
    signal.throwIfAborted();
    this.view.taskId = answer.taskId;
    this.#means.created(this, sample);
    // Found again instead of made, and left paused: whoever brings the file again wants it to go on.
    return answer.status === "Paused" ? this.#find(signal) : answer;
  }

  async #find(signal) {
    const { transport } = this.#means;
    const { taskId } = this.view;
    const state = await this.#retrying(signal, () => transport.uploadState(taskId, signal));
    if (state.status === "Paused") await this.#retrying(signal, () => transport.resumeTask(taskId));
    if (["Failed", "Cancelled", "Expired"].includes(state.status)) {
      throw new Problem({ status: 404, code: "UPLOAD_ENDED", message: t("uploads.hasEnded") });
    }
    return state;
  }

  async #sendAndComplete(signal) {
    for (;;) {
      const copy = await this.#sendMissing(signal);
      if (copy !== null) return copy;
      this.#become("verifying");
      const stored = await this.#complete(signal);
      if (stored !== null) return stored;
      this.#become("sending");
    }
  }

  /**
   * Keeps chunks on their way, as many as the pace allows. The first failure that cannot be retried ends them all, and so
   * does the news that this account has the same bytes already.
   * @returns {Promise<object | null>} the stored copy that was found
   */
  async #sendMissing(signal) {
    const stop = new AbortController();
    const either = AbortSignal.any([signal, stop.signal]);
    const flying = new Set();
    let failure;
    const fail = (error) => (failure ??= error);
    const fill = () => {
      while (!failure && flying.size < this.#pace.chunks) {
        const index = this.#plan.take();
        if (index === undefined) return;
        const sending = this.#sendChunk(index, either).catch(fail).finally(() => flying.delete(sending));
        flying.add(sending);
      }
    };
    this.#pace.begin(this.#means.now());
    let copy = null;
    this.#findCopy(either).then((found) => (copy = found));
    for (fill(); flying.size > 0 && copy === null && !failure; fill()) await Promise.race(flying);
    stop.abort(new DOMException("Sending has ended", "AbortError"));
    await Promise.all(flying);
    if (copy !== null) await this.#endSilently();
    else if (failure) throw failure;
    return copy;
  }

  /** Never rejects: the file is being sent anyway. */
  async #findCopy(signal) {
    const hash = await this.#hash.catch(() => null);
    const left = this.#plan.size - this.#plan.sent;
    if (hash === null || left < WORTH_ASKING_BYTES || this.#wish === null || signal.aborted) return null;
    const wish = { ...this.#wish, hash };
    return takeCopy(this.#means.transport, { wish, taskId: this.view.taskId }, signal).catch(() => null);
  }

  async #sendChunk(index, signal) {
    const plan = this.#plan;
    const blob = this.file.slice(...plan.range(index));
    const onProgress = (bytes) => {
      if (signal.aborted) return;
      plan.progress(index, bytes);
      this.#moved();
    };
    await this.#retrying(signal, async () => {
      try {
        onProgress(0);
        if (this.#isWhole) this.#stored = await this.#sendWhole(blob, { signal, onProgress });
        else await this.#means.transport.sendChunk(this.view.taskId, index, blob, { signal, onProgress });
      } catch (error) {
        if (error.code === "CHUNK_ALREADY_UPLOADED") return;
        plan.progress(index, 0);
        throw await this.#reasonOf(error, blob);
      }
    });
    this.#cuts = 0;
    plan.stored(index);
    this.#pace.stored(this.#means.now());
    this.#moved();
  }

  async #sendWhole(blob, options) {
    const { file, view } = this;
    const hash = (await this.#hash.catch(() => null)) ?? undefined;
    options.signal.throwIfAborted();
    const wish = { ...wishOf(file, view), hash };
    return this.#means.transport.sendFile(wish, blob, { ...options, key: this.#onceKey });
  }

  #reasonOf(error, blob) {
    const { limit, transport } = this.#means;
    this.#cuts = error.status === 0 ? this.#cuts + 1 : 0;
    const answers = () => (this.#isWhole ? transport.account() : transport.uploadProgress(this.view.taskId));
    return limit.reasonOf(error, blob, { chunkSize: this.#plan.chunkSize, cuts: this.#cuts, answers });
  }

  /** @returns the stored file, or null when the server still misses chunks */
  async #complete(signal) {
    const { transport, sleep } = this.#means;
    const { taskId } = this.view;
    if (this.#isWhole) return this.#stored;
    // The server holds it against the bytes before it publishes them. Hashing went along with sending, so this is short.
    const hash = await this.#hash.catch(() => null);
    signal.throwIfAborted();
    try {
      for (;;) {
        const stored = await this.#retrying(signal, () => transport.completeUpload(taskId, { hash, signal }));
        if (stored !== null) return stored;
        this.#become("verifying", { note: t("uploads.finishing") });
        const event = new Promise((resolve) => (this.#wakeCompletion = resolve));
        let progress;
        do {
          await Promise.race([event, sleep(POLL_MS, signal)]);
          progress = await this.#retrying(signal, () => transport.uploadProgress(taskId, signal));
        } while (progress.status === "InProgress" || progress.status === "Pending");
      }
    } catch (error) {
      if (error.code === "HASH_MISMATCH") {
        this.#dropHash();
        this.view.taskId = null; // a retry must be another upload: this one has ended
      }
      if (error.code !== "CHUNKS_MISSING") throw error;
      this.#plan.require(error.details.missingChunks);
      return null;
    }
  }

  #startHash() {
    const hash = this.#means.hash(this.file, { signal: this.#hashing.signal });
    hash.catch(() => {}); // looked at in #verify
    return hash;
  }

  async #verify(stored, signal) {
    this.#become("verifying", { fileId: stored.id, sent: this.file.size, durable: this.file.size });
    const own = await this.#hash.catch(() => null);
    signal.throwIfAborted();
    const theirs = /^sha256:([0-9a-f]{64})$/.exec(stored.hash ?? "")?.[1] ?? null;
    if (own !== null && theirs !== null && own !== theirs) {
      const error = t("uploads.differs");
      this.#dropHash();
      this.view.taskId = null; // a retry must be another upload, not this one's answer again
      return this.#become("failed", { error });
    }
    this.#become("done", { verified: own !== null && own === theirs });
  }

  /** Tries until it works, waiting in between and saying so; throws what cannot be helped by waiting. */
  #retrying(signal, attempt) {
    const onWait = (error) => error?.code !== "CHUNK_IN_FLIGHT" && this.#become("waiting", { note: error ? waitNote(error) : "" });
    return retrying(attempt, { ...this.#means, signal, onWait, onDone: () => this.#recovered() });
  }

  #recovered() {
    if (this.state === "waiting") this.#become(this.#plan?.isComplete ? "verifying" : "sending");
  }

  #moved() {
    const now = this.#means.now();
    const { sent, durable, size } = this.#plan;
    const moved = sent > this.view.sent;
    Object.assign(this.view, { sent, durable }, this.#rate.at(now, { sent, size }));
    if (moved && this.state === "waiting") this.#become("sending");
    else this.#means.changed(this);
  }

  #become(state, fields = {}) {
    const idle = state === "sending" ? {} : { rate: 0, secondsLeft: null };
    Object.assign(this.view, { state, note: "", ...idle, ...fields });
    if (this.#plan && state !== "done") {
      Object.assign(this.view, { sent: this.#plan.sent, durable: this.#plan.durable });
    }
    this.#means.changed(this);
  }
}
