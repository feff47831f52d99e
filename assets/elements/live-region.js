// <live-region>: the one place that speaks to screen readers.
//
// `say(sentence)`.

import { DriveElement } from "./element.js";
import { h } from "./dom.js";

/** Long enough to be read out, short enough not to be found by somebody reading through the page. */
const KEPT_MS = 8000;

export class LiveRegion extends DriveElement {
  build() {
    this.className = "visually-hidden";
    this.setAttribute("role", "status");
    this.setAttribute("aria-live", "polite");
  }

  /** @param {string} sentence */
  say(sentence) {
    const line = h("p", {}, sentence); // its own node, so that sentences that come together are all read
    this.append(line);
    setTimeout(() => line.remove(), KEPT_MS);
  }
}

customElements.define("live-region", LiveRegion);
