// <preview-dialog>: a picture, film, sound, text or PDF, large and above the page.
//
// Call show(files, at): the files that can be looked at, and which one first. Arrow keys, buttons and swipes go on; Back
// closes it as well, for that is what people press on phones. The focus returns to the file that was seen last.
// Actions: "read-text" {file} answers with the beginning of a text, "read-whole" {file, signal} with all of a file.

import { bytes } from "../core/format.js";
import { previewKind } from "../core/preview.js";
import { TEXT_MAX } from "../core/reading.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setText } from "./dom.js";
import "./markdown-view.js";
import { canShowPdf, PDF_MAX_BYTES } from "./pdf-view.js";

/** A file that was unlocked lies in this page already. */
const inline = (file) => (file.blob ? file.url : `${file.url}?inline=true`);

/** A finger that went so far to the side meant the next file. */
const SWIPE_PX = 56;

export class PreviewDialog extends DriveElement {
  #files = [];
  #at = 0;
  /** Ends what is still being read of the file that is shown. */
  #shown = new AbortController();
  /** Whether the newest entry of the history is ours. */
  #isEntered = false;
  #finger = null;
  #title = h("h2", { id: "preview-title" });
  #about = h("span", { class: "about" });
  #stage = h("div", { class: "stage" });
  #before = iconButton("chevron-right", t("preview.previous"), { class: "icon-button before", onclick: () => this.#go(-1) });
  #after = iconButton("chevron-right", t("preview.next"), { class: "icon-button after", onclick: () => this.#go(1) });
  #download = h("a", { class: "button", download: "" }, icon("download"), h("span", {}, t("preview.download")));
  #close = iconButton("cancel", t("common.close"), { onclick: () => this.#dialog.close() });
  #dialog = h("dialog", { "aria-labelledby": "preview-title", tabindex: -1 });

