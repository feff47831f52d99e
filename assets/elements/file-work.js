// What the verbs of a file place do on the page: they show the change at once, ask where there is something to ask, tell
// how it went, and offer the way back.

import { archiveName } from "../core/file-commands.js";
import { Later } from "../core/later.js";
import { isFolder, originOf } from "../core/listing.js";
import { baseOf, join, parentOf } from "../core/paths.js";
import { canPreview, previewKind } from "../core/preview.js";
import { loadSaid, said } from "../core/said.js";
import { loadWords, t } from "../core/words.js";
import { h, loadStyle } from "./dom.js";
import { CARRIED } from "./pick-pointer.js";
import { folderHref } from "./route.js";

/** Ids that fit into an address; more are asked for by POST. */
const IDS_IN_ADDRESS = 100;
/** Rows that the arrows of the preview walk through. */
const NEIGHBOURS = 5000;
/** How long bytes that lie in this page can be saved from it. */
const KEPT_MS = 10 * 60_000;

/** What Ctrl-C or Ctrl-X took, in whichever place. @type {{items: object[], isCut: boolean} | null} */
let held = null;
/** The rows under way to a folder. @type {object[]} */
let carried = [];

const placeWord = (folder) => (folder === "/" ? t("files.top") : baseOf(folder));

/** Dialogs and menus, which the first view does without. */
const tools = new Later(async () => {
  const { words, styles, questions } = await import("../views/file-tools.js");
  await Promise.all([loadWords(...words), loadSaid(), ...styles.map(loadStyle)]);
  return questions;
});

const loadTools = () =>
  tools.get().catch(({ message }) => {
    throw new Error(t("files.toolsFailed", { problem: message }));
  });

export class FileWork {
  #view;
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
    addEventListener("drop", () => (carried = []), { signal: this.#watch.signal });
    this.#acceptDropsOnCrumbs();
    this.markHeld();
  }

  /** Once the list stands, what menus and dialogs need comes quietly. */
  #loadSoon() {
    const { listing } = this.#view;
    const look = () => {
      if (listing.total === null) return;
      listing.removeEventListener("change", look);
      requestAnimationFrame(() => setTimeout(() => loadTools().catch(() => {})));
    };
    listing.addEventListener("change", look, { signal: this.#watch.signal });
    look();
  }

  leave() {
    this.#watch?.abort();
    this.#watch = null;
  }

  /** Also when the place has been left meanwhile, as for Undo. */
  #act(action, detail) {
    const stage = this.#view.isConnected ? this.#view : document.querySelector("drive-app");
    return stage.act(action, detail);
  }

  /** @returns {() => void} takes it away again */
  #toast(toast) {
    return this.#act("toast", toast);
  }

