// <file-row>: one row of a list: a folder or a stored file, with its box to select it and the button for all the rest.
//
// Properties: `item` (undefined while it loads), `selected`, `mode`, `showFolder` (in lists that mix several).
// `rename(done)` lets the name be changed. Attributes set: data-id, data-name, data-kind. What clicks mean is file-list's.

import { ago, bytes, exactBytes, exactTime, folderWords } from "../core/format.js";
import { isFolder, keyOf, sizeOf } from "../core/listing.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setAttribute, setText } from "./dom.js";
import { aimLink, glyphOf, holdFocus, kindWord, nameField } from "./file-parts.js";
import { fetchSoon, FilePicture } from "./file-picture.js";
import { folderHref } from "./route.js";

export class FileRow extends DriveElement {
  #item;
  #selected = false;
  #mode = "files";
  #showFolder = false;
  #pick = h("input", { type: "checkbox", class: "pick", tabindex: -1 });
  #picture = new FilePicture();
  #link = h("a", { class: "open", tabindex: -1, draggable: "false", onpointerdown: (event) => fetchSoon(this.#item, event) });
  #marks = h("span", { class: "marks" });
  #folder = h("a", { class: "folder", tabindex: -1, draggable: "false" });
  #words = h("span", { class: "words" }, this.#link, this.#marks, this.#folder);
  #size = h("span", { role: "cell", class: "size number" });
  #kind = h("span", { role: "cell", class: "kind" });
  #time = h("time");
  #dots = iconButton("more", "", { class: "icon-button dots", tabindex: -1 });
  #field = null;

  set item(item) {
    if (item === this.#item) return;
    this.#item = item;
    this.requestUpdate();
  }

  get item() {
    return this.#item;
  }

  set selected(selected) {
    if (selected === this.#selected) return;
    this.#selected = selected;
    this.requestUpdate();
  }

  set mode(mode) {
    this.#mode = mode;
  }

  set showFolder(show) {
    this.#showFolder = show;
  }

  build() {
    this.setAttribute("role", "row");
    this.append(
      h("span", { role: "cell", class: "box" }, this.#pick),
      h("span", { role: "rowheader", class: "name" }, this.#picture.node, this.#words),
      this.#size,
      this.#kind,
      h("span", { role: "cell", class: "time" }, this.#time),
      h("span", { role: "cell", class: "menu" }, this.#dots),
    );
  }

  /** @param {(name: string | null) => void} done */
  rename(done) {
    const { name } = this.#item;
    const finish = (answer) => {
      this.#field?.remove();
      this.#field = null;
      this.#link.hidden = false;
      done(answer);
    };
    this.#field = nameField({ name, whole: isFolder(this.#item), done: finish });
    this.#link.hidden = true;
    this.#words.prepend(this.#field);
  }

  update() {
    const item = this.#item;
    this.toggleAttribute("data-loading", item === undefined);
    setAttribute(this, "data-id", item && keyOf(item));
    setAttribute(this, "data-name", item?.name);
    setAttribute(this, "data-kind", item && (isFolder(item) ? "folder" : "file"));
    setAttribute(this, "data-selected", this.#selected);
    setAttribute(this, "draggable", item !== undefined && this.#mode !== "trash" ? "true" : null);
    holdFocus(this.#link, item === undefined);
    if (item === undefined) return;
    this.#picture.show(item);
    setText(this.#link, item.name);
    aimLink(this.#link, item, this.#mode);
    this.#pick.checked = this.#selected;
    setAttribute(this.#pick, "aria-label", t("files.select", { name: item.name }));
    setAttribute(this.#dots, "aria-label", t("files.actions", { name: item.name }));
    setText(this.#size, bytes(sizeOf(item)));
    setAttribute(this.#size, "title", exactBytes(sizeOf(item)));
    setText(this.#kind, kindWord(glyphOf(item)));
    setAttribute(this.#kind, "title", item.contentType);
    this.#updateTime(isFolder(item) ? null : (item.deletedAt ?? item.updatedAt));
    this.#updateMarks(item);
    this.#updateFolder(item);
  }

  #updateTime(moment) {
    setText(this.#time, moment ? ago(moment) : t("common.files", { n: this.#item.allFiles }));
    setAttribute(this.#time, "datetime", moment);
    setAttribute(this.#time, "title", moment && exactTime(moment));
  }

  #updateMarks({ isEncrypted, bundleId, tags = [] }) {
    const shown = [isEncrypted && "lock", bundleId && "link", ...tags].filter(Boolean);
    if (this.#marks.dataset.shown === shown.join(",")) return;
    this.#marks.dataset.shown = shown.join(",");
    const sign = (glyph, word) => h("span", { class: "sign", title: word, role: "img", "aria-label": word }, icon(glyph));
    this.#marks.replaceChildren(
      ...[
        isEncrypted && sign("lock", t("files.encrypted")),
        bundleId && sign("link", t("files.shared")),
        ...tags.slice(0, 3).map((tag) => h("span", { class: "tag" }, tag)),
      ].filter(Boolean),
    );
  }

  #updateFolder(item) {
    const folder = isFolder(item) ? item.path.slice(0, item.path.lastIndexOf("/")) || "/" : item.folder;
    this.#folder.hidden = !this.#showFolder || folder === "/";
    if (this.#folder.hidden) return;
    setText(this.#folder, folderWords(folder));
    setAttribute(this.#folder, "href", folderHref(folder));
    setAttribute(this.#folder, "title", t("files.showFolder", { name: folderWords(folder) }));
  }
}

customElements.define("file-row", FileRow);
