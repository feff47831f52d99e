// What the verbs of a file place do on the page: they show the change at once, ask where there is something to ask, tell
// how it went, and offer the way back.

import { archiveName } from "../core/file-commands.js";
import { Later } from "../core/later.js";
import { isFolder, keyOf, originOf } from "../core/listing.js";
import { join } from "../core/paths.js";
import { canPreview, previewKind } from "../core/preview.js";
import { loadSaid, said } from "../core/said.js";
import { loadWords, t } from "../core/words.js";
import { h, loadStyle } from "./dom.js";
import { folderHref } from "./route.js";

/** Ids that fit into an address; more are asked for by POST. */
const IDS_IN_ADDRESS = 100;
/** Rows that the arrows of the preview walk through. */
const NEIGHBOURS = 5000;
/** How long bytes that lie in this page can be saved from it. */
const KEPT_MS = 10 * 60_000;

/** Dialogs, menus and ways to other places, which the first view does without. */
const tools = new Later(async () => {
  const module = await import("../views/file-tools.js");
  await Promise.all([loadWords(...module.words), loadSaid(), ...module.styles.map(loadStyle)]);
  return module;
});

/** Rejects with what to say. */
export const loadTools = () =>
  tools.get().catch(() => {
    throw new Error(t("files.toolsFailed", { problem: t("common.unreachable") }));
  });

export class FileWork {
  #view;
  /** What gives rows other names and places, once it is here. @type {import("./file-carry.js").FileCarry | null} */
  carry = null;
  /** Tasks that were begun here, until they end: what is said of them. @type {Map<string, {title: string, close: () => void}>} */
  #begun = new Map();
  #watch = null;

  /** @param {import("./file-view.js").FileView} view */
  constructor(view) {
    this.#view = view;
  }

