// What is remembered of what is to be sent, and what a page left unsent when it went: folders, single files that were
// still in line, and uploads that the server has begun. What can be opened again goes on; the rest is a row that asks for it.

import { filesOfHandle } from "./folder-reader.js";
import { newKey } from "./keys.js";
import { composed } from "./names.js";
import { isSameFile } from "./resume.js";
import { uploadView } from "./upload-view.js";
import { t } from "./words.js";

/** @typedef {import("./resume.js").Memo} Memo */

export class LeftBehind {
  #store;
  #send;
  #uploader;
  #memory;
  #holds;
  #onLeft;
  /** What other pages sent at the last look. */
  #elsewhere = new Set();

  /**
   * @param {{store: import("./store.js").Store, send: (items: object[]) => Promise<void>,
   *          uploader: import("./uploader.js").Uploader, memory: object, holds: import("./leader.js").Holds,
   *          onLeft?: () => void}} means `send`: takes remembered files in; `onLeft`: another page stopped sending something
   */
  constructor({ store, send, uploader, memory, holds, onLeft = () => {} }) {
    this.#store = store;
    this.#send = send;
    this.#uploader = uploader;
    this.#memory = memory;
    this.#holds = holds;
    this.#onLeft = onLeft;
  }

  /**
   * Keeps in mind what is about to be sent: folders until all of them is stored, single files until the server knows of
   * them. What was chosen in a field, or pasted, has no handle and can only be asked for. Resolves when it is kept, or
   * cannot be.
   * @param {object[]} items as the uploader takes them; single ones are given the keys they are remembered by
   * @param {{key: string, name: string, folder: string, handle?: FileSystemDirectoryHandle}[]} groups folders
   */
  async remember(items, groups) {
    const { accountId } = this.#uploader;
    const sent = new Set(items.map(({ group }) => group));
    const folders = groups.filter(({ key }) => sent.has(key));
    const memos = folders.map(({ key, name, folder, handle }) => ({ taskId: key, accountId, folderOf: { name, folder }, answers: {}, handle }));
    const single = items.filter(({ group }) => !group);
    const batch = newKey("files");
    for (const [at, item] of single.entries()) {
      Object.assign(item, { batch, memo: `${batch}-${String(at).padStart(6, "0")}` }); // kept in the order of their keys
      memos.push(this.#memoOf(item));
    }
    for (const { key } of folders) this.#holds.take(key);
    if (single.length > 0) this.#holds.take(batch);
    if (memos.length > 0) await this.#memory.putAll(memos).catch(() => {}); // then they are sent all the same
  }

  #memoOf({ file, folder, name = file.name, batch, memo: taskId, handle, replaces = null, isAnswered = false }) {
    const { size, lastModified } = file;
    const { accountId } = this.#uploader;
    return { taskId, accountId, name: file.name, size, lastModified, handle, waiting: { batch, folder, name, replaces, isAnswered } };
  }

