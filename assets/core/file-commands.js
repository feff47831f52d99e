// What the actions of the file places do. One file is changed while one waits; many are the work of a task. Each answers
// when the change is made.

import { createFilesApi, ITEMS_MAX } from "./files-api.js";
import { Later } from "./later.js";
import { isFolder } from "./listing.js";
import { baseOf, isWithin } from "./paths.js";
import { said } from "./said.js";
import { t } from "./words.js";

const tooMany = () => new Error(t("files.tooManyAtOnce", { n: ITEMS_MAX }));

/** @param {{api: object, store: import("./store.js").Store}} means */
export function createFileCommands({ api, store }) {
  const server = createFilesApi(api);

  /** Lists look again, also where no event tells of the change. */
  const changing =
    (work) =>
    async (...request) => {
      try {
        return await work(...request);
      } finally {
        store.filesChanged();
      }
    };

  async function begin(type, parameters, more) {
    const task = await server.makeTask(type, parameters, more);
    store.putTask(task);
    return task;
  }

  /** The end of a task that is over in a moment; its failure is thrown. */
  async function finish({ taskId }) {
    const task = await server.waitForTask(taskId);
    store.putTask(task);
    if (task.status === "Failed") throw new Error(said(task.errorMessage));
    const failed = task.results?.failed ?? [];
    if (failed.length > 0) throw new Error(`${failed[0].name}: ${said(failed[0].errorMessage)}`);
    return task;
  }

  const bulk = async (operationType, targetIds, operationParameters = {}) =>
    finish(await begin("BulkOperation", { operationType, targetIds, operationParameters }));

  /** The files meant by rows: those of folders too. */
  async function filesOf(items) {
    const lists = await Promise.all(
      items.map((item) => (isFolder(item) ? server.all({ folder: item.path, deep: true }) : [item])),
    );
    const files = lists.flat();
    // Never a part of what was meant without a word.
    if (files.length > ITEMS_MAX || lists.some((list) => list.length > ITEMS_MAX)) throw tooMany();
    return files;
  }

  const idsOf = async (items) => (await filesOf(items)).map(({ id }) => id);

  /** The first view does without it. */
  const moves = new Later(async () => {
    const { createFileMoves } = await import("./file-moves.js");
    return createFileMoves({
      server,
      filesOf,
      moveMany: async (fileIds, targetFolder) => finish(await begin("FileMove", { fileIds, targetFolder })),
      copyMany: (ids, targetFolder) => bulk("copy", ids, { targetFolder }),
    });
  });
  const moving = (verb) => changing(async (wish) => (await moves.get())[verb](wish));

  /** @returns {Promise<{files: string[] | null, folders: string[]}>} what `restore` puts back; null: too many to know */
  async function trash({ items }) {
    const folders = items.filter(isFolder);
    const inside = await idsOf(folders).catch(() => null);
    const tree = folders.length > 0 ? await server.folders() : [];
    const paths = tree.map(({ path }) => path).filter((path) => folders.some((folder) => isWithin(path, folder.path)));
    const files = items.filter((item) => !isFolder(item)).map(({ id }) => id);
    for (const { path } of folders) await server.trashFolder(path);
    if (files.length === 1) await server.trash(files[0]);
    else if (files.length > 1) await bulk("delete", files, { confirm: true });
    return { files: inside && [...files, ...inside], folders: paths };
  }

  async function restore({ files, folders = [] }) {
    if (files === null) throw tooMany();
    for (const path of folders) await server.makeFolder(path);
    if (files.length === 1) await server.restore(files[0]);
    else if (files.length > 1) await bulk("restore", files);
  }

  async function purge({ items }) {
    if (items.length === 1) return server.purge(items[0].id);
    await bulk("purge", items.map(({ id }) => id), { confirm: true });
  }

  async function emptyTrash() {
    try {
      await server.emptyTrash();
    } catch (problem) {
      if (problem.code !== "ROUTE_NOT_FOUND" && problem.code !== "METHOD_NOT_ALLOWED") throw problem;
      const parameters = { operationType: "purge", filter: {}, operationParameters: { confirm: true } };
      await finish(await begin("BulkOperation", parameters));
    }
  }

  async function tag({ items, tags, add, remove }) {
    if (items.length === 1) return server.change(items[0].id, { tags });
    await bulk("tag", items.map(({ id }) => id), { add, remove });
  }

  /** Puts files behind a link: `bundleId` null takes them out of theirs. */
  async function putIntoLink({ items, bundleId }) {
    const files = await filesOf(items);
    if (files.length === 0) return;
    if (files.length === 1 || bundleId === null) {
      for (const { id } of files) await server.change(id, { bundleId });
      return;
    }
    await finish(await begin("FileMove", { fileIds: files.map(({ id }) => id), targetBundleId: bundleId }));
  }

  return {
    "list-files": (query) => api.files(query),
    "load-all": (query) => server.all(query),
    "load-folders": () => server.folders(),
    "load-file": ({ item }) => server.file(item.id),
    "load-pools": () => server.pools(),
    "load-operations": () => server.operations(),
    "read-text": ({ file }) => server.text(file),
    "read-whole": ({ file, signal }) => server.whole(file, signal),
    unlock: ({ file, password }) => server.unlocked(file, password),
    "make-folder": changing(({ path }) => server.makeFolder(path)),
    rename: moving("rename"),
    move: moving("move"),
    copy: moving("copy"),
    "put-back": moving("putBack"),
    trash: changing(trash),
    restore: changing(restore),
    purge: changing(purge),
    "empty-trash": changing(emptyTrash),
    tag: changing(tag),
    archive: async ({ items, name }) => server.archive(await idsOf(items), name),
    /** Tasks over the chosen files; a type that takes one file gets a task for each. @returns {Promise<object[]>} */
    operate: async ({ type, items, parameters, single }) => {
      const ids = await idsOf(items);
      if (!single) return [await begin(type, { ...parameters, fileIds: ids })];
      const tasks = [];
      for (const fileId of ids) tasks.push(await begin(type, { ...parameters, fileId }));
      return tasks;
    },
    "load-links": () => server.bundles(),
    "make-link": ({ fields }) => server.makeBundle(fields),
    "change-link": ({ bundleId, fields }) => server.changeBundle(bundleId, fields),
    "remove-link": changing(({ bundleId }) => server.removeBundle(bundleId)),
    "put-into-link": changing(putIntoLink),
  };
}

/** What a new archive of some rows is called, without an ending. */
export const archiveName = (items, folder) =>
  items.length === 1 ? items[0].name.replace(/\.[^.]+$/, "") : baseOf(folder) || "files";
