// What the tray's buttons do. A row may be driven by this page or only watched; the person need not know which.

import { isOpen } from "./upload-view.js";
import { endAtServer } from "./uploader.js";

/**
 * @param {{uploader: import("./uploader.js").Uploader, observed: import("./observed-uploads.js").ObservedUploads,
 *          store: import("./store.js").Store, api: object}} means
 */
export function createUploadCommands({ uploader, observed, store, api }) {
  const watched = {
    pause: ({ taskId }) => api.pauseTask(taskId),
    resume: ({ taskId }) => api.resumeTask(taskId),
    cancel: async ({ taskId, state }) => {
      if (state !== "done" && state !== "failed") await endAtServer(api, taskId);
      observed.forget(taskId);
    },
  };

  return {
    /** A new batch sweeps away the finished rows of the last one. */
    add(items) {
      if (![...store.uploads.values()].some(isOpen)) this.clearFinished();
      uploader.add(items);
    },

    clearFinished() {
      uploader.clearFinished();
      observed.clearFinished();
    },

    /** @param {"pause" | "resume" | "cancel" | "retry" | "choose"} action @param {string} key @param {File} [file] */
    async run(action, key, file) {
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
    },
  };
}
