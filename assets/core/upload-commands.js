// What the tray's buttons do. A row may be driven by this page or only watched; the person need not know which.

import { endAtServer } from "./endings.js";
import { together } from "./together.js";
import { isOpen } from "./upload-view.js";
import { t } from "./words.js";

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
 *          intake: import("./intake.js").Intake}} means
 */
export function createUploadCommands({ uploader, observed, store, api, left, intake }) {
  const watched = {
    pause: ({ taskId }) => api.pauseTask(taskId),
    resume: ({ taskId }) => api.resumeTask(taskId),
    cancel: async ({ key, taskId, state, asksFor }) => {
      if (asksFor) return left.forget(key);
      if (taskId === null) return store.removeUpload(key); // it could not be read
      if (state !== "done" && state !== "failed") await endAtServer(api, taskId);
      observed.forget(taskId);
    },
  };

  async function act(action, key, file) {
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

  /** Whether they wait after a reload too. */
  const keepPause = async (verb, keys) => {
    if (verb === "pause" || verb === "resume") await left.setPaused(keys, verb === "pause").catch(() => {});
  };

  /** What was not stored, in words; the rows of a folder go as one. @returns {string} */
  function endGroup(group) {
    const views = [...store.uploads.values()].filter((view) => view.group === group);
    const done = views.filter(({ state }) => state === "done");
    for (const { key, taskId } of done) (uploader.has(key) ? uploader.forgetRow(key) : observed.forget(taskId));
    return t("uploads.cancelledGroup", { name: views[0]?.groupName ?? "", done: done.length, n: views.length });
  }

  return {
    async run(action, key, file) {
      const memo = store.uploads.get(key)?.memo;
      await act(action, key, file);
      if (memo) await keepPause(action, [memo]);
    },

    add: (items, groups = [], more = {}) => {
      // A new batch sweeps away the finished rows of the last one.
      if (![...store.uploads.values()].some(isOpen)) clearFinished();
      return intake.add(items, groups, more);
    },

    /**
     * @param {"pause" | "resume" | "cancel" | "retry"} verb @param {string | null} group only the rows of a folder
     * @returns {Promise<string>} what is to be said of it, if anything
     */
    async runAll(verb, group = null) {
      const views = [...store.uploads.values()].filter((view) => FITS[verb](view) && (group === null || view.group === group));
      const said = verb === "cancel" && group !== null ? endGroup(group) : "";
      if (verb === "cancel") uploader.drop(views.map(({ key }) => key));
      if (verb === "pause") views.reverse(); // the last first, or each pause would let the next one begin
      const keys = new Set(views.flatMap((view) => [view.group, view.memo]).filter(Boolean));
      await together(views, ({ key }) => act(verb, key));
      await keepPause(verb, keys);
      return said;
    },

    clearFinished,
  };

  function clearFinished() {
    uploader.clearFinished();
    observed.clearFinished();
  }
}
