// The requests about stored files, folders, links and the tasks over them, as plain calls.

import { checked, createReading } from "./reading.js";

/** Rows that one request of a long list brings, and ids that one action takes at most. */
const PAGE = 500;
export const ITEMS_MAX = 10_000;

const id = encodeURIComponent;

/** @param {{call: Function, send: (url: string, options?: object) => Promise<Response>}} api */
export function createFilesApi({ call, send }) {
  const data = async (...request) => (await call(...request)).data;

  return {
    folders: () => data("GET", "/api/folders"),
    makeFolder: (path) => data("POST", "/api/folders", { body: { path } }),
    moveFolder: (from, to, onConflict) => data("POST", "/api/folders/move", { body: { from, to, onConflict } }),
    trashFolder: (path) => data("DELETE", "/api/folders", { query: { path } }),

    file: (fileId) => data("GET", `/api/files/${id(fileId)}`),
    change: (fileId, fields) => data("PATCH", `/api/files/${id(fileId)}`, { body: fields }),
    copy: (fileId, fields) => data("POST", `/api/files/${id(fileId)}/copy`, { body: fields }),
    trash: (fileId) => data("DELETE", `/api/files/${id(fileId)}`),
    purge: (fileId) => data("DELETE", `/api/files/${id(fileId)}`, { query: { permanent: true } }),
    restore: (fileId) => data("POST", `/api/files/${id(fileId)}/restore`),
    emptyTrash: () => data("DELETE", "/api/trash"),

    /** Many rows of a list, page by page; more than `ITEMS_MAX` are not all told, but that there are more is. */
    async all(query) {
      const found = [];
      for (let cursor; found.length <= ITEMS_MAX; ) {
        const { data: rows, headers } = await call("GET", "/api/files", { query: { ...query, limit: PAGE, cursor } });
        found.push(...rows);
        cursor = headers.get("x-next-cursor") ?? undefined;
        if (cursor === undefined || rows.length === 0) break;
      }
      return found;
    },

    makeTask: (type, parameters, more = {}) => data("POST", "/api/tasks", { body: { type, parameters, ...more } }),
    /** How it ended, or how it stands after a minute. In rounds, for no read is waited for longer than half of that. */
    async waitForTask(taskId) {
      for (let round = 1; ; round++) {
        const task = await data("GET", `/api/tasks/${id(taskId)}/wait`, { query: { timeout: 20 } });
        if (round === 3 || !["Pending", "InProgress", "Paused"].includes(task.status)) return task;
      }
    },
    operations: () => data("GET", "/api/operations"),
    pools: () => data("GET", "/api/pools"),

    bundles: () => everyBundle(call),
    makeBundle: (fields) => data("POST", "/api/bundles", { body: fields }),
    changeBundle: (bundleId, fields) => data("PATCH", `/api/bundles/${id(bundleId)}`, { body: fields }),
    removeBundle: (bundleId) => data("DELETE", `/api/bundles/${id(bundleId)}`),

    /** Many files as one zip, when their ids do not fit into an address. @returns {Promise<Blob>} */
    async archive(fileIds, name) {
      const body = JSON.stringify({ fileIds, name });
      const headers = { "Content-Type": "application/json" };
      return (await checked(await send("/api/files/archive", { method: "POST", body, headers }))).blob();
    },

    ...createReading(send),

    /** What is inside an encrypted file. @returns {Promise<Blob>} */
    async unlocked(file, password) {
      // A header takes bytes; the server reads them as UTF-8.
      const bytes = String.fromCharCode(...new TextEncoder().encode(password));
      return (await checked(await send(file.url, { headers: { "X-File-Password": bytes } }))).blob();
    },
  };
}

async function everyBundle(call) {
  const found = [];
  for (let cursor; ; ) {
    const { data: rows, headers } = await call("GET", "/api/bundles", { query: { limit: 200, cursor } });
    found.push(...rows);
    cursor = headers.get("x-next-cursor") ?? undefined;
    if (cursor === undefined || rows.length === 0) return found;
  }
}
