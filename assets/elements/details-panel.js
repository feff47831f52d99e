// <details-panel>: all that is known of one file or folder, or the sum of several, beside the list.
//
// `show(items)` opens it, `follow(items)` changes what an open one tells of, `items` is what it does. Actions: "load-file",
// "toast".

import { bytes, clock, exactBytes, exactTime, folderWords } from "../core/format.js";
import { isFolder, keyOf, sizeOf } from "../core/listing.js";
import { parentOf } from "../core/paths.js";
import { t } from "../core/words.js";
import { copyText } from "./clipboard.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setText } from "./dom.js";
import { glyphOf, kindWord } from "./file-parts.js";
import { folderHref } from "./route.js";

/** A file is asked about when the focus stays on it, not while it passes. */
const LOAD_AFTER_MS = 150;
const HEAD_SHOWN = 300;

export class DetailsPanel extends DriveElement {
  items = [];
  #timer = null;
  #title = h("h2", {});
  #facts = h("dl", {});
  #picture = h("div", { class: "picture" });

  build() {
    this.setAttribute("role", "complementary");
    this.setAttribute("aria-label", t("files.details"));
    const close = iconButton("cancel", t("common.close"), { onclick: () => this.#close() });
    this.append(h("header", {}, this.#title, close), h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": t("files.details") }, this.#picture, this.#facts));
    this.hidden = true;
  }

  connected() {
    this.listen(this, "keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.#close();
    });
  }

  /** @param {object[]} items */
  show(items) {
    this.hidden = items.length === 0;
    this.items = items;
    this.#draw();
  }

  /** Something else is chosen, or the same has changed. */
  follow(items) {
    if (items.length === 0) return this.#close();
    const [only] = items;
    const isSame = items.length === 1 ? JSON.stringify(only) === JSON.stringify(this.items[0]) : items.every((item, at) => item === this.items[at]);
    if (isSame && items.length === this.items.length) return;
    this.show(items);
  }

  close() {
    this.#close();
  }

  #close() {
    const hadFocus = this.contains(document.activeElement);
    this.hidden = true;
    this.parentElement?.requestUpdate();
    if (hadFocus) this.parentElement?.focusList();
  }

  #draw() {
    const { items } = this;
    clearTimeout(this.#timer);
    if (items.length > 1) return this.#fillSum(items);
    const [item] = items;
    if (!item) return;
    this.#fill(item);
    if (!isFolder(item) && !item.deletedAt) this.#timer = setTimeout(() => this.#load(item), LOAD_AFTER_MS);
  }

  async #load(item) {
    const now = await this.act("load-file", { item })?.catch(() => null);
    if (now && this.items.length === 1 && this.items[0] === item) this.#fill(now);
  }

  #fillSum(items) {
    const folders = items.filter(isFolder).length;
    const counts = [folders > 0 && t("files.folders", { n: folders }), folders < items.length && t("common.files", { n: items.length - folders })];
    setText(this.#title, t("files.selected", { n: items.length }));
    this.#picture.replaceChildren(icon("files"));
    this.#list([
      [t("filetools.holds"), counts.filter(Boolean).join(", ")],
      [t("files.size"), sizeNode(items.reduce((sum, item) => sum + sizeOf(item), 0))],
    ]);
  }

  #fill(item) {
    setText(this.#title, item.path === "/" ? t("files.top") : item.name);
    const image = item.hasThumbnail && !item.isEncrypted ? h("img", { src: `/api/files/${encodeURIComponent(item.id)}/thumbnail?size=512`, alt: "", onerror: () => image.remove() }) : null;
    this.#picture.replaceChildren(icon(glyphOf(item)), ...(image ? [image] : []));
    this.#list(isFolder(item) ? this.#ofFolder(item) : this.#ofFile(item));
  }

  #list(facts) {
    this.#facts.replaceChildren(...facts.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([word, value]) => [h("dt", {}, word), h("dd", {}, value)]));
  }

  #ofFolder({ path, allFiles, allBytes }) {
    return [
      [t("files.type"), t("common.folder")],
      [t("files.size"), sizeNode(allBytes)],
      [t("filetools.holds"), t("common.files", { n: allFiles })],
      [t("filetools.inFolder"), path === "/" ? null : folderLink(parentOf(path))],
    ];
  }

  #ofFile(file) {
    const { lastModified, plainSize, textHead, width, height, durationMs, takenAt, cameraMake, cameraModel, orientation, ...metadata } = file.metadata ?? {};
    const more = Object.entries(metadata).filter(([, value]) => value !== null && typeof value !== "object");
    return [
      [t("files.type"), `${kindWord(glyphOf(file))} · ${file.contentType}`],
      [t("files.size"), sizeNode(file.size)],
      [t("filetools.plainSize"), plainSize ? sizeNode(plainSize) : null],
      [t("filetools.dimensions"), width && height ? h("span", { class: "number" }, `${width} × ${height}`) : null],
      [t("filetools.duration"), durationMs ? h("span", { class: "number" }, clock(durationMs)) : null],
      [t("filetools.takenAt"), timeNode(takenAt)],
      [t("filetools.camera"), cameraName(cameraMake, cameraModel)],
      [t("filetools.inFolder"), folderLink(file.folder)],
      [t("files.tag"), file.tags?.length > 0 ? h("span", { class: "chips" }, ...file.tags.map((tag) => h("span", { class: "tag" }, tag))) : null],
      [t("files.createdAt"), timeNode(file.createdAt)],
      [t("files.updatedAt"), timeNode(file.updatedAt)],
      [t("filetools.lastModified"), timeNode(lastModified)],
      [t("files.deletedAt"), timeNode(file.deletedAt)],
      [t("filetools.ends"), timeNode(file.expiredAt)],
      [t("filetools.link"), file.bundleId ? h("a", { href: "#/shares" }, t("files.shared")) : null],
      ...more.map(([key, value]) => [key, String(value)]),
      [t("filetools.textHead"), textHead ? h("span", { class: "head" }, textHead.trim().slice(0, HEAD_SHOWN)) : null],
      [t("filetools.hash"), this.#hash(file.hash)],
    ];
  }

  #hash(hash) {
    const copy = async () => this.act("toast", { text: t((await copyText(hash)) ? "filetools.hashCopied" : "filetools.copyYourself") });
    return h("span", { class: "hash" }, h("code", {}, hash), iconButton("copy", t("filetools.copyHash"), { onclick: copy }));
  }
}

const sizeNode = (size) => h("span", { class: "number", title: exactBytes(size) }, `${bytes(size)}${size > 999 ? ` (${exactBytes(size)})` : ""}`);
/** Models are often named with their maker. */
const cameraName = (make, model) => (make && !model?.startsWith(make) ? [make, model].filter(Boolean).join(" ") : model);
const timeNode = (moment) => (moment ? h("time", { datetime: moment }, exactTime(moment)) : null);
const folderLink = (folder) => h("a", { href: folderHref(folder) }, folder === "/" ? t("files.top") : folderWords(folder));

customElements.define("details-panel", DetailsPanel);
