// The line of uploads that this page drives: two at a time, or four small ones, started, paused and resumed by key. Connects each
// Upload with the server, the store and the memory, and tells it when trying again makes sense.

import { ChunkLimit } from "./chunk-limit.js";
import { Holds } from "./leader.js";
import { isSameFile } from "./resume.js";
import { sleep as plainSleep } from "./retry.js";
import { Upload } from "./upload.js";
import { isOpen } from "./upload-view.js";
import { said } from "./said.js";
import { t } from "./words.js";

const AT_ONCE = 2;
/** Small files wait for the server's disk more than for the line, and it flushes several together. */
const SMALL_AT_ONCE = 4;
const SMALL_BYTES = 1 << 20;

export class Uploader {
  #means;
  #store;
  #transport;
  #memory;
  #holds;
  #takesOver;
  /** @type {Map<string, Upload>} by key, in the order they were added */
  #uploads = new Map();
  /** Uploads driven here by task id. @type {Map<string, Upload>} */
  #byTask = new Map();
  /** Task ids ever driven here, so that their late events are not taken for another device's. */
  #own = new Set();
  /** Handles of dropped files, until their upload has a task id. @type {WeakMap<File, FileSystemFileHandle>} */
  #handles = new WeakMap();
  /** Pause requests on their way; a resume waits for its pause, or the two could arrive swapped. */
  #pausing = new Map();
  /** How many `task.resumed` events per task are echoes of our own requests. */
  #ownResumes = new Map();
  #lastKey = 0;
  #online = true;
  #signedIn = false;
  /** Whose uploads these are; kept while signed out. */
  #accountId = null;
  /** Ends every wait early. */
  #bell = new EventTarget();