  build() {
    this.#dialog.append(
      h("header", {}, h("div", { class: "words" }, this.#title, this.#about), this.#download, this.#close),
      this.#stage,
      this.#before,
      this.#after,
    );
    this.append(this.#dialog);
  }

  connected() {
    this.listen(this.#dialog, "close", () => this.#leave());
    this.listen(this.#dialog, "click", ({ target }) => target === this.#stage && this.#dialog.close());
    this.listen(this.#dialog, "keydown", (event) => this.#onKey(event));
    this.listen(this.#stage, "pointerdown", (event) => (this.#finger = event.pointerType === "touch" && event.isPrimary ? event : null));
    this.listen(this.#stage, "pointercancel", () => (this.#finger = null));
    this.listen(this.#stage, "pointerup", (event) => this.#onLift(event));
    this.listen(window, "popstate hashchange", () => this.#onAway());
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#isEntered = false;
    this.#dialog.close();
    this.#stand();
  }

  /** What plays is wound and what is read is scrolled by the same keys. */
  #onKey({ key, target }) {
    if (this.#stage.contains(target)) return;
    if (key === "ArrowLeft") this.#go(-1);
    if (key === "ArrowRight") this.#go(1);
  }

  #onLift({ clientX, clientY }) {
    const from = this.#finger;
    this.#finger = null;
    if (from === null || from.target.closest("audio, video") || visualViewport.scale > 1) return;
    const [x, y] = [clientX - from.clientX, clientY - from.clientY];
    if (Math.abs(x) > SWIPE_PX && Math.abs(x) > 2 * Math.abs(y)) this.#go(x < 0 ? 1 : -1);
  }

  /** The page went elsewhere, or back to where the dialog was opened. */
  #onAway() {
    this.#isEntered = false;
    this.#dialog.close();
  }

  #leave() {
    this.#stand();
    if (this.#isEntered) goBack();
    this.#isEntered = false;
    document.querySelector(`[data-id="${CSS.escape(this.#files[this.#at].id)}"] .open`)?.focus();
  }

  /** @param {object[]} files @param {number} at */
  show(files, at) {
    this.#files = files;
    this.#at = at;
    if (!this.#dialog.open) {
      this.#dialog.showModal();
      history.pushState(null, "");
      this.#isEntered = true;
    }
    this.update();
  }

  update() {
    const file = this.#files[this.#at];
    if (file === undefined || !this.#dialog.open) return;
    setText(this.#title, file.name);
    const place = this.#files.length > 1 ? ` · ${t("preview.place", { at: this.#at + 1, all: this.#files.length })}` : "";
    const part = ["markdown", "text"].includes(previewKind(file)) && file.size > TEXT_MAX ? ` · ${t("preview.beginning", { size: bytes(TEXT_MAX) })}` : "";
    setText(this.#about, `${bytes(file.size)}${part}${place}`);
    this.#download.href = file.url;
    this.#download.setAttribute("download", file.name);
    this.#updateWays();
    this.#stand();
    this.#stage.append(this.#picture(file, this.#shown.signal));
  }

  /** At either end one of the buttons goes; the focus does not go with it. */
  #updateWays() {
    const held = document.activeElement;
    this.#before.hidden = this.#at === 0;
    this.#after.hidden = this.#at === this.#files.length - 1;
    if (held.hidden) [this.#before, this.#after, this.#close].find(({ hidden }) => !hidden).focus();
  }

  #stand(...nodes) {
    if (this.#stage.contains(document.activeElement)) this.#dialog.focus();
    this.#shown.abort();
    this.#shown = new AbortController();
    this.#stage.replaceChildren(...nodes);
  }

  #go(step) {
    const at = this.#at + step;
    if (at < 0 || at >= this.#files.length) return;
    this.#at = at;
    this.update();
  }

  #picture(file, signal) {
    const failed = (problem) => signal.aborted || this.#stand(this.#told(file, problem));
    // A picture that fails says no reason; its bytes do.
    const source = { src: inline(file), onerror: () => (file.blob ? failed({}) : this.act("read-text", { file })?.then(() => failed({}), failed)) };
    const kind = previewKind(file);
    if (kind === "image") return h("img", { ...source, alt: file.name });
    if (kind === "video") return h("video", { ...source, controls: true, playsinline: true });
    if (kind === "audio") return h("audio", { ...source, controls: true });
    if (kind === "pdf") return this.#pdf(file, signal, failed);
    const view = kind === "markdown" ? document.createElement("markdown-view") : h("pre", { tabindex: 0 });
    const read = file.blob ? file.blob.slice(0, TEXT_MAX).text() : this.act("read-text", { file });
    read?.then((words) => (kind === "markdown" ? view.show(words) : setText(view, words)), failed);
    return view;
  }

  #pdf(file, signal, failed) {
    if (!canShowPdf()) return this.#offer(file, t("preview.noViewer"));
    if (file.size > PDF_MAX_BYTES) return this.#offer(file, t("preview.tooLarge", { most: bytes(PDF_MAX_BYTES) }));
    const view = document.createElement("pdf-view");
    const read = file.blob ? Promise.resolve(file.blob) : this.act("read-whole", { file, signal });
    read?.then((blob) => signal.aborted || view.show(blob, file.name), failed);
    return view;
  }

  #told(file, { status, message }) {
    if (status === 404) return h("div", { class: "sorry" }, h("p", {}, t("preview.gone")));
    return this.#offer(file, status === 0 ? message : t("preview.cannot"));
  }

  /** What cannot be shown can still be had. */
  #offer({ url, name }, text) {
    const download = h("a", { class: "button primary", href: url, download: name }, icon("download"), t("preview.download"));
    return h("div", { class: "sorry" }, h("p", {}, text), download);
  }
}

/** Leaves the newest entry of the history. That takes a moment: whoever goes elsewhere meanwhile gets there all the same. */
function goBack() {
  const here = location.href;
  const watch = new AbortController();
  let goal = null;
  const look = () => {
    if (location.href !== here) return void (goal = location.href);
    watch.abort();
    if (goal !== null) location.href = goal;
  };
  for (const type of ["popstate", "hashchange"]) addEventListener(type, look, { signal: watch.signal });
  history.back();
}

customElements.define("preview-dialog", PreviewDialog);
