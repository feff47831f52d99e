// <drop-zone>: takes files in: dropped anywhere on the page (folders too), pasted, picked, or taken with the camera.
// Covers the page while files are dragged over it and names the folder they will land in: the one under the pointer, or
// the present one.
//
// Properties: `folder`, `disabled`. `pick()`, `pickFolder()` and `takePhoto()` open the browser's dialogs. Actions:
// "add-files" {items, groups, lost, empty}, each item {file, folder, handle?, group?, groupName?}, each group a folder
// {key, name, folder, handle?}; `lost` and `empty` as core/folder-reader.js tells them.

import { folderWords } from "../core/format.js";
import { newKey } from "../core/keys.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, setText } from "./dom.js";

/** Comes when the first folder does. */
const readers = () => import("../core/folder-reader.js");

/** Names that browsers give to pictures without one; several would all be called the same. */
const PASTED = /^image\.(png|jpe?g)$/;

export class DropZone extends DriveElement {
  folder = "/";
  disabled = false;
  #depth = 0;
  #input = this.#field({ multiple: true, "data-role": "upload" });
  #folders = this.#field({ webkitdirectory: true, "data-role": "upload-folder" }, () => this.#onFolder());
  #camera = this.#field({ accept: "image/*", capture: "environment", "data-role": "camera" });
  #where = h("span");
  #cover = h("div", { class: "cover", hidden: true }, h("p", {}, icon("upload"), this.#where));

  #field(attributes, onchange) {
    const field = h("input", { type: "file", hidden: true, ...attributes });
    field.addEventListener("change", onchange ?? (() => this.#onChosen(field)));
    return field;
  }

  build() {
    this.append(this.#input, this.#folders, this.#camera, this.#cover);
  }

  connected() {
    this.listen(window, "dragenter", (event) => this.#onEnter(event));
    this.listen(window, "dragleave", (event) => this.#onLeave(event));
    this.listen(window, "dragover", (event) => this.#onOver(event));
    this.listen(window, "drop", (event) => this.#onDrop(event));
    this.listen(window, "paste", (event) => this.#onPaste(event));
  }

  /** With handles where the browser gives them, for then a reload needs no second choosing. */
  async pick() {
    if (!window.showOpenFilePicker) return this.#input.click();
    try {
      const handles = await window.showOpenFilePicker({ multiple: true });
      const items = handles.map(async (handle) => ({ file: await handle.getFile(), folder: this.folder, handle }));
      this.#send(await Promise.all(items));
    } catch (error) {
      if (error.name !== "AbortError") this.#input.click();
    }
  }

  async pickFolder() {
    if (!window.showDirectoryPicker) return this.#folders.click();
    try {
      const handle = await window.showDirectoryPicker();
      const { folder } = this;
      this.#tellReading(handle.name);
      this.#sendFolders([{ name: handle.name, folder, handle, ...(await (await readers()).filesOfHandle(handle, folder)) }]);
    } catch (error) {
      if (error.name !== "AbortError") this.#folders.click();
    } finally {
      this.#cover.hidden = true;
    }
  }

  takePhoto() {
    this.#camera.click();
  }

  #onChosen(field) {
    this.#send([...field.files].map((file) => this.#named(file)));
    field.value = ""; // or choosing the same file again would be no change
  }

  async #onFolder() {
    const { folder } = this;
    const files = [...this.#folders.files];
    this.#folders.value = "";
    const { name, items } = (await readers()).filesOfPicker(files, folder);
    this.#sendFolders([{ name, folder, items }]);
  }

  #onEnter(event) {
    if (!carriesFiles(event) || this.disabled) return;
    event.preventDefault();
    this.#depth++;
    this.#name(event);
    this.#cover.hidden = false;
  }

  /** The folder under the pointer, or else the present one. */
  #goal = ({ target }) => target.closest?.("[data-kind=folder]")?.item?.path ?? this.folder;

  #name(event) {
    const goal = this.#goal(event);
    setText(this.#where, goal === "/" ? t("uploads.drop") : t("uploads.dropInto", { folder: folderWords(goal) }));
  }

  #onLeave(event) {
    if (!carriesFiles(event) || this.#depth === 0) return;
    if (--this.#depth === 0) this.#cover.hidden = true;
  }

  /** Without this the browser would open a dropped file instead of giving it to us. */
  #onOver(event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = this.disabled ? "none" : "copy";
    this.#name(event);
  }

  async #onDrop(event) {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    this.#depth = 0;
    this.#cover.hidden = true;
    if (!this.disabled) await this.#take(event.dataTransfer, this.#goal(event));
  }

  /** What was dropped. Everything is asked for before the first await: the drop's data is gone afterwards. */
  async #take(transfer, folder) {
    const asked = [...transfer.items]
      .filter((item) => item.kind === "file")
      .map((item) => ({
        file: item.getAsFile(),
        entry: item.webkitGetAsEntry?.(),
        handle: item.getAsFileSystemHandle?.().catch(() => null),
      }));
    const items = [];
    const folders = [];
    for (const { file, entry, handle } of asked) {
      const kept = (await handle) ?? undefined;
      if (entry?.isDirectory) folders.push({ name: entry.name, folder, handle: kept, ...(await this.#read(entry, folder)) });
      else if (file) items.push({ file, folder, handle: kept });
    }
    this.#cover.hidden = true;
    this.#sendFolders(folders, items);
  }

  async #read(entry, folder) {
    this.#tellReading(entry.name);
    return (await readers()).filesOfEntry(entry, folder, (n) => this.#tellReading(entry.name, n));
  }

  /** A large folder takes seconds to look through. */
  #tellReading(name, n = 0) {
    setText(this.#where, n === 0 ? t("uploads.reading", { name }) : t("uploads.readingCount", { name, n }));
    this.#cover.hidden = false;
  }

  #onPaste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || this.disabled) return;
    const isText = event.clipboardData.types.includes("text/plain");
    if (isText && event.target.closest?.("input, textarea, [contenteditable]")) return; // cells of a table bring a picture too
    event.preventDefault();
    this.#send(files.map((file) => this.#named(file)));
  }

  /** A pasted picture is named by its moment. */
  #named(file) {
    const { folder } = this;
    if (!PASTED.test(file.name)) return { file, folder };
    const when = new Date(file.lastModified - new Date().getTimezoneOffset() * 60_000).toISOString();
    const name = t("uploads.screenshot", { when: when.slice(0, 19).replace("T", " ").replaceAll(":", ".") });
    return { file: new File([file], name, { type: file.type, lastModified: file.lastModified }), folder };
  }

  #sendFolders(folders, single = []) {
    const groups = folders.map(({ name, folder, handle }) => ({ key: newKey("folder"), name, folder, handle }));
    const ofAll = (kind) =>
      folders.flatMap((folder, at) => (folder[kind] ?? []).map((one) => ({ ...one, group: groups[at].key, groupName: groups[at].name })));
    this.#send([...single, ...ofAll("items")], groups, { lost: ofAll("lost"), empty: folders.flatMap(({ empty = [] }) => empty) });
  }

  #send(items, groups = [], { lost = [], empty = [] } = {}) {
    if (items.length + lost.length + empty.length > 0) this.act("add-files", { items, groups, lost, empty });
  }
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

customElements.define("drop-zone", DropZone);
