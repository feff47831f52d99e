// <pdf-view>: a PDF in the viewer that the browser brings along. Call show(blob, name); `canShowPdf` tells whether there is
// such a viewer: phones mostly have none.

import { DriveElement } from "./element.js";
import { h } from "./dom.js";

/** All of it lies in memory while it is shown. */
export const PDF_MAX_BYTES = 64 << 20;

export const canShowPdf = () => navigator.pdfViewerEnabled === true;

export class PdfView extends DriveElement {
  #url = null;

  /** @param {Blob} blob @param {string} name */
  show(blob, name) {
    this.#forget();
    // Never the type that the file claims: that a frame shows PDFs only is what the page's policy rests on (http/guard.rs).
    this.#url = URL.createObjectURL(new Blob([blob], { type: "application/pdf" }));
    this.replaceChildren(h("iframe", { src: this.#url, title: name }));
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#forget();
  }

  #forget() {
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
    this.#url = null;
    this.replaceChildren();
  }
}

customElements.define("pdf-view", PdfView);
