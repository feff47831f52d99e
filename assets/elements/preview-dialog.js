// <preview-dialog>: a picture, film, sound or text, large and above the page.
//
// Call show(files, at): the files that can be looked at, and which one first. Arrow keys and buttons go on.
// Action "read-file" {file}: answers with the beginning of a text.

import { bytes } from "../core/format.js";
import { previewKind } from "../core/preview.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setText } from "./dom.js";

/** A file that was unlocked lies in this page already. */
const inline = (file) => (file.blob ? file.url : `${file.url}?inline=true`);

export class PreviewDialog extends DriveElement {
  #files = [];
  #at = 0;
  #title = h("h2", { id: "preview-title" });
  #about = h("span", { class: "about" });
  #stage = h("div", { class: "stage" });
  #before = iconButton("chevron-right", t("preview.previous"), { class: "icon-button before", onclick: () => this.#go(-1) });
  #after = iconButton("chevron-right", t("preview.next"), { class: "icon-button after", onclick: () => this.#go(1) });
  #download = h("a", { class: "button", download: "" }, icon("download"), h("span", {}, t("preview.download")));
  #dialog = h("dialog", { "aria-labelledby": "preview-title" });

  build() {
    const close = iconButton("cancel", t("common.close"), { onclick: () => this.#dialog.close() });
    this.#dialog.append(
      h("header", {}, h("div", { class: "words" }, this.#title, this.#about), this.#download, close),
      this.#stage,
      this.#before,
      this.#after,
    );
    this.append(this.#dialog);
  }

  connected() {
    this.listen(this.#dialog, "close", () => this.#stage.replaceChildren());
    this.listen(this.#dialog, "click", ({ target }) => target === this.#stage && this.#dialog.close());
    this.listen(this.#dialog, "keydown", ({ key }) => {
      if (key === "ArrowLeft") this.#go(-1);
      if (key === "ArrowRight") this.#go(1);
    });
  }

  /** @param {object[]} files @param {number} at */
  show(files, at) {
    this.#files = files;
    this.#at = at;
    if (!this.#dialog.open) this.#dialog.showModal();
    this.update();
  }

  update() {
    const file = this.#files[this.#at];
    if (file === undefined || !this.#dialog.open) return;
    setText(this.#title, file.name);
    const place = this.#files.length > 1 ? ` · ${t("preview.place", { at: this.#at + 1, all: this.#files.length })}` : "";
    setText(this.#about, `${bytes(file.size)}${place}`);
    this.#download.href = file.url;
    this.#download.setAttribute("download", file.name);
    this.#before.hidden = this.#at === 0;
    this.#after.hidden = this.#at === this.#files.length - 1;
    this.#stage.replaceChildren(this.#picture(file));
  }

  #go(step) {
    const at = this.#at + step;
    if (at < 0 || at >= this.#files.length) return;
    this.#at = at;
    this.update();
  }

  #picture(file) {
    const failed = () => this.#stage.replaceChildren(h("p", { class: "sorry" }, t("preview.cannot")));
    const source = { src: inline(file), onerror: failed };
    const kind = previewKind(file);
    if (kind === "image") return h("img", { ...source, alt: file.name });
    if (kind === "video") return h("video", { ...source, controls: true, playsinline: true });
    if (kind === "audio") return h("audio", { ...source, controls: true });
    const text = h("pre", { tabindex: 0 });
    const read = file.blob ? file.blob.text() : this.act("read-file", { file });
    read?.then((words) => setText(text, words), failed);
    return text;
  }
}

customElements.define("preview-dialog", PreviewDialog);
