// <details-panel>: all that is known of one file or folder, beside the list.
//
// `show(item)`; the same item again, or the button, closes it. Actions: "load-file", "toast".

import { bytes, exactBytes, exactTime, folderWords } from "../core/format.js";
import { isFolder, keyOf } from "../core/listing.js";
import { parentOf } from "../core/paths.js";
import { t } from "../core/words.js";
import { copyText } from "./clipboard.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setText } from "./dom.js";
import { glyphOf, kindWord } from "./file-parts.js";
import { folderHref } from "./route.js";

export class DetailsPanel extends DriveElement {
  #item = null;
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

  /** @param {object | undefined} item */
  show(item) {
    if (!item || (!this.hidden && this.#item && keyOf(item) === keyOf(this.#item))) return this.#close();
    this.hidden = false;
    this.#draw(item);
  }

  /** Another row is chosen while the panel is open. */
  follow(item) {
    if (!this.hidden && item && keyOf(item) !== keyOf(this.#item)) this.#draw(item);
  }

  #close() {
    const hadFocus = this.contains(document.activeElement);
    this.hidden = true;
    if (hadFocus) this.parentElement?.focusList?.();
  }

  async #draw(item) {
    this.#item = item;
    this.#fill(item);
    if (isFolder(item)) return;
    const now = await this.act("load-file", { item })?.catch(() => null);
    if (now && this.#item === item) this.#fill(now);
  }

  #fill(item) {
    setText(this.#title, item.name);
    const image = item.hasThumbnail && !item.isEncrypted ? h("img", { src: `/api/files/${encodeURIComponent(item.id)}/thumbnail?size=512`, alt: "", onerror: () => image.remove() }) : null;
    this.#picture.replaceChildren(icon(glyphOf(item)), ...(image ? [image] : []));
    const facts = isFolder(item) ? this.#ofFolder(item) : this.#ofFile(item);
    this.#facts.replaceChildren(...facts.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([word, value]) => [h("dt", {}, word), h("dd", {}, value)]));
  }

  #ofFolder({ path, allFiles, allBytes }) {
    return [
      [t("files.type"), t("common.folder")],
      [t("files.size"), sizeNode(allBytes)],
      [t("filetools.holds"), t("common.files", { n: allFiles })],
      [t("filetools.inFolder"), folderLink(parentOf(path))],
    ];
  }

  #ofFile(file) {
    const { lastModified, plainSize, ...metadata } = file.metadata ?? {};
    const more = Object.entries(metadata).filter(([, value]) => value !== null && typeof value !== "object");
    return [
      [t("files.type"), `${kindWord(glyphOf(file))} · ${file.contentType}`],
      [t("files.size"), sizeNode(file.size)],
      [t("filetools.plainSize"), plainSize ? sizeNode(plainSize) : null],
      [t("filetools.inFolder"), folderLink(file.folder)],
      [t("files.tag"), file.tags?.length > 0 ? h("span", { class: "chips" }, ...file.tags.map((tag) => h("span", { class: "tag" }, tag))) : null],
      [t("files.createdAt"), timeNode(file.createdAt)],
      [t("files.updatedAt"), timeNode(file.updatedAt)],
      [t("filetools.lastModified"), timeNode(lastModified)],
      [t("files.deletedAt"), timeNode(file.deletedAt)],
      [t("filetools.ends"), timeNode(file.expiredAt)],
      [t("filetools.link"), file.bundleId ? h("a", { href: "#/shares" }, t("files.shared")) : null],
      ...more.map(([key, value]) => [key, String(value)]),
      [t("filetools.hash"), this.#hash(file.hash)],
    ];
  }

  #hash(hash) {
    const copy = async () => this.act("toast", { text: t((await copyText(hash)) ? "filetools.hashCopied" : "filetools.copyYourself") });
    return h("span", { class: "hash" }, h("code", {}, hash), iconButton("copy", t("filetools.copyHash"), { onclick: copy }));
  }
}

const sizeNode = (size) => h("span", { class: "number", title: exactBytes(size) }, `${bytes(size)}${size > 999 ? ` (${exactBytes(size)})` : ""}`);
const timeNode = (moment) => (moment ? h("time", { datetime: moment }, exactTime(moment)) : null);
const folderLink = (folder) => h("a", { href: folderHref(folder) }, folder === "/" ? t("files.top") : folderWords(folder));

customElements.define("details-panel", DetailsPanel);
