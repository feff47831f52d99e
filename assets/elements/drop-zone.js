// <drop-zone>: takes files in: dropped anywhere on the page (folders too), pasted, or picked. Covers the page while
// files are dragged over it and names the folder they will land in: the one under the pointer, or the present one.
//
// Properties: `folder`, `disabled`. `pick()` opens the browser's file dialog. Actions: "add-files" {items}, each item
// {file, folder, handle?}.

import { folderWords } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, setText } from "./dom.js";

export class DropZone extends DriveElement {
  folder = "/";
  disabled = false;
  #depth = 0;
  #input = h("input", {
    type: "file",
    multiple: true,
    hidden: true,
    "data-role": "upload",
    onchange: () => this.#onChosen(),
  });
  #where = h("span");
  #cover = h("div", { class: "cover", hidden: true }, h("p", {}, icon("upload"), this.#where));

  build() {
    this.append(this.#input, this.#cover);
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
      this.#send(
        await Promise.all(
          handles.map(async (handle) => ({ file: await handle.getFile(), folder: this.folder, handle })),
        ),
      );
    } catch (error) {
      if (error.name !== "AbortError") this.#input.click();
    }
  }

  #onChosen() {
    this.#send([...this.#input.files].map((file) => ({ file, folder: this.folder })));
    this.#input.value = ""; // or choosing the same file again would be no change
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
    setText(this.#where, goal === "/" ? t("files.drop") : t("files.dropInto", { name: folderWords(goal) }));
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
    if (!this.disabled) this.#send(await itemsOf(event.dataTransfer, this.#goal(event)));
  }

  #onPaste(event) {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || this.disabled) return;
    event.preventDefault();
    this.#send(files.map((file) => ({ file, folder: this.folder })));
  }

  #send(items) {
    if (items.length > 0) this.act("add-files", { items });
  }
}

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;

/** Everything must be asked for before the first await: the drop's data is gone afterwards. */
async function itemsOf(transfer, folder) {
  const dropped = [...transfer.items].filter((item) => item.kind === "file");
  const asked = dropped.map((item) => ({
    file: item.getAsFile(),
    entry: item.webkitGetAsEntry?.(),
    handle: item.getAsFileSystemHandle?.().catch(() => null),
  }));
  const lists = await Promise.all(
    asked.map(async ({ file, entry, handle }) => {
      if (entry?.isDirectory) return filesUnder(entry, folder);
      return file ? [{ file, folder, handle: (await handle) ?? undefined }] : [];
    }),
  );
  return lists.flat();
}

/** A dropped folder keeps its shape below the folder it was dropped in. */
async function filesUnder(entry, parent) {
  if (entry.isFile) {
    const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
    return file ? [{ file, folder: parent }] : [];
  }
  const folder = `${parent === "/" ? "" : parent}/${entry.name}`;
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) break; // readers answer in portions
    found.push(...some);
  }
  return (await Promise.all(found.map((child) => filesUnder(child, folder)))).flat();
}

customElements.define("drop-zone", DropZone);
