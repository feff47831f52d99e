// What a place shows, as one long list: the folders of the present folder, then its files from the pager. Files are
// loaded as they are looked at; folders all at once, since the server knows them by heart.
//
// Events: "change".

import { parentOf } from "./paths.js";
import { Pending } from "./pending.js";

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;

/** A row is a folder, or else a CloudFile. */
export const isFolder = (item) => item?.path !== undefined;
export const keyOf = (item) => (isFolder(item) ? `folder:${item.path}` : item.id);
/** The folder that it lies in. */
export const originOf = (item) => (isFolder(item) ? parentOf(item.path) : item.folder);
/** Bytes of a file, or of all that is below a folder. */
export const sizeOf = (item) => (isFolder(item) ? item.allBytes : item.size);

export class Listing extends EventTarget {
  #pager;
  #pending;
  #loadFolders;
  #place = { mode: "files", folder: "/", q: "", sort: "name", descends: false };
  /** Every folder of the account, as last told, and when that was asked. */
  #tree = [];
  #treeAsked = 0;
  #root;
  #isFound = false;
  #folders = [];
  #knowsFolders = false;
  #problem = null;
  #asked = 0;

  /** @param {{pager: import("./pager.js").Pager, pending?: Pending, loadFolders: () => Promise<object[]>}} means `pending` is the pager's too */
  constructor({ pager, pending = new Pending(), loadFolders }) {
    super();
    this.#pager = pager;
    this.#pending = pending;
    this.#loadFolders = loadFolders;
    pager.addEventListener("change", () => this.#changed());
  }

  /** @param {{mode: "files" | "recent" | "trash", folder: string, q: string, sort: string, descends: boolean}} place */
  show(place) {
    const isSame = this.#pager.total !== null && listOf(place) === listOf(this.#place);
    this.#place = place;
    if (!isSame) this.#isFound = false;
    this.#arrange();
    if (isSame) this.#pager.turn(queryOf(place));
    else this.#pager.reset(queryOf(place), listOf(place));
    if (place.mode === "files") this.#askFolders();
  }

  refresh() {
    if (this.#place.mode === "files") this.#askFolders();
    this.#pager.refresh();
  }

  /** A folder as last told, the top too. */
  folder(path) {
    const folder = path === "/" ? this.#root : this.#tree.find((one) => one.path === path);
    return folder && (this.#pending.shown(keyOf(folder), folder, this.#treeAsked) ?? undefined);
  }

  /** Whether there was no such folder when the place was shown. One that is left empty may be forgotten by the server. */
  get isMissing() {
    return this.#place.mode === "files" && this.#knowsFolders && !this.#isFound;
  }

  get folderCount() {
    return this.#folders.length;
  }

  get fileCount() {
    return this.#pager.total;
  }

  /** Rows in all; null until both parts are known. */
  get total() {
    if (this.#pager.total === null || (this.#place.mode === "files" && !this.#knowsFolders)) return null;
    return this.#folders.length + this.#pager.total;
  }

  get problem() {
    return this.#pager.problem ?? this.#problem;
  }

  /** @returns {object | undefined} undefined while it is not here */
  at(index) {
    return this.#folders[index] ?? this.#pager.at(index - this.#folders.length);
  }

  /** Where a row stands, if it is here; else -1. @param {string} key */
  find(key) {
    const at = this.#folders.findIndex((folder) => keyOf(folder) === key);
    if (at >= 0) return at;
    const row = this.#pager.find((file) => file.id === key);
    return row < 0 ? -1 : row + this.#folders.length;
  }

  /** Whether the name of an item is another's in the same folder, as far as is known here. */
  isTaken(item) {
    if (isFolder(item)) return this.#tree.some(({ path }) => path === item.path);
    return this.#pager.find(({ id, name, folder }) => id !== item.id && name === item.name && folder === item.folder) >= 0;
  }

  /** Whether all rows are here: what is not among them is gone. */
  get isWhole() {
    return this.total !== null && this.#pager.isWhole;
  }

  want(first, last) {
    this.#pager.want(first - this.#folders.length, last - this.#folders.length);
  }

  /** Rows between two, both included, loaded where they are not here. @returns {Promise<object[]>} */
  async between(first, last) {
    const from = Math.max(0, first - this.#folders.length);
    if (last >= this.#folders.length) await this.#pager.ensure(from, last - this.#folders.length);
    return Array.from({ length: last - first + 1 }, (_, step) => this.at(first + step)).filter(Boolean);
  }

  /** What `GET /api/files` is asked for here. */
  get query() {
    return queryOf(this.#place);
  }

  get folders() {
    return this.#folders;
  }

  /**
   * Shows at once what the server is still being told, until it is settled or undone.
   * @param {object[]} items @returns {{settle: () => void, undo: (some?: object[]) => void}}
   */
  remove(items) {
    const [folders, files] = [items.filter(isFolder), items.filter((item) => !isFolder(item))];
    const parts = [this.#pending.begin(folders.map(keyOf), null), this.#pending.begin(files.map(keyOf), null, listOf(this.#place))];
    return this.#show(parts);
  }

  /** The same for what changes of a row. */
  patch(item, fields) {
    return this.#show([this.#pending.begin([keyOf(item)], fields)]);
  }

  #show(parts) {
    this.#arrangeAll();
    return {
      settle: () => parts.forEach((part) => part.settle()),
      undo: (some) => {
        for (const part of parts) part.undo(some?.map(keyOf));
        this.#arrangeAll();
      },
    };
  }

  #arrangeAll() {
    this.#arrange();
    this.#pager.arrange(); // which tells of the change
  }

  addFolder(path) {
    if (this.#tree.some((folder) => folder.path === path)) return;
    const empty = { files: 0, bytes: 0, allFiles: 0, allBytes: 0 };
    this.#tree = [...this.#tree, { path, name: path.split("/").pop(), ...empty }];
    this.#arrange();
    this.#changed();
  }

  async #askFolders() {
    const asked = ++this.#asked;
    const now = this.#pending.now();
    try {
      const tree = await this.#loadFolders();
      if (asked !== this.#asked) return;
      this.#treeAsked = now;
      this.#root = tree.find(({ path }) => path === "/");
      this.#tree = tree.filter((folder) => folder !== this.#root);
      this.#knowsFolders = true;
      this.#problem = null;
    } catch (problem) {
      if (asked !== this.#asked) return;
      this.#problem = problem;
    }
    this.#arrange();
    this.#changed();
  }

  #arrange() {
    const { mode, folder, q, sort, descends } = this.#place;
    const words = q.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const below = folder === "/" ? "/" : `${folder}/`;
    const belongs = ({ path, name }) =>
      words.length > 0
        ? path.startsWith(below) && words.every((word) => name.toLocaleLowerCase().includes(word))
        : parentOf(path) === folder;
    const amended = (folder) => this.#pending.shown(keyOf(folder), folder, this.#treeAsked);
    const tree = this.#pending.isEmpty ? this.#tree : this.#tree.map(amended).filter(Boolean);
    const shown = mode === "files" ? tree.filter(belongs) : [];
    const turn = descends && (sort === "name" || sort === "size") ? -1 : 1;
    const bySize = (a, b) => a.allBytes - b.allBytes || byName(a.name, b.name);
    this.#isFound ||= folder === "/" || tree.some(({ path }) => path === folder);
    this.#folders = shown.sort((a, b) => turn * (sort === "size" ? bySize(a, b) : byName(a.name, b.name)));
  }

  #changed() {
    this.#pending.forget(Math.min(this.#pager.oldest, this.#place.mode === "files" ? this.#treeAsked : Infinity));
    this.dispatchEvent(new Event("change"));
  }
}

/** Which rows a place shows, in whatever order. */
const listOf = ({ mode, folder, q }) => `${mode} ${folder} ${q}`;

function queryOf({ mode, folder, q, sort, descends }) {
  if (mode === "trash") return { trashed: true, sortBy: "deletedAt", sortDescending: true };
  if (mode === "recent") return { sortBy: "updatedAt", sortDescending: true };
  const order = { sortBy: sort, sortDescending: descends };
  if (q === "") return { folder, ...order };
  return { folder: folder === "/" ? undefined : folder, deep: true, q, ...order };
}