  /** What a person wants to become of files whose names were taken. Resolves when it is kept. @param {object[]} items */
  async answered(items) {
    const kept = new Map((await this.#memory.all(this.#uploader.accountId)).map((memo) => [memo.taskId, memo]));
    const changed = new Set();
    for (const item of items) {
      const folder = kept.get(item.group);
      if (folder) changed.add(Object.assign(folder, { answers: { ...folder.answers, [placeOf(item)]: answerOf(item) } }));
      else if (item.isSkipped) await this.#memory.remove(item.memo).catch(() => {});
      else if (item.memo) changed.add(this.#memoOf(item));
    }
    await this.#memory.putAll([...changed]).catch(() => {});
  }

  /** Whether they go on by themselves after a reload. @param {Iterable<string>} keys of folders and of single files */
  async setPaused(keys, isPaused) {
    const wanted = new Set(keys);
    const all = await this.#memory.all(this.#uploader.accountId);
    const memos = all.filter((memo) => wanted.has(memo.taskId) && (memo.isPaused ?? false) !== isPaused);
    if (memos.length > 0) await this.#memory.putAll(memos.map((memo) => ({ ...memo, isPaused })));
  }

  /** Called now and then: whether another page has stopped sending, by its end or because it was done. */
  async watch() {
    const before = this.#elsewhere;
    this.#elsewhere = await this.#holds.others();
    if ([...before].some((id) => !this.#elsewhere.has(id))) this.#onLeft();
  }

  /**
   * One row for each folder, and for the single files that came together.
   * @param {Memo[]} memos of this account @param {Set<string>} elsewhere what other pages send
   */
  show(memos, elsewhere) {
    const taken = new Set([...elsewhere, ...memos.map(({ taskId, waiting }) => waiting?.batch ?? taskId).filter((id) => this.#holds.has(id))]);
    for (const { batch, driven, asksFor } of this.#store.uploads.values()) if (driven || asksFor) taken.add(batch);
    for (const { taskId: key, folderOf, isPaused } of memos) if (folderOf && !taken.has(key)) this.#show(key, "folder", folderOf, isPaused);
    const single = memos.filter(({ waiting }) => waiting && !taken.has(waiting.batch));
    for (const key of new Set(single.map(({ waiting }) => waiting.batch))) {
      this.#showFiles(key, single.filter(({ waiting }) => waiting.batch === key));
    }
  }

  #showFiles(key, memos) {
    const [{ waiting }] = memos;
    const name = memos.length === 1 ? waiting.name : t("uploads.andOthers", { name: waiting.name, n: memos.length - 1 });
    this.#show(key, "files", { name, folder: waiting.folder }, memos.every(({ isPaused }) => isPaused));
  }

  #show(key, asksFor, { name, folder }, isPaused = false) {
    this.#store.putUpload(uploadView({ key, name, folder, batch: key, group: key, groupName: name, asksFor, isPaused, state: "needs-file" }));
  }

  /** Where the browser still lets us read a file, its upload goes on without a question. @param {Memo[]} memos of this account */
  async openAll(memos) {
    for (const [key, { isPaused }] of [...this.#store.uploads]) if (!isPaused) await this.#open(key, memos, false);
  }

  /**
   * Opens what is remembered again, asking the person for leave where the browser wants that.
   * @param {string} key of a row that needs its files
   * @returns {Promise<boolean>} false when nothing could be opened
   */
  async open(key) {
    return this.#open(key, await this.#memory.all(this.#store.account.id), true);
  }

  async #open(key, memos, asks) {
    const view = this.#store.uploads.get(key);
    if (view?.state !== "needs-file") return false;
    if (view.asksFor === "files") return this.#openFiles(key, memos, asks);
    const handle = memos.find(({ taskId }) => taskId === (view.asksFor ? key : view.taskId))?.handle;
    if (!(await mayRead(handle, asks))) return false;
    if (view.asksFor) return this.#goOn(key, await filesOfHandle(handle, view.folder));
    const file = await handle.getFile().catch(() => null);
    return file !== null && this.#uploader.adopt(key, file, { handle });
  }

  async #openFiles(key, memos, asks) {
    const found = [];
    for (const { handle, waiting } of memos) {
      if (waiting?.batch !== key || !(await mayRead(handle, asks))) continue;
      const file = await handle.getFile().catch(() => null);
      if (file) found.push({ file, isSure: true }); // as it is now, should it have been changed
    }
    return this.#takeFiles(key, found);
  }

  /** What was chosen for a row that asks for it. @param {string} key @param {{name: string, items: {file: File, folder: string}[]}} chosen */
  async choose(key, { name, items }) {
    const view = this.#store.uploads.get(key);
    if (!view) return;
    const tell = (error) => this.#store.putUpload({ ...view, error });
    try {
      if (view.asksFor === "files") (await this.#takeFiles(key, items)) || tell(t("uploads.otherFiles"));
      else if (composed(name) === composed(view.name)) await this.#goOn(key, { items });
      else tell(t("uploads.otherFolder", { name, wanted: view.name }));
    } catch (error) {
      tell(error.message);
    }
  }

  /** The rest of a folder; what is stored already is not sent again. */
  async #goOn(key, { items, lost = [] }) {
    if (items.length === 0 && lost.length === 0) return false;
    const { name: groupName } = this.#store.uploads.get(key);
    const memos = await this.#memory.all(this.#store.account.id);
    const { answers = {} } = memos.find(({ taskId }) => taskId === key) ?? {};
    const told = items.map((item) => ({ ...item, ...answers[placeOf(item)], group: key, groupName, isSure: true }));
    await this.#take(key, told.filter(({ isSkipped }) => !isSkipped));
    this.#uploader.addLost(lost.map((one) => ({ ...one, group: key, groupName })));
    return true;
  }

  /** Those of the files that are remembered; a row stays for the others. */
  async #takeFiles(key, found) {
    const memos = await this.#ofBatch(key);
    const items = [];
    for (const memo of memos) {
      for (const { file, isSure } of found.filter(({ file: { name } }) => composed(name) === composed(memo.name))) {
        if (!isSure && !(await isSameFile(file, memo, memo))) continue;
        items.push({ ...memo.waiting, file, handle: memo.handle, memo: memo.taskId });
        break;
      }
    }
    if (items.length === 0) return false;
    const rest = memos.filter(({ taskId }) => !items.some(({ memo }) => memo === taskId));
    await this.#take(key, items);
    if (rest.length > 0) this.#showFiles(key, rest);
    return true;
  }

  async #take(key, items) {
    this.#store.removeUpload(key);
    this.#holds.take(key);
    await this.setPaused([key, ...items.map(({ memo }) => memo)], false);
    await this.#send(items);
  }

  /** The row goes, and nothing asks for its files again. */
  async forget(key) {
    const memos = await this.#ofBatch(key);
    await Promise.all([key, ...memos.map(({ taskId }) => taskId)].map((one) => this.#memory.remove(one)));
    this.#store.removeUpload(key);
  }

  /** What came together, but those that are on their way again. */
  async #ofBatch(key) {
    const memos = await this.#memory.all(this.#store.account.id);
    const moving = new Set([...this.#store.uploads.values()].map(({ memo }) => memo));
    return memos.filter(({ taskId, waiting }) => waiting?.batch === key && !moving.has(taskId));
  }
}

/** Where an answer about a file of a folder is kept. */
const placeOf = ({ file, folder }) => composed(`${folder}/${file.name}`);

const answerOf = ({ name, replaces, isSkipped }) => ({ isAnswered: true, ...(name && { name }), ...(replaces && { replaces }), ...(isSkipped && { isSkipped }) });

/** @param {FileSystemHandle | undefined} handle */
async function mayRead(handle, asks) {
  if (!handle) return false;
  const may = asks ? await handle.requestPermission({ mode: "read" }) : await handle.queryPermission({ mode: "read" });
  return may === "granted";
}
