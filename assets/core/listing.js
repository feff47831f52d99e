// What a place shows, as one long list: the folders of the present folder, then its files from the pager. Files are
// loaded as they are looked at; folders all at once, since the server knows them by heart.
//
// Events: "change".

import { parentOf } from "./paths.js";

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
  #loadFolders;
  #place = { mode: "files", folder: "/", q: "", sort: "name", descends: false };
  #tree = [];
  #folders = [];
  #knowsFolders = false;
  #problem = null;
  #asked = 0;

  /** @param {{pager: import("./pager.js").Pager, loadFolders: () => Promise<object[]>}} means */
  constructor({ pager, loadFolders }) {
    super();
    this.#pager = pager;
    this.#loadFolders = loadFolders;
    pager.addEventListener("change", () => this.#changed());
  }

  /** @param {{mode: "files" | "recent" | "trash", folder: string, q: string, sort: string, descends: boolean}} place */
  show(place) {
    this.#place = place;
    this.#arrange();
    this.#pager.reset(queryOf(place));
    if (place.mode === "files") this.#askFolders();
  }

  refresh() {
    if (this.#place.mode === "files") this.#askFolders();
    this.#pager.refresh();
  }

  /** Every folder of the account, as last told. */
  get tree() {
    return this.#tree;
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

  /** Shows at once what the server is still being told. @param {object[]} items */
  remove(items) {
    const keys = new Set(items.map(keyOf));
    this.#tree = this.#tree.filter((folder) => !keys.has(keyOf(folder)));
    this.#arrange();
    this.#pager.remove((file) => keys.has(file.id));
  }

  patch(item, fields) {
    if (isFolder(item)) this.#tree = this.#tree.map((one) => (one.path === item.path ? { ...one, ...fields } : one));
    this.#arrange();
    this.#pager.patch(item.id, fields);
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
    try {
      const tree = await this.#loadFolders();
      if (asked !== this.#asked) return;
      this.#tree = tree.filter(({ path }) => path !== "/");
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
    const shown = mode === "files" ? this.#tree.filter(belongs) : [];
    const turn = descends && (sort === "name" || sort === "size") ? -1 : 1;
    const bySize = (a, b) => a.allBytes - b.allBytes || byName(a.name, b.name);
    this.#folders = shown.sort((a, b) => turn * (sort === "size" ? bySize(a, b) : byName(a.name, b.name)));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function queryOf({ mode, folder, q, sort, descends }) {
  if (mode === "trash") return { trashed: true, sortBy: "deletedAt", sortDescending: true };
  if (mode === "recent") return { sortBy: "updatedAt", sortDescending: true };
  const order = { sortBy: sort, sortDescending: descends };
  if (q === "") return { folder, ...order };
  return { folder: folder === "/" ? undefined : folder, deep: true, q, ...order };
}
