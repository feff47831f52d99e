// What becomes of files between being given and standing in line. They are remembered before anything else; one that is in
// line already is not taken twice, one that is stored already is not sent, and about one whose name is taken a person is
// asked. What was answered is remembered too, and what was not is asked again after a reload.

import { findConflicts, isAlike } from "./conflicts.js";
import { composed, freeName, lineKey, storable } from "./names.js";
import { together } from "./together.js";

export class Intake {
  #api;
  #uploader;
  #left;
  #decide;
  /** What is on its way to the line. @type {Set<string>} */
  #coming = new Set();
  #asking = 0;

  /**
   * @param {{api: object, uploader: import("./uploader.js").Uploader, left: import("./left-behind.js").LeftBehind,
   *          decide: (conflicts: {item: object, stored: object}[]) => Promise<("keepBoth" | "replace" | "skip")[] | null>}} means
   *   `decide` asks the person what to do with files whose names are taken; null: none of them is sent
   */
  constructor({ api, uploader, left, decide }) {
    this.#api = api;
    this.#uploader = uploader;
    this.#left = left;
    this.#decide = decide;
  }

  /** A question is open. */
  get isAsking() {
    return this.#asking > 0;
  }

  /**
   * What was dropped, chosen or pasted.
   * @param {object[]} items as the uploader takes them
   * @param {{key: string, name: string, folder: string, handle?: FileSystemDirectoryHandle}[]} groups folders
   * @param {{lost?: object[], empty?: string[]}} [more] `lost`: what cannot be read on this device; `empty`: folders
   *   without files
   */
  async add(items, groups, { lost = [], empty = [] } = {}) {
    const taken = this.#uploader.inLine();
    const fresh = items.filter((item) => !taken.has(lineKey(item)) && !this.#coming.has(lineKey(item)));
    for (const item of fresh) if (storable(item.file.name) !== item.file.name) item.name ??= storable(item.file.name);
    const keys = fresh.map(lineKey);
    for (const key of keys) this.#coming.add(key);
    try {
      await this.#left.remember(fresh, groups);
      this.#uploader.addLost(lost);
      await Promise.all([this.send(fresh), this.#makeFolders(empty)]);
    } finally {
      for (const key of keys) this.#coming.delete(key);
    }
  }

  /** What is remembered, with the answers that were given. @param {object[]} items */
  async send(items) {
    const found = await this.#findConflicts(items);
    if (found === null) return;
    const { met, isTaken } = found;
    const open = [];
    for (const item of items) {
      const stored = met.get(item);
      if (stored === undefined) continue;
      if (isAlike(item.file, stored)) item.here = stored;
      else if (!item.isAnswered) open.push(item);
      // Should what seems to be here be another file after all, both are kept.
      if (item.here && !item.isSure) item.spare = await freeName(stored.name, (name) => isTaken(item.folder, name));
    }
    const asked = new Set(open);
    this.#uploader.add(items.filter((item) => !asked.has(item)));
    if (open.length > 0) await this.#ask(open, { met, isTaken });
  }

  /** Waits for a sign-in; null where it is somebody else's, for what was given is not theirs. */
  async #findConflicts(items) {
    const whose = this.#uploader.accountId;
    for (;;) {
      try {
        return await findConflicts(this.#api, items);
      } catch (problem) {
        if (problem.status === 0) return { met: new Map(), isTaken: async () => false }; // nothing is lost when both are kept
        if (problem.status !== 401) throw problem;
      }
      await this.#uploader.signedIn();
      if (this.#uploader.accountId !== whose) return null;
    }
  }

  async #ask(open, { met, isTaken }) {
    this.#asking++;
    let answers;
    try {
      answers = (await this.#decide(open.map((item) => ({ item, stored: met.get(item) })))) ?? open.map(() => "skip");
    } finally {
      this.#asking--;
    }
    const given = new Set(open.map(({ file, folder, name = file.name }) => `${folder}\n${composed(name)}`));
    for (const [at, item] of open.entries()) {
      item.isAnswered = true;
      if (answers[at] === "skip") item.isSkipped = true;
      if (answers[at] === "replace") item.replaces = met.get(item).id;
      if (answers[at] !== "keepBoth") continue;
      item.name = await freeName(item.name ?? item.file.name, (name) => given.has(`${item.folder}\n${name}`) || isTaken(item.folder, name));
      given.add(`${item.folder}\n${item.name}`);
    }
    await this.#left.answered(open);
    this.#uploader.add(open.filter(({ isSkipped }) => !isSkipped));
  }

  /** Nothing else makes those without files. One that is there already is as good. */
  #makeFolders(paths) {
    return together(paths, (path) => this.#api.makeFolder(path).catch((problem) => problem.status !== 409 && Promise.reject(problem)));
  }
}
