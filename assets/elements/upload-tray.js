// <upload-tray>: all uploads in one card at the bottom right, a sheet on a phone. Its title tells the phase, the rate
// and the time left of them all; folded, the title remains. A folder is one row that opens.
//
// Properties: `store`. Actions: "clear-finished", "upload-all" {verb}, and those of its rows.

import { percent, rate, timeLeft } from "../core/format.js";
import { Tempo } from "../core/rate.js";
import { totals } from "../core/upload-view.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, heirsIn, icon, iconButton, keepFocus, setAttribute, setText } from "./dom.js";

const PHONE = "(width < 640px)";

export class UploadTray extends DriveElement {
  store;
  paceMs = 100;
  /** Rows of single files and of folders, by the key of either. @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #isOpen = !matchMedia(PHONE).matches;
  #tempo = new Tempo();
  #title = h("strong");
  #facts = h("span", { class: "facts number" });
  #bar = h("progress-bar");
  #list = h("div", { role: "list", class: "list", id: "upload-list", tabindex: "-1" });
  #clear = h("button", { type: "button", class: "plain-button small", onclick: () => this.act("clear-finished") }, t("uploads.clear"));
  #fold = h(
    "button",
    { type: "button", class: "fold", "aria-controls": "upload-list", onclick: () => this.#toggle() },
    h("span", { class: "words" }, this.#title, this.#facts),
    icon("chevron-down"),
  );
  #verbs = new Map();
  #menu = h("div", { id: "upload-menu", class: "menu", popover: "auto" });
  #more = iconButton("more", t("uploads.more"), { popovertarget: "upload-menu" });
  #question = h("span");
  #sure = h("div", { class: "sure", role: "alertdialog", "aria-labelledby": "upload-question", hidden: true });

  build() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", t("uploads.uploads"));
    for (const [verb, key] of [["pause", "pauseAll"], ["resume", "resumeAll"], ["retry", "retryAll"], ["cancel", "cancelAll"]]) {
      const button = h("button", { type: "button", class: "plain-button", "data-verb": verb, onclick: () => this.#onVerb(verb) }, icon(verb), t(`uploads.${key}`));
      this.#verbs.set(verb, button);
    }
    this.#menu.append(...this.#verbs.values());
    this.#question.id = "upload-question";
    const yes = h("button", { type: "button", class: "small danger", onclick: () => this.#answer(true) }, t("uploads.cancelAnswer"));
    const no = h("button", { type: "button", class: "small", onclick: () => this.#answer(false) }, t("uploads.keepOn"));
    this.#sure.append(this.#question, h("span", { class: "answers" }, no, yes));
    this.append(h("div", { class: "head" }, this.#fold, this.#clear, this.#more), this.#bar, this.#sure, this.#list, this.#menu);
  }

  connected() {
    this.listen(this.store, "uploads upload", () => this.requestUpdate());
    this.listen(this, "keydown", ({ key }) => key === "Escape" && this.#isOpen && !this.#menu.matches(":popover-open") && this.#toggle());
    this.listen(this.#menu, "beforetoggle", ({ newState }) => newState === "open" && this.#placeMenu());
  }

  /** Above the button that opened it. */
  #placeMenu() {
    const { top, bottom, right } = this.#more.getBoundingClientRect();
    const isLow = bottom > innerHeight / 2;
    this.#menu.style.setProperty("--right", `${innerWidth - right}px`);
    this.#menu.style.setProperty("--top", isLow ? "auto" : `${bottom + 4}px`);
    this.#menu.style.setProperty("--bottom", isLow ? `${innerHeight - top + 4}px` : "auto");
  }

  update() {
    const views = this.store.uploads;
    this.hidden = views.size === 0;
    this.markPage("data-sending", !this.hidden);
    const near = heirsIn(this.#list);
    keepFocus(this.#list, () => this.#updateRows(views), () => [...near(), this.#fold]);
    if (this.hidden) return;
    const sum = totals(views.values());
    Object.assign(sum, this.#tempo.measure(sum, performance.now()));
    const { title, facts } = headline(sum);
    setText(this.#title, title);
    setText(this.#facts, facts);
    setAttribute(this.#fold, "aria-expanded", String(this.#isOpen));
    this.#list.hidden = !this.#isOpen;
    this.#clear.hidden = sum.done === 0;
    const text = t("uploads.sent", { sent: percent(sum.part), stored: percent(sum.durablePart) });
    this.#bar.show({ value: sum.part, durable: sum.durablePart, label: t("uploads.allUploads"), text });
    this.#bar.hidden = sum.moving === 0;
    this.#updateVerbs(sum);
  }

  #updateVerbs(sum) {
    this.#verbs.get("pause").hidden = sum.moving === sum.verifying;
    this.#verbs.get("resume").hidden = sum.paused === 0;
    this.#verbs.get("retry").hidden = sum.failed === 0;
    this.#verbs.get("cancel").hidden = sum.rows === sum.done;
    this.#more.hidden = [...this.#verbs.values()].every(({ hidden }) => hidden);
    if (this.#more.hidden) this.#sure.hidden = true;
    setText(this.#question, t("uploads.cancelQuestion", { n: sum.rows - sum.done }));
  }

  #updateRows(views) {
    const groups = new Map();
    const rows = new Map();
    for (const [key, view] of views) {
      if (view.group === null) {
        const row = this.#rows.get(key) ?? h("upload-row");
        row.view = view;
        rows.set(key, row);
      } else if (groups.has(view.group)) {
        groups.get(view.group).push(view);
      } else {
        groups.set(view.group, [view]);
        rows.set(view.group, this.#rows.get(view.group) ?? h("upload-group"));
      }
    }
    for (const [key, members] of groups) rows.get(key).show(key, members[0].groupName, members);
    for (const [key, row] of this.#rows) if (!rows.has(key)) row.remove();
    for (const [key, row] of rows) if (!this.#rows.has(key)) this.#list.append(row);
    this.#rows = rows;
  }

  #onVerb(verb) {
    this.#menu.hidePopover();
    if (verb !== "cancel") return this.act("upload-all", { verb });
    this.#sure.hidden = false;
    this.#sure.querySelector("button").focus();
  }

  #answer(isSure) {
    this.#sure.hidden = true;
    this.#more.focus();
    if (isSure) this.act("upload-all", { verb: "cancel" });
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
    if (sum.failed > 0) facts.push(t("uploads.failedFiles", { n: sum.failed }));
    return { title: t("uploads.uploading", { n: sum.moving }), facts: facts.join(" · ") };
  }
  if (sum.moving > 0) {
    const isVerifying = sum.moving === sum.verifying;
    return isVerifying
      ? { title: t("uploads.verifyingFiles", { n: sum.verifying }), facts: "" }
      : { title: t("uploads.waitingFiles", { n: sum.moving }), facts: percent(sum.part) };
  }
  const needs = sum.failed + sum.needFile;
  if (needs > 0) return { title: t("uploads.needYou", { n: needs }), facts: "" };
  if (sum.paused > 0) return { title: t("uploads.pausedFiles", { n: sum.paused }), facts: percent(sum.part) };
  return { title: t("uploads.uploaded", { n: sum.done }), facts: "" };
}

customElements.define("upload-tray", UploadTray);
