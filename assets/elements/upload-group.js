// <upload-group>: a folder in the tray: one row for all of it, which opens to show its files.
//
// Single files that a page left in line when it went are such a row too, until they are chosen again.
//
// Properties: `show(key, name, views)`. Attributes set: data-group, data-state. Actions: "upload-all" {verb, group},
// "reopen" {key}, "choose-again" {key, chosen}, "upload" {verb: "cancel", key} of one that has nothing here.

import { filesOfPicker } from "../core/folder-reader.js";
import { exactBytes, folderParts, rate, timeLeft } from "../core/format.js";
import { Tempo } from "../core/rate.js";
import { isOpen, stateWords, totals } from "../core/upload-view.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { arrange, h, heirsIn, icon, iconButton, keepFocus, setAttribute, setIcon, setText } from "./dom.js";
import { folderHref } from "./route.js";

/** Rows that are made for an opened folder; the rest is counted. */
const SHOWN = 100;
/** What is told first. */
const ORDER = ["failed", "needs-file", "verifying", "sending", "waiting", "paused", "queued", "done"];
const TONES = Object.freeze({ done: "success", failed: "danger", sending: "accent", waiting: "accent", verifying: "accent" });
const ICONS = Object.freeze({ done: "done", failed: "warning", waiting: "offline" });

export class UploadGroup extends DriveElement {
  paceMs = 100;
  #key = "";
  #name = "";
  #views = [];
  #tempo = new Tempo();
  #isOpen = false;
  /** @type {Map<string, HTMLElement>} */
  #rows = new Map();
  #icon = icon("folder");
  #title = h("span", { class: "file" });
  #arrow = icon("chevron-right");
  #fold = h("button", { type: "button", class: "name plain-button", onclick: () => this.#onFold() }, this.#title, this.#arrow);
  #bar = h("progress-bar");
  #phase = h("span", { class: "phase" });
  #numbers = h("span", { class: "numbers number" });
  #error = h("p", { class: "problem", hidden: true });
  #show = h("a", { class: "button small", hidden: true }, t("uploads.show"));
  #choose = h("button", { type: "button", class: "small", "data-action": "choose", onclick: () => this.#pick() }, t("uploads.chooseFolder"));
  #toggle = iconButton("pause", t("uploads.pause"), { onclick: () => this.#send(this.#toggle.dataset.action) });
  #cancel = iconButton("cancel", t("uploads.cancel"), { "data-action": "cancel", onclick: () => this.#onCancel() });
  #input = h("input", { type: "file", webkitdirectory: true, hidden: true, "data-role": "choose-folder", onchange: () => this.#onChosen() });
  #list = h("div", { role: "list", class: "files", hidden: true });
  #more = h("p", { class: "more", hidden: true });

  show(key, name, views) {
    this.#key = key;
    this.#name = name;
    this.#views = views;
    this.requestUpdate();
  }

