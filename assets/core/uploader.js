// The line of uploads that this page drives: two at a time, or four small ones, started, paused and resumed by key. Connects each
// Upload with the server, the store and the memory, and tells it when trying again makes sense.

import { ChunkLimit } from "./chunk-limit.js";
import { endInTheEnd, takePlace } from "./endings.js";
import { Holds } from "./leader.js";
import { composed, lineKey } from "./names.js";
import { Patience } from "./patience.js";
import { isSameFile } from "./resume.js";
import { Upload } from "./upload.js";
import { isOpen, uploadView } from "./upload-view.js";
import { said } from "./said.js";
import { t } from "./words.js";

const AT_ONCE = 2;
/** Small files wait for the server's disk more than for the line, and it flushes several together. */
const SMALL_AT_ONCE = 4;
const SMALL_BYTES = 1 << 20;
const NO_ROOM = new Set(["QUOTA_EXCEEDED", "DISK_FULL"]);

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
  /** Whose uploads these are; kept while signed out. */
  #accountId = null;
  #patience;

  /**
   * @param {{store: import("./store.js").Store, transport: object, memory: object, hasher: {hash: Function},
   *          now?: () => number, random?: () => number, sleep?: Function, wholeBytes?: number,
   *          takesOver?: (taskId: string, key: string) => void, holds?: Holds}} means `takesOver`: this page now drives
   *   that task, in the row of that key; `holds`: what other pages of this browser know of it; `wholeBytes`: files up to
   *   this go in one request
   */
  constructor({ store, transport, memory, hasher, now, random, sleep, wholeBytes = SMALL_BYTES, takesOver = () => {}, holds = new Holds() }) {
    this.#store = store;
    this.#memory = memory;
    this.#holds = holds;
    this.#takesOver = takesOver;
    this.#patience = new Patience(sleep);
    this.#transport = { ...transport, resumeTask: (taskId) => this.#resumeAtServer(transport, taskId) };
    this.#means = {
      transport: this.#transport,
      hash: (blob, options) => hasher.hash(blob, options),
      sleep: (ms, signal) => this.#patience.sleep(ms, signal),
      connected: (signal, onWait) => this.#patience.connected(signal, onWait),
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
   *          batch?: string, memo?: string, replaces?: string, here?: object, isSure?: boolean, spare?: string}[]} items
   *   `name` other than the file's; `group` of files that came as one folder; `replaces` the id of a stored file; `here` the
   *   stored file that this one seems to be, or with `isSure` is; `spare` its name should it be another
   */
  add(items) {
    const views = items.map(({ file, folder, handle, here, isSure, spare, ...item }) => {
      if (handle) this.#handles.set(file, handle);
      const { name = composed(file.name), group = null, groupName = "", batch = group, memo = null, replaces = null } = item;
      const view = { key: `own-${++this.#lastKey}`, name, folder, group, groupName, batch, memo, replaces };
      if (!here || !isSure) return this.#make(file, view, { here, spare }).view;
      const known = { state: "done", fileId: here.id, note: t("uploads.alreadyHere"), sent: file.size, durable: file.size };
      return this.#make(file, { ...view, ...known }).view;
    });
    this.#store.putUploads(views);
    for (const batch of new Set(views.map((view) => view.batch))) this.#forgetBatch(batch); // all of it may be here already
    this.#pump();
  }

  /** Rows of what this device does not let us read. @param {{name: string, folder: string, group?: string, groupName?: string}[]} lost */
  addLost(lost) {
    const error = t("uploads.unreadableHere");
    this.#store.putUploads(lost.map((one) => uploadView({ ...one, key: `lost-${++this.#lastKey}`, state: "failed", error })));
  }

  /** What is in line or being sent, as `lineKey` names it. @returns {Set<string>} */
  inLine() {
    const open = [...this.#uploads.values()].filter(({ view }) => isOpen(view));
    return new Set(open.map(({ file, view: { folder } }) => lineKey({ file, folder })));
  }

  /** Where the browser gave one. @param {string} key of a row that is driven here */
  handleOf(key) {
    return this.#handles.get(this.#uploads.get(key)?.file);
  }

  /**
   * Goes on with an upload whose file was chosen again, or sends the file as it is now where it was changed meanwhile.
   * @param {string} key the row's key
   * @param {File} file
   * @param {{handle?: FileSystemFileHandle}} [from] whose file it is: the same one as before, then, changed or not
   * @returns {Promise<boolean>} false when it is another file; the row then says so
   */
  async adopt(key, file, { handle } = {}) {
    const view = this.#store.uploads.get(key);
    const { taskId, folder, group, groupName, batch = group, isChanged } = view;
    const memo = (await this.#memory.all(this.#accountId)).find((one) => one.taskId === taskId);
    const blocks = taskId === null ? [] : await this.#transport.uploadBlocks(taskId).catch(() => []);
    const isSame = taskId !== null && (await isSameFile(file, view, memo, blocks).catch(() => false));
    const isNew = !isSame && (handle !== undefined || (isChanged && composed(file.name) === composed(this.#uploads.get(key).file.name)));
    if (!isSame && !isNew) {
      const error = t("uploads.otherFile", { name: file.name });
      this.#store.putUpload({ ...view, error });
      return false;
    }
    const replaces = memo?.replaces ?? view.replaces;
    this.#uploads.get(key)?.abandon();
    if (isNew && taskId !== null) this.#leaveBehind(taskId, key);
    const from = { key, folder, name: view.name, group, groupName, batch: batch ?? group, memo: view.memo, replaces };
    const upload = this.#make(file, isSame ? { ...from, taskId, sent: view.sent, durable: view.durable } : from);
    if (handle) this.#handles.set(file, handle);
    if (isSame) {
      this.#own.add(taskId);
      this.#holds.take(taskId);
      this.#takesOver(taskId, key);
      this.#byTask.set(taskId, upload);
    }
    this.#store.putUpload(upload.view);
    this.#pump();
    return true;
  }

  /** What the server has of a file that is another now. */
  #leaveBehind(taskId, key) {
    this.#takesOver(taskId, key);
    this.#own.add(taskId);
    this.#byTask.delete(taskId);
    this.#holds.drop(taskId);
    this.#memory.remove(taskId).catch(() => {});
    this.#transport.cancelUpload(taskId).catch(() => {});
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

  /** The file may have been changed since; where the browser gave a handle it is read anew. */
  async retry(key) {
    const { file, view } = this.#uploads.get(key);
    const handle = this.handleOf(key);
    const now = await handle?.getFile().catch(() => undefined);
    const isSame = now === undefined || (now.size === file.size && now.lastModified === file.lastModified);
    if (!isSame) await this.adopt(key, now, { handle });
    else await this.resume(view.key);
  }

  /** @returns {Promise<void>} rejects when the server refused; the row then stays */
  async cancel(key) {
    const upload = this.#uploads.get(key);
    const { taskId, state } = upload.view;
    if (state !== "done" && state !== "failed") upload.pause();
    if (taskId !== null && state !== "done") await endInTheEnd(this.#means, taskId, () => this.#store.putUpload(Object.assign(upload.view, { note: t("uploads.cancelsLater"), error: "" })));
    if (this.#uploads.get(key) !== upload) return; // while the server was away
    upload.cancel();
    this.#remove(upload);
    this.#pump();
  }

  /** One that is done. @param {string} key */
  forgetRow(key) {
    this.#remove(this.#uploads.get(key));
  }

  /** What the server knows nothing of goes at once, however much it is. @param {Iterable<string>} keys */
  drop(keys) {
    const gone = [...keys].map((key) => this.#uploads.get(key)).filter((upload) => upload?.view.taskId === null);
    for (const upload of gone) {
      upload.cancel();
      this.#uploads.delete(upload.view.key);
      this.#forgetMemo(upload);
    }
    this.#store.removeUploads(gone.map(({ view }) => view.key));
    for (const batch of new Set(gone.map(({ view }) => view.batch))) this.#forgetBatch(batch);
    this.#pump();
  }

  /** Takes rows that are over out of the list. */
  clearFinished() {
    const all = [...this.#uploads.values()];
    const open = new Set(all.filter(({ view }) => isOpen(view)).map(({ view }) => view.group));
    for (const upload of all) if (upload.state === "done" && (upload.view.group === null || !open.has(upload.view.group))) this.#remove(upload);
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
    this.#patience.online = online;
  }

  /** The account that uploads belong to, or null while nobody is signed in: uploads wait. */
  setAccount(accountId) {
    if (accountId !== null && this.#accountId !== null && accountId !== this.#accountId) this.clear();
    if (accountId !== null) this.#accountId = accountId;
    this.#patience.signedIn = accountId !== null;
  }

  get accountId() {
    return this.#accountId;
  }

  /** Waits until somebody is signed in. */
  signedIn() {
    return this.#patience.connected(new AbortController().signal);
  }

  /** Try again now what waits for a connection. */
  wake() {
    this.#patience.wake();
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

  #make(file, view, more) {
    const upload = new Upload(this.#means, { file, view, ...more });
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
    if (state === "failed" && NO_ROOM.has(upload.view.reason)) this.#holdBack(upload.view);
    if (state !== "done") return;
    this.#forget(upload);
    upload.view.replaces = null;
    if (replaces !== null) takePlace(this.#transport, replaces, upload.view);
    this.#store.filesChanged(); // the live event says so too, but some networks block sockets
  }

  /** Where there is no room for one, there is none for the rest of what came with it; nothing is sent in vain. */
  #holdBack({ batch, error, reason }) {
    const held = [...this.#uploads.values()].filter(({ state, view }) => state === "queued" && view.batch === batch);
    for (const { view } of held) Object.assign(view, { state: "failed", error, reason });
    this.#store.putUploads(held.map(({ view }) => view));
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
}