  prepare() {
    this.#watch ??= new AbortController();
    this.#loadSoon();
    const { store } = this.#view;
    store.addEventListener("task", ({ key }) => this.#onTask(store.tasks.get(key)), { signal: this.#watch.signal });
    this.carry?.listen(this.#watch.signal);
  }

  /** Once the list stands, what menus and dialogs need comes quietly. */
  #loadSoon() {
    const { listing } = this.#view;
    const look = () => {
      if (listing.total === null) return;
      listing.removeEventListener("change", look);
      requestAnimationFrame(() => setTimeout(() => this.#carrying().catch(() => {})));
    };
    listing.addEventListener("change", look, { signal: this.#watch.signal });
    look();
  }

  async #carrying() {
    const { FileCarry } = await loadTools();
    if (this.carry === null) {
      this.carry = new FileCarry(this.#view, this);
      if (this.#watch) this.carry.listen(this.#watch.signal);
    }
    return this.carry;
  }

  leave() {
    this.#watch?.abort();
    this.#watch = null;
  }

  /** Also when the place has been left meanwhile, as for Undo. */
  act(action, detail) {
    const stage = this.#view.isConnected ? this.#view : document.querySelector("drive-app");
    return stage.act(action, detail);
  }

  /** @returns {() => void} takes it away again */
  toast(toast) {
    return this.act("toast", toast);
  }

  /** A question, and its answer. @param {string} name of those in views/file-tools.js */
  async ask(name, wish) {
    const answer = await (await loadTools()).questions[name](wish, (...act) => this.act(...act));
    if (document.activeElement === document.body) this.#view.focusList(); // what had it has gone meanwhile
    return answer;
  }

  load = loadTools;

  /** Does what is shown already; what is not done after all is shown as it was. @param {(answer: any) => object[]} [stayed] */
  async shown(change, work, stayed = () => []) {
    try {
      const answer = await work();
      change.undo(stayed(answer));
      change.settle();
      return answer;
    } catch (problem) {
      change.undo();
      throw problem;
    }
  }

  /** What a toast offers. The toast is gone when it is taken, so the focus goes back to the list. */
  wayBack(work, items) {
    const run = () => {
      this.#view.focusList();
      return this.quietly(async () => {
        await work();
        this.toast({ text: t("files.undone") });
      }, items);
    };
    return { word: t("files.undo"), run };
  }

  /** An element that floats above the list. */
  async #part(tag) {
    await loadTools();
    let dialog = this.#view.querySelector(tag);
    if (dialog === null) this.#view.append((dialog = h(tag)));
    return dialog;
  }

  async menu(about) {
    return this.quietly(async () => (await this.#part("context-menu")).open(about));
  }

  /** Runs work and tells its failure. */
  async quietly(work, items = []) {
    try {
      return await work();
    } catch (problem) {
      const text = problem.code === "NETWORK" ? t("files.offline") : problem.message;
      const what = items[0]?.name;
      this.toast({ tone: "danger", text: what ? t("files.wrong", { n: items.length, what, problem: text }) : text });
      this.#view.listing.refresh();
      return undefined;
    }
  }

  /** @param {string} verb @param {object[]} items */
  run(verb, items) {
    const works = {
      open: () => this.open(items[0]),
      download: () => this.#download(items),
      rename: async () => (await this.#carrying()).rename(items[0]),
      move: async () => (await this.#carrying()).pickPlace("move", items),
      copy: async () => (await this.#carrying()).pickPlace("copy", items),
      trash: () => this.#trash(items),
      restore: () => this.#restore(items),
      purge: () => this.#purge(items),
      tag: () => this.#tag(items),
      share: () => this.ask("link", { items }),
      details: () => this.#showDetails(items),
      shortcuts: () => this.ask("shortcuts"),
      newFolder: () => this.#newFolder(),
      "empty-trash": () => this.#emptyTrash(),
    };
    return this.quietly(works[verb] ?? (() => this.#operate(verb, items)), items);
  }

  // Opening and taking away

  /** A folder is gone into, what can be looked at is shown, the rest is downloaded: by the link itself if it was clicked. */
  open(item, event) {
    if (this.#view.mode === "trash") return this.run("details", [item]);
    if (isFolder(item)) return event ? undefined : void (location.hash = folderHref(item.path));
    if (item.isEncrypted) {
      event?.preventDefault();
      return this.quietly(() => this.#unlock(item), [item]);
    }
    if (!canPreview(item)) return event ? undefined : this.quietly(() => this.#download([item]), [item]);
    event?.preventDefault();
    return this.quietly(() => this.#preview(item), [item]);
  }

  /** What is inside an encrypted file: shown where that is possible, else saved. */
  async #unlock(item) {
    const work = (password) => this.act("unlock", { file: item, password });
    const blob = await this.ask("password", { item, work });
    if (blob === null) return;
    const url = URL.createObjectURL(blob);
    const plain = { ...item, isEncrypted: false, size: blob.size, blob, url };
    setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
    if (["image", "markdown", "pdf", "text"].includes(previewKind(plain))) (await this.#part("preview-dialog")).show([plain], 0);
    else save(url, item.name);
  }

  async #preview(item) {
    const dialog = await this.#part("preview-dialog");
    const { listing } = this.#view;
    const loaded = Array.from({ length: Math.min(listing.total ?? 0, NEIGHBOURS) }, (_, at) => listing.at(at));
    const shown = loaded.filter((one) => one && !isFolder(one) && canPreview(one));
    const at = shown.findIndex(({ id }) => id === item.id);
    dialog.show(at < 0 ? [item] : shown, Math.max(0, at));
  }

  async #download(items) {
    const files = items.filter((item) => !isFolder(item));
    if (items.length === 1) {
      const url = isFolder(items[0]) ? `/api/files/archive?${new URLSearchParams({ folder: items[0].path })}` : items[0].url;
      return save(url, isFolder(items[0]) ? "" : items[0].name);
    }
    const name = archiveName(items, this.#view.folder);
    if (files.length === items.length && files.length <= IDS_IN_ADDRESS) {
      const fileIds = files.map(({ id }) => id).join(",");
      return save(`/api/files/archive?${new URLSearchParams({ fileIds, name })}`, "");
    }
    this.toast({ text: t("files.preparing") });
    const url = URL.createObjectURL(await this.act("archive", { items, name }));
    save(url, `${name}.zip`);
    setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
  }

  // Names and places

  async #newFolder() {
    const make = (name) => this.act("make-folder", { path: join(this.#view.folder, name) });
    const name = await this.ask("name", { title: t("files.newFolder"), taken: this.#view.listing.folders.map((folder) => folder.name), work: make });
    if (name === null) return;
    const path = join(this.#view.folder, name);
    this.#view.listing.addFolder(path);
    this.#view.focusList({ path });
    this.toast({ text: t("files.made", { name }) });
  }

  // The trash

  /** Takes rows out of sight, and the focus to the next. */
  #takeOut(items) {
    const hadFocus = this.#view.contains(document.activeElement) || document.activeElement === document.body;
    const change = this.#view.listing.remove(items);
    this.#view.selection.drop(items);
    if (hadFocus) this.#view.focusList();
    return change;
  }

  async #trash(items) {
    const going = this.shown(this.#takeOut(items), () => this.act("trash", { items }));
    going.catch(() => close());
    const way = this.wayBack(async () => this.act("restore", await going), items);
    const close = this.toast({ text: t("files.trashed", { n: items.length, what: items[0].name }), ...way });
    await going;
  }

  async #restore(items) {
    await this.shown(this.#takeOut(items), () => this.act("restore", { files: items.map(({ id }) => id) }));
    this.toast({ text: t("files.restored", { n: items.length, what: items[0].name }) });
  }

  async #purge(items) {
    const work = () => this.act("purge", { items });
    if ((await this.ask("purge", { items, work })) === null) return;
    this.#takeOut(items).settle();
    this.toast({ text: t("files.purged", { n: items.length, what: items[0].name }) });
  }

  async #emptyTrash() {
    const work = () => this.act("empty-trash");
    if ((await this.ask("empty", { total: this.#view.listing.fileCount, work })) === null) return;
    this.#view.selection.clear();
    this.#view.listing.refresh();
    this.toast({ text: t("files.emptied") });
  }

  // The rest

  async #tag(items) {
    const work = (answer) => this.act("tag", { items, ...answer });
    if (await this.ask("tags", { items, work })) this.toast({ text: t("files.tagged") });
  }

  /** The panel, while it is open. */
  get details() {
    const panel = this.#view.querySelector("details-panel");
    return panel === null || panel.hidden ? null : panel;
  }

  async #showDetails(items) {
    (await this.#part("details-panel")).show(items);
    this.#view.requestUpdate();
  }

  toggleDetails(items) {
    if (this.details) return this.details.close();
    return this.run("details", items.length > 0 ? items : this.#around());
  }

  /** Where nothing is chosen: the present folder, or else the row that had the focus last. */
  #around() {
    const { mode, query, folder, listing, list } = this.#view;
    const item = mode === "files" && query === "" ? listing.folder(folder) : list.last;
    return item ? [item] : [];
  }

  /** An open panel tells of what is chosen or has the focus; of what it told, as that is now; or of what is around. */
  followDetails(items) {
    const { details } = this;
    const { folder, listing } = this.#view;
    if (details === null || listing.total === null) return details !== null;
    const now = (item) => (item.path === folder ? listing.folder(folder) : listing.at(listing.find(keyOf(item))));
    const still = details.items.map(now).filter(Boolean);
    details.follow(items.length > 0 ? items : still.length > 0 ? still : this.#around());
    return !details.hidden;
  }

  async #operate(verb, items) {
    const tasks = await this.ask("operation", { verb, items, folder: this.#view.mode === "files" ? this.#view.folder : originOf(items[0]) });
    if (tasks === null) return;
    this.#view.selection.clear();
    const close = this.toast({ text: t("files.started", { title: tasks[0].name }), word: t("files.showTasks"), href: "#/tasks" });
    for (const { taskId, name } of tasks) this.#begun.set(taskId, { title: said(name), close });
  }

  #onTask(task) {
    const { title, close } = this.#begun.get(task?.taskId) ?? {};
    if (title === undefined || !["Completed", "Failed"].includes(task.status)) return;
    this.#begun.delete(task.taskId);
    close?.();
    if (task.status === "Completed") this.toast({ text: t("files.ended", { title }) });
    else this.toast({ tone: "danger", text: t("files.wrong", { n: 1, what: title, problem: said(task.errorMessage ?? "") }), word: t("files.showTasks"), href: "#/tasks" });
    this.#view.listing.refresh();
  }
}

function save(href, name) {
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

