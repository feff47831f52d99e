// <file-row>: one stored file in the list; its name downloads it.
//
// Properties: `file` (a CloudFile, or undefined while it loads), `showFolder` (in lists that mix several).
// Attributes set: data-id, data-name.

import { contentUrl } from "../core/api.js";
import { ago, bytes, exactBytes, exactTime, folderWords, kindOf } from "../core/format.js";
import { DriveElement } from "./element.js";
import { h, icon, setAttribute, setIcon, setText } from "./dom.js";
import { folderHref } from "./route.js";

export class FileRow extends DriveElement {
  #file;
  #showFolder = false;
  #icon = icon("file");
  #link = h("a", { download: "" });
  #folder = h("a", { class: "folder" });
  #size = h("span", { role: "cell", class: "size number" });
  #kind = h("span", { role: "cell", class: "kind" });
  #time = h("time");

  set file(file) {
    this.#file = file;
    this.requestUpdate();
  }

  set showFolder(show) {
    this.#showFolder = show;
    this.requestUpdate();
  }

  build() {
    this.setAttribute("role", "row");
    this.append(
      h(
        "span",
        { role: "rowheader", class: "name" },
        this.#icon,
        h("span", { class: "words" }, this.#link, this.#folder),
      ),
      this.#size,
      this.#kind,
      h("span", { role: "cell", class: "time" }, this.#time),
      icon("download"),
    );
  }

  update() {
    const file = this.#file;
    this.toggleAttribute("data-loading", file === undefined);
    setAttribute(this, "data-id", file?.id);
    setAttribute(this, "data-name", file?.name);
    if (file === undefined) return;
    const kind = kindOf(file.contentType);
    setIcon(this.#icon, kind.icon);
    setText(this.#link, file.name);
    setAttribute(this.#link, "href", contentUrl(file.id));
    setAttribute(this.#link, "download", file.name);
    setAttribute(this.#link, "title", file.name);
    setText(this.#size, bytes(file.size));
    setAttribute(this.#size, "title", exactBytes(file.size));
    setText(this.#kind, kind.word);
    setAttribute(this.#kind, "title", file.contentType);
    setText(this.#time, ago(file.updatedAt));
    setAttribute(this.#time, "datetime", file.updatedAt);
    setAttribute(this.#time, "title", exactTime(file.updatedAt));
    this.#updateFolder(file.folder);
  }

  #updateFolder(folder) {
    this.#folder.hidden = !this.#showFolder || folder === "/";
    if (this.#folder.hidden) return;
    setText(this.#folder, folderWords(folder));
    setAttribute(this.#folder, "href", folderHref(folder));
    setAttribute(this.#folder, "title", `Show the folder ${folderWords(folder)}`);
  }
}

customElements.define("file-row", FileRow);