  /** A question, and its answer. @param {string} name of those in views/file-tools.js */
  async #ask(name, wish) {
    return (await loadTools())[name](wish, (...act) => this.#act(...act));
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
      this.#toast({ tone: "danger", text: what ? t("files.wrong", { n: items.length, what, problem: text }) : text });
      this.#view.listing.refresh();
      return undefined;
    }
  }

  /** @param {string} verb @param {object[]} items */
  run(verb, items) {
    const works = {
      open: () => this.open(items[0]),
      download: () => this.#download(items),
      rename: () => this.#rename(items[0]),
      move: () => this.#pickPlace("move", items),
      copy: () => this.#pickPlace("copy", items),
      trash: () => this.#trash(items),
      restore: () => this.#restore(items),
      purge: () => this.#purge(items),
      tag: () => this.#tag(items),
      share: () => this.#ask("link", { items }),
      details: () => this.#details(items[0]),
      shortcuts: () => this.#ask("shortcuts"),
      "new-folder": () => this.#newFolder(),
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
    const work = (password) => this.#act("unlock", { file: item, password });
    const blob = await this.#ask("password", { item, work });
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
    this.#toast({ text: t("files.preparing") });
    const url = URL.createObjectURL(await this.#act("archive", { items, name }));
    save(url, `${name}.zip`);
    setTimeout(() => URL.revokeObjectURL(url), KEPT_MS);
  }

  // Names and places

  #rename(item) {
    const { list } = this.#view;
    this.#view.focusList(item);
    list.rowOf(item)?.rename((name) => {
      if (name !== null) this.quietly(() => this.#giveName(item, name), [item]);
      this.#view.focusList();
    });
  }

  async #giveName(item, name) {
    const { listing } = this.#view;
    const named = isFolder(item) ? { ...item, path: join(parentOf(item.path), name), name } : { ...item, name };
    listing.patch(item, named);
    try {
      await this.#act("rename", { item, name });
    } catch (problem) {
      listing.patch(named, item);
      if (problem.code !== "NAME_TAKEN") throw problem;
      const onConflict = await this.#ask("conflict", { items: [named], folder: originOf(item) });
      if (onConflict === null) return;
      await this.#act("rename", { item, name, onConflict });
    }
    const undo = () => this.quietly(() => this.#act("rename", { item: named, name: item.name }), [item]);
    this.#toast({ text: t("files.renamed", { name }), word: t("files.undo"), run: undo });
  }

  async #newFolder() {
    const make = (name) => this.#act("make-folder", { path: join(this.#view.folder, name) });
    const name = await this.#ask("name", { title: t("files.newFolder"), taken: this.#view.listing.folders.map((folder) => folder.name), work: make });
    if (name === null) return;
    this.#view.listing.addFolder(join(this.#view.folder, name));
    this.#toast({ text: t("files.made", { name }) });
  }

  async #pickPlace(verb, items) {
    const folder = await this.#ask("place", { verb, items, start: this.#view.mode === "files" ? this.#view.folder : originOf(items[0]) });
    if (folder !== null) await this.#place(verb, items, folder);
  }

  /** Moves or copies; where names are taken, asks what is to become of them. */
  async #place(verb, items, folder) {
    const { listing, selection } = this.#view;
    const leaves = verb === "move" && this.#view.mode === "files" && folder !== this.#view.folder;
    if (leaves) {
      listing.remove(items);
      selection.drop(items);
    }
    const { conflicts } = await this.#act(verb, { items, folder });
    let placed = items.filter((item) => !conflicts.includes(item));
    if (conflicts.length > 0) {
      const onConflict = await this.#ask("conflict", { items: conflicts, folder });
      if (onConflict === null) listing.refresh();
      else {
        await this.#act(verb, { items: conflicts, folder, onConflict });
        placed = items;
      }
    }
    if (placed.length === 0) return;
    const facts = { n: placed.length, what: placed[0].name, where: placeWord(folder) };
    const undo = verb === "move" ? { word: t("files.undo"), run: () => this.quietly(() => this.#moveBack(placed, folder), placed) } : {};
    this.#toast({ text: t(verb === "move" ? "files.moved" : "files.copied", facts), ...undo });
  }

  async #moveBack(items, folder) {
    for (const [origin, group] of Map.groupBy(items, originOf)) {
      const there = group.map((item) => (isFolder(item) ? { ...item, path: join(folder, item.name) } : { ...item, folder }));
      await this.#act("move", { items: there, folder: origin });
    }
    this.#toast({ text: t("files.undone") });
  }

  // Holding, pasting, dragging

  hold(items, isCut) {
    if (items.length === 0) return;
    held = { items, isCut };
    this.markHeld();
    this.#toast({ text: t("files.held", { n: items.length, what: items[0].name }) });
  }

  release() {
    held = null;
    this.markHeld();
  }

  markHeld() {
    this.#view.markCut(held?.isCut ? held.items : []);
  }

  holdsAny = () => held !== null;

  paste() {
    const { items, isCut } = held;
    if (isCut) this.release();
    return this.quietly(() => this.#place(isCut ? "move" : "copy", items, this.#view.folder), items);
  }

  carry(items) {
    carried = items;
  }

  drop({ folder, copies }) {
    const items = carried.filter((item) => !(isFolder(item) && (folder === item.path || folder.startsWith(`${item.path}/`))));
    carried = [];
    if (items.length > 0) return this.quietly(() => this.#place(copies ? "copy" : "move", items, folder), items);
  }

  /** The way back up takes rows too. */
  #acceptDropsOnCrumbs() {
    const { signal } = this.#watch;
    const goal = ({ target, dataTransfer }) => dataTransfer.types.includes(CARRIED) && target.closest?.("bread-crumb a[data-folder]");
    addEventListener("dragover", (event) => goal(event) && event.preventDefault(), { signal });
    addEventListener("drop", (event) => {
      const link = goal(event);
      if (!link) return;
      event.preventDefault();
      this.drop({ folder: link.dataset.folder, copies: event.ctrlKey });
    }, { signal, capture: true });
  }

  // The trash

  async #trash(items) {
    const { listing, selection } = this.#view;
    const hadFocus = this.#view.contains(document.activeElement) || document.activeElement === document.body;
    listing.remove(items);
    selection.drop(items);
    if (hadFocus) this.#view.focusList();
    const going = this.#act("trash", { items });
    going.catch(() => close());
    const undo = () => this.quietly(async () => {
      await this.#act("restore", await going);
      this.#toast({ text: t("files.undone") });
    }, items);
    const close = this.#toast({ text: t("files.trashed", { n: items.length, what: items[0].name }), word: t("files.undo"), run: undo });
    await going;
  }

  async #restore(items) {
    this.#view.listing.remove(items);
    this.#view.selection.drop(items);
    this.#view.focusList();
    await this.#act("restore", { files: items.map(({ id }) => id) });
    this.#toast({ text: t("files.restored", { n: items.length, what: items[0].name }) });
  }

  async #purge(items) {
    const work = () => this.#act("purge", { items });
    if ((await this.#ask("purge", { items, work })) === null) return;
    this.#view.listing.remove(items);
    this.#view.selection.drop(items);
    this.#view.focusList();
    this.#toast({ text: t("files.purged", { n: items.length, what: items[0].name }) });
  }

  async #emptyTrash() {
    const work = () => this.#act("empty-trash");
    if ((await this.#ask("empty", { total: this.#view.listing.fileCount, work })) === null) return;
    this.#view.selection.clear();
    this.#view.listing.refresh();
    this.#toast({ text: t("files.emptied") });
  }

  // The rest

  async #tag(items) {
    const work = (answer) => this.#act("tag", { items, ...answer });
    if (await this.#ask("tags", { items, work })) this.#toast({ text: t("files.tagged") });
  }

  async #details(item) {
    (await this.#part("details-panel")).show(item);
  }

  /** The panel of details tells of the row that was chosen last. @param {object[]} items */
  follow(items) {
    if (items.length > 0) this.#view.querySelector("details-panel")?.follow?.(items.at(-1));
  }

  async #operate(verb, items) {
    const tasks = await this.#ask("operation", { verb, items, folder: this.#view.mode === "files" ? this.#view.folder : originOf(items[0]) });
    if (tasks === null) return;
    this.#view.selection.clear();
    const close = this.#toast({ text: t("files.started", { title: tasks[0].name }), word: t("files.showTasks"), href: "#/tasks" });
    for (const { taskId, name } of tasks) this.#begun.set(taskId, { title: said(name), close });
  }

  #onTask(task) {
    const { title, close } = this.#begun.get(task?.taskId) ?? {};
    if (title === undefined || !["Completed", "Failed"].includes(task.status)) return;
    this.#begun.delete(task.taskId);
    close?.();
    if (task.status === "Completed") this.#toast({ text: t("files.ended", { title }) });
    else this.#toast({ tone: "danger", text: t("files.wrong", { n: 1, what: title, problem: said(task.errorMessage ?? "") }), word: t("files.showTasks"), href: "#/tasks" });
    this.#view.listing.refresh();
  }
}

function save(href, name) {
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

