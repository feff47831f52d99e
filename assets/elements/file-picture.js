// The picture of a file in a row or a tile: the sign of its kind, and over it its thumbnail once that is there.

import { previewKind } from "../core/preview.js";
import { h, icon, setAttribute, setIcon } from "./dom.js";
import { glyphOf } from "./file-parts.js";

const THUMBNAIL = 256;

export class FilePicture {
  #icon = icon("file");
  #image = null;
  #source = null;
  node = h("span", { class: "picture" }, this.#icon);

  /** @param {object} item */
  show(item) {
    const glyph = glyphOf(item);
    setIcon(this.#icon, glyph);
    setAttribute(this.node, "data-glyph", glyph);
    const { id, hasThumbnail, isEncrypted } = item;
    const source = hasThumbnail && !isEncrypted ? `/api/files/${encodeURIComponent(id)}/thumbnail?size=${THUMBNAIL}` : null;
    if (this.#source === source) return;
    this.#source = source;
    this.#image?.remove();
    this.#image = null;
    if (source !== null) this.#load(source);
  }

  #load(source) {
    const image = h("img", { src: source, alt: "", loading: "lazy", decoding: "async", draggable: "false", onerror: () => image.remove(), onload: () => setAttribute(image, "data-there", true) });
    this.#image = image;
    this.node.append(image);
  }
}

/** A mouse that goes down on a picture will open it: its bytes are asked for now. A finger may only mean to scroll. */
export function fetchSoon(item, { pointerType, button, ctrlKey, metaKey, shiftKey }) {
  if (pointerType !== "mouse" || button !== 0 || ctrlKey || metaKey || shiftKey) return;
  if (!item.deletedAt && !item.isEncrypted && previewKind(item) === "image") new Image().src = `${item.url}?inline=true`;
}
