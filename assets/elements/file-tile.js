// <file-tile>: a folder or file as a tile with its picture, where there is one.
//
// Properties and `rename(done)` as of <file-row>.

import { bytes, exactBytes } from "../core/format.js";
import { isFolder, keyOf, sizeOf } from "../core/listing.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, iconButton, setAttribute, setText } from "./dom.js";
import { aimLink, glyphOf, holdFocus, kindWord, nameField } from "./file-parts.js";
import { fetchSoon, FilePicture } from "./file-picture.js";

export class FileTile extends DriveElement {
  #item;
  #selected = false;
  mode = "files";
  showFolder = false;
  #pick = h("input", { type: "checkbox", class: "pick", tabindex: -1 });
  #picture = new FilePicture();
  #link = h("a", { class: "open", tabindex: -1, draggable: "false", onpointerdown: (event) => fetchSoon(this.#item, event) });
  #about = h("span", { class: "about number" });
  #words = h("span", { class: "words" }, this.#link, this.#about);
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

  build() {
    this.setAttribute("role", "listitem");
    this.append(this.#picture.node, this.#words, this.#pick, this.#dots);
  }

  rename(done) {
    const finish = (answer) => {
      this.#field?.remove();
      this.#field = null;
      this.#link.hidden = false;
      done(answer);
    };
    this.#field = nameField({ name: this.#item.name, whole: isFolder(this.#item), done: finish });
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
    setAttribute(this, "draggable", item !== undefined && this.mode !== "trash" ? "true" : null);
    holdFocus(this.#link, item === undefined);
    if (item === undefined) return;
    this.#picture.show(item);
    setText(this.#link, item.name);
    aimLink(this.#link, item, this.mode);
    this.#pick.checked = this.#selected;
    setAttribute(this.#pick, "aria-label", t("files.select", { name: item.name }));
    setAttribute(this.#dots, "aria-label", t("files.actions", { name: item.name }));
    const what = isFolder(item) ? t("common.files", { n: item.allFiles }) : kindWord(glyphOf(item));
    setText(this.#about, `${what} · ${bytes(sizeOf(item))}`);
    setAttribute(this.#about, "title", exactBytes(sizeOf(item)));
  }
}

customElements.define("file-tile", FileTile);
