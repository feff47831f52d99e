// <qr-code>: a text that a phone can read from the screen. Dark on white in every theme, as cameras want it.
//
// Properties: `text`, `label` (what a screen reader says instead).

import { qr } from "../core/qr.js";
import { DriveElement } from "./element.js";
import { s } from "./dom.js";

/** Light modules around the code, as the standard wants. */
const QUIET = 4;

export class QrCode extends DriveElement {
  text = "";
  label = "";

  update() {
    const rows = qr(this.text);
    const size = rows.length + 2 * QUIET;
    const path = rows.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : ""))).join("");
    this.replaceChildren(s("svg", { viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": this.label, "shape-rendering": "crispEdges" }, s("path", { d: path })));
  }
}

customElements.define("qr-code", QrCode);
