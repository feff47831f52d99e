// <upload-tray>: all uploads in one card at the bottom right, a sheet on a phone. Its title tells the phase, the rate
// and the time left of them all; folded, the title remains.
//
// Properties: `store`. Actions: "clear-finished", and those of its rows.

import { count, percent, rate, timeLeft } from "../core/format.js";
import { totals } from "../core/upload-view.js";
import { DriveElement } from "./element.js";
import { h, icon, setAttribute, setText } from "./dom.js";

const PHONE = "(width < 640px)";

export class UploadTray extends DriveElement {
  store;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #isOpen = !matchMedia(PHONE).matches;
  #title = h("strong");
  #facts = h("span", { class: "facts number" });
  #bar = h("progress-bar");
  #list = h("div", { role: "list", class: "list", id: "upload-list" });
  #clear = h(
    "button",
    { type: "button", class: "plain-button small", onclick: () => this.act("clear-finished") },
    "Clear",
  );
  #fold = h(
    "button",
    { type: "button", class: "fold", "aria-controls": "upload-list", onclick: () => this.#toggle() },
    h("span", { class: "words" }, this.#title, this.#facts),
    icon("chevron-down"),
  );

  build() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", "Uploads");
    this.append(h("header", {}, this.#fold, this.#clear), this.#bar, this.#list);
  }

  connected() {
    this.listen(this.store, "uploads", () => this.requestUpdate());
    this.listen(this.store, "upload", ({ key }) => {
      const row = this.#rows.get(key);
      if (row) row.view = this.store.uploads.get(key);
      this.requestUpdate();
    });
    this.listen(this, "keydown", ({ key }) => key === "Escape" && this.#isOpen && this.#toggle());
  }

  update() {
    const views = this.store.uploads;
    this.hidden = views.size === 0;
    this.#updateRows(views);
    if (this.hidden) return;
    const sum = totals(views.values());
    const { title, facts } = headline(sum);
    setText(this.#title, title);
    setText(this.#facts, facts);
    setAttribute(this.#fold, "aria-expanded", String(this.#isOpen));
    this.#list.hidden = !this.#isOpen;
    this.#clear.hidden = sum.done === 0;
    const text = `${percent(sum.part)} sent, ${percent(sum.durablePart)} stored`;
    this.#bar.show({ value: sum.part, durable: sum.durablePart, label: "All uploads", text });
    this.#bar.hidden = sum.moving === 0;
  }

  #updateRows(views) {
    for (const [key, row] of this.#rows) {
      if (views.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    for (const [key, view] of views) {
      if (this.#rows.has(key)) continue;
      const row = h("upload-row");
      row.view = view;
      this.#rows.set(key, row);
      this.#list.append(row);
    }
  }

  #toggle() {
    this.#isOpen = !this.#isOpen;
    this.update();
    this.#fold.focus();
  }
}

/** What matters most first: what moves, then what needs a person, then what is over. */
function headline(sum) {
  if (sum.sending > 0) {
    const facts = [percent(sum.part)];
    if (sum.rate > 0) facts.push(rate(sum.rate));
    if (sum.secondsLeft !== null) facts.push(timeLeft(sum.secondsLeft));
    if (sum.failed > 0) facts.push(`${sum.failed} failed`);
    return { title: `Uploading ${count(sum.moving, "file")}`, facts: facts.join(" · ") };
  }
  if (sum.moving > 0) {
    const isVerifying = sum.moving === sum.verifying;
    return isVerifying
      ? { title: `Verifying ${count(sum.verifying, "file")}`, facts: "" }
      : { title: `Waiting to send ${count(sum.moving, "file")}`, facts: percent(sum.part) };
  }
  const needs = sum.failed + sum.needFile;
  if (needs > 0) return { title: `${count(needs, "upload needs", "uploads need")} you`, facts: "" };
  if (sum.paused > 0) return { title: `${count(sum.paused, "upload")} paused`, facts: percent(sum.part) };
  return { title: `${count(sum.done, "file")} uploaded`, facts: "" };
}

customElements.define("upload-tray", UploadTray);