  /**
   * @param {{store: import("./store.js").Store, transport: object, memory: object, hasher: {hash: Function},
   *          now?: () => number, random?: () => number, sleep?: typeof plainSleep, wholeBytes?: number,
   *          takesOver?: (taskId: string, key: string) => void, holds?: Holds}} means `takesOver`: this page now drives
   *   that task, in the row of that key; `holds`: what other pages of this browser know of it; `wholeBytes`: files up to
   *   this go in one request
   */
  constructor({ store, transport, memory, hasher, now, random, sleep = plainSleep, wholeBytes = SMALL_BYTES, takesOver = () => {}, holds = new Holds() }) {
    this.#store = store;
    this.#memory = memory;
    this.#holds = holds;
    this.#takesOver = takesOver;
    this.#transport = { ...transport, resumeTask: (taskId) => this.#resumeAtServer(transport, taskId) };
    this.#means = {
      transport: this.#transport,
      hash: (blob, options) => hasher.hash(blob, options),
      sleep: (ms, signal) => this.#sleepOrBell(sleep, ms, signal),
      connected: (signal, onWait) => this.#connected(signal, onWait),
      limit: new ChunkLimit(),
      wholeBytes,
      now: now ?? (() => performance.now()),
      random: random ?? Math.random,
      changed: (upload) => this.#changed(upload),
      created: (upload, sample) => this.#created(upload, sample),
    };
  }

  /**
   * @param {{file: File, folder: string, handle?: FileSystemFileHandle, name?: string, group?: string, groupName?: string,
   *          batch?: string, memo?: string, replaces?: string, here?: object}[]} items `name` other than the file's; `group`
   *   of files that came as one folder; `replaces` the id of a stored file; `here` the stored file that this one is already
   */
  add(items) {
    const views = items.map(({ file, handle, here, ...item }) => {
      if (handle) this.#handles.set(file, handle);
      const view = { name: file.name, batch: item.group ?? null, ...item, key: `own-${++this.#lastKey}` };
      const known = here && { state: "done", fileId: here.id, note: t("uploads.alreadyHere"), sent: file.size, durable: file.size };
      return this.#make(file, { ...view, ...known }).view;
    });
    this.#store.putUploads(views);
    for (const batch of new Set(views.map((view) => view.batch))) this.#forgetBatch(batch); // all of it may be here already
    this.#pump();
  }

  /**
   * Goes on with an upload whose file was chosen again.
   * @param {string} key the row's key
   * @param {File} file
   * @returns {Promise<boolean>} false when it is another file; the row then says so
   */
  async adopt(key, file) {
    const view = this.#store.uploads.get(key);
    const memo = (await this.#memory.all(this.#accountId)).find(({ taskId }) => taskId === view.taskId);
    if (!(await isSameFile(file, view, memo))) {
      const error = t("uploads.otherFile", { name: file.name });
      this.#store.putUpload({ ...view, error });
      return false;
    }
    this.#uploads.get(key)?.abandon();
    this.#own.add(view.taskId);
    this.#holds.take(view.taskId);
    this.#takesOver(view.taskId, key);
    const { taskId, folder, name, group, groupName, sent, durable } = view;
    const { replaces = null } = memo ?? {};
    const upload = this.#make(file, { key, taskId, folder, name, group, groupName, batch: group, replaces, sent, durable });
    this.#byTask.set(taskId, upload);
    this.#store.putUpload(upload.view);
    this.#pump();
    return true;
  }

  /** @param {string} taskId */
  drives(taskId) {
    return this.#byTask.has(taskId);
  }

  /** Whether this row is driven here; others are only watched. @param {string} key */
  has(key) {
    return this.#uploads.has(key);
  }

  pause(key) {
    const upload = this.#uploads.get(key);
    const { taskId } = upload.view;
    upload.pause();
    if (taskId !== null) {
      // If the server does not hear it, nothing is lost: nothing is being sent.
      const told = this.#transport.pauseTask(taskId).catch(() => {});
      this.#pausing.set(
        key,
        told.finally(() => this.#pausing.delete(key)),
      );
    }
    this.#pump();
  }

  async resume(key) {
    const upload = this.#uploads.get(key);
    upload.queue();
    await this.#pausing.get(key);
    this.#pump();
  }

  retry(key) {
    return this.resume(key);
  }

  /** @returns {Promise<void>} rejects when the server could not be told; the row then stays */
  async cancel(key) {
    const upload = this.#uploads.get(key);
    const { taskId, state } = upload.view;
    if (state !== "done" && state !== "failed") upload.pause();
    if (taskId !== null && state !== "done") await endAtServer(this.#transport, taskId);
    this.#remove(upload);
    this.#pump();
  }

  /** Takes rows that are over out of the list. */
  clearFinished() {
    for (const upload of [...this.#uploads.values()]) if (upload.state === "done") this.#remove(upload);
  }

  /** @returns {boolean} whether the event was about an upload driven here */
  handleEvent(type, data) {
    if (!this.#own.has(data.taskId)) return false;
    const upload = this.#byTask.get(data.taskId);
    if (upload?.view.taskId === data.taskId) this.#apply(upload, type, data);
    return true;
  }

  #apply(upload, type, data) {
    const { taskId } = data;
    if (type === "task.completed") upload.completedAtServer();
    if (type === "task.failed") upload.endedElsewhere(said(data.errorMessage) ?? t("uploads.failedThere"));
    if (type === "task.expired")
      upload.endedElsewhere(t("uploads.expired"));
    if (type === "task.cancelled") upload.endedElsewhere(t("uploads.cancelledElsewhere"));
    if (type === "task.resumed") {
      const echoes = this.#ownResumes.get(taskId) ?? 0;
      if (echoes > 0) this.#ownResumes.set(taskId, echoes - 1);
      else if (upload.state === "paused") this.resume(upload.view.key);
    }
    // task.paused needs nothing: the next chunk is refused with TASK_PAUSED, which cannot be out of date.
  }

  setOnline(online) {
    this.#online = online;
    if (online) this.wake();
  }

  /** The account that uploads belong to, or null while nobody is signed in: uploads wait. */
  setAccount(accountId) {
    if (accountId !== null && this.#accountId !== null && accountId !== this.#accountId) this.clear();
    this.#signedIn = accountId !== null;
    if (accountId !== null) this.#accountId = accountId;
    if (this.#signedIn) this.wake();
  }

  /** Try again now what waits for a connection. */
  wake() {
    this.#bell.dispatchEvent(new Event("ring"));
  }

  /** Lets go of everything; open uploads stay at the server. */
  clear() {
    for (const upload of [...this.#uploads.values()]) {
      upload.abandon();
      this.#uploads.delete(upload.view.key);
      this.#store.removeUpload(upload.view.key);
    }
    this.#own.clear();
    this.#byTask.clear();
    this.#holds.dropAll();
  }

  #make(file, view) {
    const upload = new Upload(this.#means, { file, view });
    this.#uploads.set(view.key, upload);
    return upload;
  }

  #remove(upload) {
    upload.abandon();
    const { key } = upload.view;
    this.#uploads.delete(key);
    this.#store.removeUpload(key);
    if (upload.state !== "done") this.#forget(upload);
  }

  /** Nobody has to go on with it. */
  #forget(upload) {
    const { taskId, batch } = upload.view;
    if (taskId !== null) {
      if (this.#byTask.get(taskId) === upload) this.#byTask.delete(taskId);
      this.#holds.drop(taskId);
      this.#memory.remove(taskId).catch(() => {});
    }
    this.#forgetMemo(upload);
    this.#forgetBatch(batch);
  }

  #forgetMemo({ view }) {
    if (view.memo !== null) this.#memory.remove(view.memo).catch(() => {});
    view.memo = null;
  }

  /** A folder is remembered until all of it is there. */
  #forgetBatch(batch) {
    if (batch === null) return;
    for (const { view } of this.#uploads.values()) {
      if (view.batch === batch && (isOpen(view) || view.state === "failed")) return;
    }
    // In this order: what is not held and still remembered was left.
    const drop = () => this.#holds.drop(batch);
    this.#memory.remove(batch).then(drop, drop);
  }

  #pump() {
    const all = [...this.#uploads.values()];
    const running = all.filter((upload) => upload.isRunning);
    for (const upload of all) {
      if (upload.state !== "queued" || this.#pausing.has(upload.view.key)) continue;
      running.push(upload);
      if (running.length > (running.every(({ file }) => file.size <= SMALL_BYTES) ? SMALL_AT_ONCE : AT_ONCE)) return;
      upload.start().finally(() => this.#pump());
    }
  }

  #changed(upload) {
    const { key, state, replaces } = upload.view;
    if (this.#uploads.get(key) !== upload) return; // a late word from one that was let go
    this.#store.putUpload(upload.view);
    if (state !== "done") return;
    this.#forget(upload);
    upload.view.replaces = null;
    // The new one is safe: now the old one may go, to the trash. If that fails, both are there, and nothing is lost.
    if (replaces !== null) this.#transport.trashFile(replaces).catch(() => {});
    this.#store.filesChanged(); // the live event says so too, but some networks block sockets
  }

  #created(upload, sample) {
    const { taskId, key, group, replaces } = upload.view;
    const { name, size, lastModified } = upload.file;
    const other = this.#byTask.get(taskId);
    if (other !== undefined && other !== upload && other.view.taskId === taskId) this.#remove(other); // dropped twice
    this.#own.add(taskId);
    this.#byTask.set(taskId, upload);
    this.#holds.take(taskId); // before it is remembered: what is remembered and not held has been left
    this.#takesOver(taskId, key);
    const memo = { taskId, accountId: this.#accountId, name, size, lastModified, sample, group, replaces };
    const handle = this.#handles.get(upload.file);
    this.#memory.put(handle ? { ...memo, handle } : memo).catch(() => {});
    this.#forgetMemo(upload);
    this.#changed(upload);
  }

  async #resumeAtServer(transport, taskId) {
    const echoes = () => this.#ownResumes.get(taskId) ?? 0;
    this.#ownResumes.set(taskId, echoes() + 1);
    try {
      return await transport.resumeTask(taskId);
    } catch (error) {
      this.#ownResumes.set(taskId, Math.max(0, echoes() - 1));
      throw error;
    }
  }

  /** A sleep that the bell ends early. */
  async #sleepOrBell(sleep, ms, signal) {
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

  async #connected(signal, onWait) {
    while (!this.#online || !this.#signedIn) {
      onWait();
      await this.#sleepOrBell(plainSleep, 2 ** 30, signal);
    }
  }
}

/** One that is already gone is as good as cancelled. */
export async function endAtServer(transport, taskId) {
  try {
    await transport.cancelUpload(taskId);
  } catch (error) {
    if (error.status !== 404 && error.status !== 409) throw error;
  }
}
