// <progress-bar>: how much is sent, and apart from it how much is safe on the server.
//
// Properties: `show({value, durable, label, text, tone})`. value and durable from 0 to 1; value null while the total is
// unknown; tone accent, success, danger or quiet.

import { DriveElement } from "./element.js";
import { h, setAttribute } from "./dom.js";

export class ProgressBar extends DriveElement {
  #sent = h("span", { class: "sent" });
  #durable = h("span", { class: "durable" });

  build() {
    setAttribute(this, "role", "progressbar");
    setAttribute(this, "aria-valuemin", 0);
    setAttribute(this, "aria-valuemax", 100);
    this.append(this.#sent, this.#durable);
  }

  /** @param {{value: number | null, durable?: number, label: string, text?: string, tone?: string}} state */
  show({ value, durable = value, label, text, tone = "accent" }) {
    setAttribute(this, "aria-label", label);
    setAttribute(this, "aria-valuenow", value === null ? null : Math.floor(value * 100));
    setAttribute(this, "aria-valuetext", text);
    setAttribute(this, "data-tone", tone);
    setAttribute(this, "data-unknown", value === null);
    this.style.setProperty("--sent", value ?? 1);
    this.style.setProperty("--durable", durable ?? 0);
  }
}

customElements.define("progress-bar", ProgressBar);
