// <usage-quota>: the account's room as one bar: files, trash, what open uploads reserve, and what is free. The parts
// differ by pattern as well as by colour, and stand as words below.
//
// Property `quota`: {used, reserved, trash, limit}; `used` contains the trash.

import { bytes, exactBytes, percent } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, s, setAttribute, setText } from "./dom.js";

const HEIGHT = 16;
/** Of the card, at each side. */
const PADDING = 20;

export class UsageQuota extends DriveElement {
  #quota = null;
  #title = h("h2", {}, t("usage.room"));
  #lead = h("p", { class: "lead number" });
  #bar = s("svg", { class: "room", role: "img", height: HEIGHT });
  #legend = h("dl", {});
  #resize = null;

  set quota(quota) {
    this.#quota = quota;
    this.requestUpdate();
  }

  build() {
    this.append(h("header", {}, this.#title, this.#lead), this.#bar, this.#legend);
  }

  connected() {
    this.#resize = new ResizeObserver(() => this.requestUpdate());
    this.#resize.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#resize.disconnect();
  }

  update() {
    if (this.#quota === null) return;
    const room = this.#bar.parentElement.clientWidth - 2 * PADDING;
    if (room <= 0) return;
    const { used, reserved, limit } = this.#quota;
    const parts = partsOf(this.#quota);
    const whole = Math.max(limit ?? 0, used + reserved, 1);
    setText(this.#lead, limit === null ? t("usage.noLimit", { used: bytes(used) }) : t("usage.ofLimit", { used: bytes(used), limit: bytes(limit), part: percent(used / Math.max(1, limit)) }));
    setAttribute(this.#bar, "viewBox", `0 0 ${room} ${HEIGHT}`);
    setAttribute(this.#bar, "aria-label", parts.map(({ word, size }) => `${word}: ${bytes(size)}`).join(". "));
    let x = 0;
    const bars = parts.filter(({ size }) => size > 0).map(({ name, size }) => {
      const width = (size / whole) * room;
      const bar = s("rect", { x, y: 0, width, height: HEIGHT, class: name });
      x += width;
      return bar;
    });
    this.#bar.replaceChildren(patterns(), ...bars);
    this.#legend.replaceChildren(...parts.map(({ name, word, help, size }) => legend(name, word, help, size)));
  }
}

function partsOf({ used, reserved, trash = 0, limit }) {
  const parts = [
    { name: "files", word: t("usage.files"), help: "", size: Math.max(0, used - trash) },
    { name: "in-trash", word: t("usage.trash"), help: t("usage.trashHelp"), size: trash },
    { name: "reserved", word: t("usage.reserved"), help: t("usage.reservedHelp"), size: reserved },
  ];
  if (limit !== null) parts.push({ name: "free", word: t("usage.free"), help: "", size: Math.max(0, limit - used - reserved) });
  return parts;
}

function patterns() {
  const stripes = s("pattern", { id: "usage-stripes", width: 6, height: 6, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("rect", { width: 3, height: 6 }));
  const dots = s("pattern", { id: "usage-dots", width: 6, height: 6, patternUnits: "userSpaceOnUse" }, s("circle", { cx: 3, cy: 3, r: 1.6 }));
  return s("defs", {}, stripes, dots);
}

function legend(name, word, help, size) {
  const swatch = s("svg", { width: 14, height: 14, "aria-hidden": "true", class: "swatch" }, s("rect", { width: 14, height: 14, rx: 3, class: name }));
  return h("div", {}, h("dt", {}, swatch, word), h("dd", { class: "number", title: exactBytes(size) }, bytes(size)), help && h("dd", { class: "help" }, help));
}

customElements.define("usage-quota", UsageQuota);
