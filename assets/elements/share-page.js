// <share-page>: what a link shows to somebody without an account: who shared what, the files, the passcode first where
// there is one, and a place to leave files where the link takes them.
//
// Actions: "load" {offset} and "unlock" {passcode}, whose answers reject with what to show; see also its two parts.

import { ago, bytes, day, exactBytes, exactTime, kindOf } from "../core/format.js";
import { canPreview } from "../core/preview.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, placeholder, setText } from "./dom.js";

export class SharePage extends DriveElement {
  #share = null;
  #files = [];
  #preview = document.createElement("preview-dialog");
  #main = h("main", { id: "content", tabindex: "-1" });
  #list = h("ul", { class: "files" });
  #more = h("button", { type: "button", class: "more", hidden: true, onclick: () => this.#load() }, t("share.showMore"));

  build() {
    const mark = h("span", { class: "mark" }, icon("logo"), "Drive");
    this.append(h("a", { class: "skip", href: "#content" }, t("share.skip")), h("header", { class: "top" }, mark), this.#main, this.#preview);
  }

  connected() {
    this.#main.replaceChildren(...[60, 45, 52].map((width) => this.#skeleton(width)));
    this.#load();
  }

  #skeleton(width) {
    const line = h("div", { class: "skeleton line", "aria-hidden": "true" });
    line.style.setProperty("--width", `${width}%`);
    return line;
  }

  async #load() {
    this.#more.disabled = true;
    try {
      const share = await this.act("load", { offset: this.#files.length });
      if (this.#share === null) this.#begin(share);
      this.#share = share;
      for (const file of share.files) this.#list.append(this.#row(file, this.#files.push(file) - 1));
      this.#more.hidden = this.#files.length >= share.fileCount;
    } catch (problem) {
      this.#onProblem(problem);
    } finally {
      this.#more.disabled = false;
    }
  }

  #onProblem(problem) {
    const { code, message, details } = problem;
    if (code === "PASSCODE_REQUIRED") return this.#askPasscode(details?.name);
    const again = h("button", { type: "button", onclick: () => this.connected() }, t("common.tryAgain"));
    const words = {
      NOT_FOUND: { glyph: "file", title: t("share.nothingTitle"), text: t("share.nothingText") },
      SHARE_ENDED: { glyph: "clock", title: t("share.endedTitle"), text: message },
    };
    const known = words[code];
    const shown = known ?? { glyph: "offline", title: t("share.failedTitle"), text: message };
    this.#main.replaceChildren(placeholder(shown, known === undefined && again));
  }

  #askPasscode(name) {
    const input = h("input", { id: "passcode", type: "password", autocomplete: "off", required: true, maxlength: 256 });
    const error = h("div", { class: "error", role: "alert", hidden: true });
    const open = h("button", { type: "submit", class: "primary" }, t("share.open"));
    const submit = async (event) => {
      event.preventDefault();
      open.disabled = true;
      error.hidden = true;
      try {
        await this.act("unlock", { passcode: input.value });
        await this.#load();
        this.#main.focus(); // the form, which had the focus, is gone
      } catch (problem) {
        error.replaceChildren(icon("warning"), h("span", {}, problem.message));
        error.hidden = false;
        input.select();
        input.focus();
      } finally {
        open.disabled = false;
      }
    };
    const form = h(
      "form",
      { class: "passcode", onsubmit: submit },
      h("h1", {}, name ?? t("share.title")),
      h("label", { for: "passcode" }, t("share.passcode")),
      input,
      error,
      open,
    );
    this.#main.replaceChildren(form);
    input.focus();
  }

  #begin(share) {
    document.title = `${share.name} · Drive`;
    const until = share.expiredAt && h("time", { datetime: share.expiredAt, title: exactTime(share.expiredAt) }, t("share.until", { day: day(share.expiredAt, "long") }));
    const left = share.downloadsLeft !== null && t("share.downloadsLeft", { n: share.downloadsLeft });
    const facts = [
      h("span", {}, t("share.sharedBy", { name: share.owner })),
      share.fileCount > 0 && h("span", { title: exactBytes(share.bytes) }, `${t("common.files", { n: share.fileCount })}, ${bytes(share.bytes)}`),
      until,
      left && h("span", {}, left),
    ].filter(Boolean);
    const all = h("a", { class: "button primary", href: share.archiveUrl, download: `${share.name}.zip` }, icon("download"), t("share.downloadAll"));
    const head = h("div", { class: "head" }, h("div", { class: "title" }, h("h1", {}, share.name), h("p", { class: "facts" }, ...facts)), share.fileCount > 1 && all);
    const inbox = share.takesUploads && document.createElement("share-inbox");
    const empty = share.fileCount === 0 && !share.takesUploads;
    this.#main.replaceChildren(
      ...[
        head,
        share.description !== "" && h("p", { class: "description" }, share.description),
        inbox,
        empty ? placeholder({ glyph: "folder", title: t("share.emptyTitle"), text: t("share.emptyText") }) : this.#list,
        this.#more,
      ].filter(Boolean),
    );
  }

  #row(file, at) {
    const kind = kindOf(file.contentType);
    const picture = file.thumbnailUrl
      ? h("img", { src: `${file.thumbnailUrl}?size=256`, alt: "", loading: "lazy", decoding: "async" })
      : icon(kind.icon);
    const open = canPreview(file)
      ? h("button", { type: "button", class: "open plain-button", onclick: () => this.#look(at) }, file.name)
      : h("a", { class: "open", href: file.url, download: file.name }, file.name);
    const about = [file.folder.replaceAll("/", " / "), bytes(file.size), ago(file.uploadedAt)].filter(Boolean);
    const details = h("span", { class: "about", title: `${exactBytes(file.size)}, ${exactTime(file.uploadedAt)}` });
    setText(details, about.join(" · "));
    const get = h("a", { class: "icon-button button", href: file.url, download: file.name, "aria-label": t("share.downloadFile", { name: file.name }), title: t("share.download") }, icon("download"));
    return h("li", { "data-id": file.id }, h("span", { class: "picture" }, picture), h("span", { class: "words" }, open, details), get);
  }

  #look(at) {
    const shown = this.#files.filter(canPreview);
    this.#preview.show(shown, shown.indexOf(this.#files[at]));
  }
}

customElements.define("share-page", SharePage);
