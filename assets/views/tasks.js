// The place "Tasks": everything that takes longer than a request, from every device.

import "../elements/id-field.js";
import "../elements/lane-tiles.js";
import "../elements/schema-form.js";
import "../elements/task-card.js";
import "../elements/task-details.js";
import "../elements/task-list.js";

export const tag = "task-list";
export const words = ["pages", "tasks"];
export const styles = ["lane-tiles", "schema-form", "task-card", "task-details", "task-list", "ask"].map((name) => `elements/${name}.css`).concat("styles/forms.css");

/** Work items that are looked at; more are counted by the list itself. */
const ITEMS_MAX = 500;

/** @param {{api: object, store: import("../core/store.js").Store}} means */
export function commands({ api, store }) {
  const get = async (path, query) => (await api.call("GET", path, { query })).data;
  const id = encodeURIComponent;

  return {
    "list-tasks": (query) => api.tasks(query),

    "ask-lanes": ({ account }) => get("/api/lanes", { account }),

    /** @param {{lane: string, verb: "pause" | "resume"}} wish */
    "change-lane": ({ lane, verb }) => api.call("POST", `/api/lanes/${lane}/${verb}`),

    /** The whole task, and those of its files that failed. */
    async "ask-task"({ taskId }) {
      const path = `/api/tasks/${id(taskId)}`;
      const [task, failed] = await Promise.all([get(path), get(`${path}/items`, { state: "Failed", limit: ITEMS_MAX })]);
      return { task, failed };
    },

    /** What files are called now; those that are gone are left out. @returns {Promise<Record<string, string>>} */
    async "ask-names"({ fileIds }) {
      const found = await Promise.all(fileIds.map((fileId) => get(`/api/files/${id(fileId)}`).catch(() => null)));
      return Object.fromEntries(found.filter(Boolean).map((file) => [file.id, file.name]));
    },

    async "change-tasks"({ verb, body }) {
      return (await api.call("POST", `/api/tasks/${verb}`, { body })).data;
    },

    async "set-priority"({ taskId, priority }) {
      store.putTask((await api.call("PATCH", `/api/tasks/${id(taskId)}`, { body: { priority } })).data);
    },

    "ask-operations": () => get("/api/operations"),

    async "create-task"(body) {
      const task = (await api.call("POST", "/api/tasks", { body })).data;
      store.putTask(task);
      return task;
    },

    /** Names for ids. @returns {Promise<{value: string, label: string, detail?: string}[]>} */
    async suggest({ kind, q }) {
      if (kind === "file") {
        const { items } = await api.files({ q: q || undefined, limit: 8, sortBy: "updatedAt" });
        return items.map(({ id: value, name: label, folder: detail }) => ({ value, label, detail }));
      }
      const found = await get(kind === "pool" ? "/api/pools" : "/api/bundles");
      return found.map(({ id: value, name: label }) => ({ value, label }));
    },
  };
}