  build() {
    this.setAttribute("role", "listitem");
    this.append(
      this.#icon,
      this.#fold,
      h("div", { class: "verbs" }, this.#show, this.#choose, this.#toggle, this.#cancel, this.#input),
      h("div", { class: "what" }, this.#bar, h("p", { class: "facts" }, this.#phase, this.#numbers), this.#error),
      this.#list,
      this.#more,
    );
  }

  get #missing() {
    return this.#views.find(({ asksFor }) => asksFor);
  }

  update() {
    const files = this.#views.filter(({ asksFor }) => !asksFor);
    const missing = this.#missing;
    const state = missing ? "needs-file" : stateOf(files);
    const sum = totals(files);
    Object.assign(sum, this.#tempo.measure(sum, performance.now()));
    setAttribute(this, "data-group", this.#key);
    setAttribute(this, "data-state", state);
    setIcon(this.#icon, ICONS[state] ?? (missing?.asksFor === "files" ? "file" : "folder"));
    setText(this.#title, this.#name);
    setAttribute(this.#title, "title", this.#name);
    setText(this.#phase, stateWords(missing ?? { state, note: "", verified: files.every(({ verified }) => verified) }));
    setText(this.#numbers, numbersOf(files, sum, state));
    setAttribute(this.#numbers, "title", files.length > 0 ? exactBytes(files.reduce((all, { size }) => all + size, 0)) : null);
    setText(this.#error, missing?.error || (state === "failed" ? usualError(files) : ""));
    this.#error.hidden = this.#error.textContent === "";
    this.#updateBar(sum, state, files.length);
    const own = () => {
      this.#updateVerbs(state, files);
      this.#updateChoice(missing);
    };
    keepFocus(this, own, () => [this.#toggle, this.#choose, this.#show, this.#cancel, this.#fold]);
    const near = heirsIn(this.#list);
    keepFocus(this.#list, () => this.#updateRows(files), () => [...near(), this.#fold]);
  }

  #updateBar(sum, state, count) {
    const [sent, stored] = [sum.part, sum.durablePart].map((part) => Math.floor(part * 100));
    const text = t("uploads.perCent", { sent, stored });
    this.#bar.show({ value: sum.part, durable: sum.durablePart, label: this.#name, text, tone: TONES[state] ?? "quiet" });
    this.#bar.hidden = state === "done" || count === 0;
  }

  #updateVerbs(state, files) {
    const verb = { sending: "pause", waiting: "pause", queued: "pause", paused: "resume", failed: "retry" }[state];
    this.#toggle.hidden = verb === undefined;
    this.#fold.disabled = files.length === 0;
    setAttribute(this.#fold, "aria-expanded", String(this.#isOpen));
    setAttribute(this.#fold, "aria-label", t("uploads.open", { name: this.#name }));
    if (verb) {
      setAttribute(this.#toggle, "data-action", verb);
      setAttribute(this.#toggle, "aria-label", t("uploads.verbOf", { verb: t(`uploads.${verb}`), name: this.#name }));
      setAttribute(this.#toggle, "title", t(`uploads.${verb}`));
      setIcon(this.#toggle.firstChild, verb);
    }
    const isDone = state === "done";
    if (isDone && this.#show.hidden) setAttribute(this.#show, "href", folderHref(folderOf(this.#name, files)));
    this.#show.hidden = !isDone;
    setAttribute(this.#show, "aria-label", t("uploads.showFolder", { name: this.#name }));
    this.#cancel.hidden = state === "done" || state === "verifying";
    setAttribute(this.#cancel, "aria-label", t("uploads.verbOf", { verb: t("uploads.cancel"), name: this.#name }));
  }

  #updateChoice(missing) {
    this.#choose.hidden = missing === undefined;
    const isOfFiles = missing?.asksFor === "files";
    const verb = t(missing?.isPaused ? "uploads.resume" : isOfFiles ? "uploads.chooseFiles" : "uploads.chooseFolder");
    setText(this.#choose, verb);
    setAttribute(this.#choose, "aria-label", t("uploads.verbOf", { verb, name: this.#name }));
    this.#input.webkitdirectory = !isOfFiles;
    this.#input.multiple = isOfFiles;
  }

  #updateRows(files) {
    this.#list.hidden = !this.#isOpen || files.length === 0;
    // Nothing moves under a pointer, or under the focus.
    const isHeld = this.#list.matches(":hover, :focus-within");
    const rank = ({ key, state }) => (isHeld && this.#rows.has(key) ? -1 : ORDER.indexOf(state));
    const places = new Map([...this.#rows.keys()].map((key, at) => [key, at]));
    const byRank = (a, b) => rank(a) - rank(b) || (isHeld ? (places.get(a.key) ?? 0) - (places.get(b.key) ?? 0) : 0);
    const shown = this.#isOpen ? files.toSorted(byRank).slice(0, SHOWN) : [];
    const rows = new Map();
    for (const view of shown) {
      const row = this.#rows.get(view.key) ?? h("upload-row");
      row.view = view;
      rows.set(view.key, row);
    }
    arrange(this.#list, rows.values());
    this.#rows = rows;
    const rest = this.#isOpen ? files.length - shown.length : 0;
    this.#more.hidden = rest === 0;
    setText(this.#more, t("uploads.andMore", { n: rest }));
  }

  #onFold() {
    this.#isOpen = !this.#isOpen;
    this.update();
  }

  async #send(verb) {
    const said = await this.act("upload-all", { verb, group: this.#key });
    if (said) this.act("toast", { text: said });
  }

  #onCancel() {
    const missing = this.#missing;
    if (missing) this.act("upload", { verb: "cancel", key: missing.key });
    this.#send("cancel");
  }

  /** The browser may still know where the folder is; then it needs a permission only. */
  async #pick() {
    const found = await this.act("reopen", { key: this.#missing?.key ?? this.#key });
    if (!found) this.#input.click();
  }

  #onChosen() {
    const missing = this.#missing;
    const chosen = filesOfPicker(this.#input.files, missing?.folder ?? "/");
    this.#input.value = "";
    if (missing && chosen.items.length > 0) this.act("choose-again", { key: missing.key, chosen });
  }
}

/** Where a folder has come to: the last of its name among those that all its files lie below. */
function folderOf(name, files) {
  let shared = folderParts(files[0]?.folder ?? "/");
  for (const { folder } of files) {
    const parts = folderParts(folder);
    const at = shared.findIndex((part, i) => part !== parts[i]);
    if (at >= 0) shared = shared.slice(0, at);
  }
  const own = shared.lastIndexOf(name);
  return `/${(own < 0 ? shared : shared.slice(0, own + 1)).join("/")}`;
}

/** The reason that most of those have that failed. */
function usualError(files) {
  const counts = new Map();
  for (const { state, error } of files) if (state === "failed") counts.set(error, (counts.get(error) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? "";
}

/** What the whole folder is doing: what moves, else what needs somebody, else that it is over. */
function stateOf(files) {
  const states = new Set(files.map(({ state }) => state));
  const found = ["sending", "verifying", "waiting", "queued", "needs-file", "failed", "paused"].find((state) => states.has(state));
  if (found === "verifying" && states.has("queued")) return "sending";
  return found ?? "done";
}

function numbersOf(files, sum, state) {
  if (files.length === 0) return "";
  const parts = [t("uploads.ofFiles", { done: files.filter((view) => !isOpen(view) && view.state === "done").length, n: files.length })];
  if (sum.failed > 0) parts.push(t("uploads.failedFiles", { n: sum.failed }));
  if (state === "sending" && sum.rate > 0) parts.push(rate(sum.rate));
  if (state === "sending" && sum.secondsLeft !== null) parts.push(timeLeft(sum.secondsLeft));
  return parts.join(" · ");
}

customElements.define("upload-group", UploadGroup);
