// Remembers this browser's unfinished uploads across reloads: how to recognise each file again and, where the browser
// gives one, a handle to open it without asking. Kept in IndexedDB, or for the page's life where that is refused.
// The upload itself is remembered by the server; losing this memory costs a question, never bytes.

import { sha256Hex } from "./hash.js";
import { newKey } from "./keys.js";
import { composed } from "./names.js";

const DATABASE = "drive";
const UPLOADS = "uploads";
const SAMPLE_BYTES = 64 << 10;
/** The browser's database has answered long before, if it does at all. */
const LATE_MS = 5000;

/**
 * @typedef {object} Memo
 * @property {string} taskId
 * @property {string} accountId
 * @property {string} name
 * @property {number} size
 * @property {number} lastModified
 * @property {string} sample
 * @property {string | null} [group] the folder it came with
 * @property {string | null} [replaces] id of the stored file that goes to the trash once this one is stored
 * @property {{batch: string, folder: string, name: string, replaces: string | null, isAnswered: boolean}} [waiting] of a
 *   single file that the server knows nothing of yet, under a key of its own in place of a task's id: with what it came,
 *   and what is to become of it
 * @property {boolean} [isPaused] the person wants it to wait
 * @property {FileSystemFileHandle} [handle]
 *
 * @typedef {object} GroupMemo a folder that is being sent; kept beside the others, under its key in place of a task's id
 * @property {string} taskId
 * @property {string} accountId
 * @property {{name: string, folder: string}} folderOf its name, and the folder it goes into
 * @property {Record<string, {name?: string, replaces?: string, isSkipped?: boolean}>} answers what is to become of files
 *   whose names were taken, by their paths
 * @property {boolean} [isPaused]
 * @property {FileSystemDirectoryHandle} [handle]
 */

/** A hash over both ends of the file: enough to tell a copy from a namesake. @param {Blob} blob */
export async function sampleOf(blob) {
  const ends = [blob.slice(0, SAMPLE_BYTES), blob.slice(Math.max(0, blob.size - SAMPLE_BYTES))];
  const bytes = new Uint8Array(await new Blob(ends).arrayBuffer());
  return sha256Hex(bytes);
}

/**
 * The upload's name at the server: the same file for the same folder gives the same open upload again. The date is in
 * it, so a file edited in the middle starts anew instead of mixing two versions.
 */
export function fingerprint({ name, size, lastModified, folder, sample }) {
  return `web1-${sha256Hex(JSON.stringify([name, size, lastModified, folder, sample]))}`;
}

/**
 * The name of a small file that is sent in one request: the same again when it is sent again after a reload.
 * @param {{file: File, view: import("./upload-view.js").UploadView}} upload
 */
export function onceKey({ file: { size, lastModified }, view: { memo, group, folder, name } }) {
  if (memo !== null || group === null) return memo ?? newKey("file");
  return sha256Hex(JSON.stringify([group, folder, name, size, lastModified]));
}

/**
 * Whether a chosen file is the one that an upload was started with. The size must agree. Where something has arrived, its
 * blocks tell, whatever the file is called here; else the name must agree, and the date or both ends, if anything is
 * known of them (some phones give the same photo a new date each time, copies keep their ends). Should it be another file
 * after all, the comparison of hashes at the end tells.
 * @param {File} file
 * @param {{name: string, size: number, lastModified: number | null}} upload
 * @param {Memo} [memo]
 * @param {{offset: number, length: number, hash: string}[]} [blocks] of what has arrived, as the server tells them
 */
export async function isSameFile(file, upload, memo, blocks = []) {
  if (file.size !== upload.size) return false;
  for (const { offset, length, hash } of blocks) {
    const bytes = new Uint8Array(await file.slice(offset, offset + length).arrayBuffer());
    if (`sha256:${sha256Hex(bytes)}` !== hash) return false;
  }
  if (blocks.length > 0) return true;
  if (composed(file.name) !== composed(memo?.name ?? upload.name)) return false;
  const lastModified = memo?.lastModified ?? upload.lastModified;
  if (lastModified === null || file.lastModified === lastModified) return true;
  return memo !== undefined && (await sampleOf(file)) === memo.sample;
}

/** In memory: the fallback, and what tests use. */
export class MemoryInPage {
  #memos = new Map();
  async put(memo) {
    this.#memos.set(memo.taskId, memo);
  }
  async putAll(memos) {
    for (const memo of memos) this.#memos.set(memo.taskId, memo);
  }
  async remove(taskId) {
    this.#memos.delete(taskId);
  }
  async has(taskId) {
    return this.#memos.has(taskId);
  }
  async all(accountId) {
    return [...this.#memos.values()].filter((memo) => memo.accountId === accountId);
  }
}

class MemoryInDatabase {
  #database;
  constructor(database) {
    this.#database = database;
  }

  /**
   * What a request answers. It is committed at once: left to itself a transaction waits for the page to hear its answers, so
   * that one of a page that was frozen in between would keep all later pages from their memory.
   * @param {IDBTransactionMode} mode @param {(uploads: IDBObjectStore) => IDBRequest | void} ask
   */
  #ask(mode, ask) {
    const transaction = this.#database.transaction(UPLOADS, mode);
    const request = ask(transaction.objectStore(UPLOADS));
    transaction.commit();
    const ended = new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request?.result);
      transaction.onabort = () => reject(transaction.error);
    });
    return inTime(ended);
  }

  put = (memo) => this.putAll([memo]);
  putAll = (memos) => this.#ask("readwrite", (uploads) => memos.forEach((memo) => uploads.put(memo)));
  remove = (taskId) => this.#ask("readwrite", (uploads) => uploads.delete(taskId));
  has = async (taskId) => (await this.#ask("readonly", (uploads) => uploads.count(taskId))) > 0;

  async all(accountId) {
    const memos = await this.#ask("readonly", (uploads) => uploads.getAll());
    return memos.filter((memo) => memo.accountId === accountId);
  }
}

/** @param {IDBFactory} [factory] */
export async function openMemory(factory = globalThis.indexedDB) {
  try {
    const request = factory.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(UPLOADS, { keyPath: "taskId" });
    const opened = new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
    return new MemoryInDatabase(await inTime(opened));
  } catch {
    return new MemoryInPage(); // private windows of some browsers
  }
}

/** Some browsers at times answer never; nothing may wait for that. @param {Promise<T>} answer @template T */
function inTime(answer) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("The browser's database does not answer.")), LATE_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
