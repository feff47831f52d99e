// What the tray's buttons do, and what happens to files before they are sent. A row may be driven by this page or only
// watched; the person need not know which.

import { findConflicts, freeName, isHere } from "./conflicts.js";
import { isOpen } from "./upload-view.js";
import { endAtServer } from "./uploader.js";
import { t } from "./words.js";

/** Requests of one bulk verb that are under way together. */
const TOGETHER = 4;

/** Which rows a verb for many is about. */
const FITS = Object.freeze({
  pause: ({ state }) => ["queued", "sending", "waiting"].includes(state),
  resume: ({ state }) => state === "paused",
  retry: ({ state, driven }) => state === "failed" && driven,
  cancel: ({ state }) => state !== "done",
});

/**
 * @param {{uploader: import("./uploader.js").Uploader, observed: import("./observed-uploads.js").ObservedUploads,
 *          store: import("./store.js").Store, api: object, left: import("./left-behind.js").LeftBehind,
 *          decide: (conflicts: object[]) => Promise<("keepBoth" | "replace" | "skip")[] | null>}} means `decide` asks the
 *   person what to do with files of the same name; null: send nothing
 */
export function createUploadCommands({ uploader, observed, store, api, left, decide }) {
  const watched = {
    pause: ({ taskId }) => api.pauseTask(taskId),
    resume: ({ taskId }) => api.resumeTask(taskId),
    cancel: async ({ key, taskId, state, asksFor }) => {
      if (asksFor) return left.forget(key);
      if (state !== "done" && state !== "failed") await endAtServer(api, taskId);
      observed.forget(taskId);
    },
  };

  async function run(action, key, file) {
    const view = store.uploads.get(key);
    if (!view) return;
    try {
      if (action === "choose") await uploader.adopt(key, file);
      else if (uploader.has(key)) await uploader[action](key);
      else await watched[action](view);
    } catch (error) {
      const now = store.uploads.get(key);
      if (now) store.putUpload(Object.assign(now, { error: error.message })); // the row's owner keeps this object
    }
  }

  /** Asks about each file whose name is taken. @returns {Promise<object[]>} what is left to send */
  async function withoutConflicts(items) {
    const met = await findConflicts(api, items).catch(() => new Map()); // offline: nothing is lost, both are kept
    for (const [item, file] of met) if (isHere(item.file, file)) item.here = file;
    const open = items.filter((item) => met.has(item) && !item.here);
    if (open.length === 0) return items;
    const answers = await decide(open.map((item) => ({ item, stored: met.get(item) })));
    if (answers === null) return [];
    const chosen = new Map(open.map((item, at) => [item, answers[at]]));
    const place = ({ folder, name }) => `${folder}\n${name}`;
    const names = new Set([...met.values()].map(place));
    for (const { file, folder } of items) names.add(place({ folder, name: file.name }));
    for (const [item, answer] of chosen) {
      if (answer === "replace") item.replaces = met.get(item).id;
      if (answer !== "keepBoth") continue;
      item.name = freeName(item.file.name, (name) => names.has(place({ folder: item.folder, name })));
      names.add(place(item));
    }
    return items.filter((item) => chosen.get(item) !== "skip");
  }

  return {
    run,

    /**
     * Takes files in. A new batch sweeps away the finished rows of the last one.
     * @param {object[]} items as the uploader takes them
     * @param {{key: string, name: string, folder: string, handle?: FileSystemDirectoryHandle}[]} [groups] folders
     */
    async add(items, groups = []) {
      if (![...store.uploads.values()].some(isOpen)) this.clearFinished();
      const wanted = await withoutConflicts(items);
      await left.remember(wanted, groups);
      uploader.add(wanted);
    },

    /** @param {"pause" | "resume" | "cancel" | "retry"} verb @param {string | null} group only the rows of a folder */
    async runAll(verb, group = null) {
      const views = [...store.uploads.values()].filter((view) => FITS[verb](view) && (group === null || view.group === group));
      if (verb === "pause") views.reverse(); // the last first, or each pause would let the next one begin
      const worker = async () => {
        for (let view = views.shift(); view; view = views.shift()) await run(verb, view.key);
      };
      await Promise.all(Array.from({ length: TOGETHER }, worker));
    },

    clearFinished() {
      uploader.clearFinished();
      observed.clearFinished();
    },
  };
}
