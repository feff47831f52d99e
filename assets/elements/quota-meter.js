// <quota-meter>: how much of the account's space is used.
//
// Properties: `store`.

import { bytes, exactBytes } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, setAttribute, setText } from "./dom.js";

/** From here on the bar warns. */
const NEARLY_FULL = 0.9;

export class QuotaMeter extends DriveElement {
  store;
  #bar = h(
    "div",
    { class: "bar", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": t("account.space") },
    h("span"),
  );
  #text = h("p", { class: "number" });

  build() {
    this.append(this.#bar, this.#text);
  }

  connected() {
    this.listen(this.store, "quota", () => this.requestUpdate());
  }

  update() {
    const { quota } = this.store;
    this.hidden = quota === null;
    if (quota === null) return;
    const { used, limit } = quota;
    const usedOf = (words) => t("account.usedOf", { used: words(used), limit: words(limit) });
    const hasLimit = limit !== null;
    const part = hasLimit ? Math.min(1, limit > 0 ? used / limit : 1) : 0;
    this.#bar.hidden = !hasLimit;
    this.#bar.style.setProperty("--part", part);
    setAttribute(this.#bar, "aria-valuenow", Math.round(part * 100));
    setAttribute(this.#bar, "data-nearly-full", part >= NEARLY_FULL);
    setText(this.#text, hasLimit ? usedOf(bytes) : t("account.used", { used: bytes(used) }));
    setAttribute(this.#text, "title", hasLimit ? usedOf(exactBytes) : exactBytes(used));
  }
}

customElements.define("quota-meter", QuotaMeter);
