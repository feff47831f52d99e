// <upload-row>: one upload in the tray: what it is, how far, what it waits for, and the buttons that make sense now.
//
// Properties: `view` (an UploadView). Attributes set: data-task, data-state. Actions: "upload" {verb, key, file?} with
// the verbs pause, resume, cancel, retry, choose.

import { bytes, bytesOf, exactBytes, kindOf, rate, timeLeft } from "../core/format.js";
import { stateWords } from "../core/upload-view.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, keepFocus, setAttribute, setIcon, setText } from "./dom.js";
import { loadTools } from "./file-work.js";
import { folderHref } from "./route.js";

/** One button per row changes its meaning, so that keyboard focus stays on it. */
const TOGGLES = Object.freeze({
  queued: "pause",
  sending: "pause",
  waiting: "pause",
  paused: "resume",
  failed: "retry",
});

const ICONS = Object.freeze({ done: "done", failed: "warning", waiting: "offline", queued: "clock" });

const TONES = Object.freeze({
  done: "success",
  failed: "danger",
  paused: "quiet",
  "needs-file": "quiet",
  queued: "quiet",
});

export class UploadRow extends DriveElement {
  #view;
  #icon = icon("file");
  #name = h("span", { class: "file" });
  #bar = h("progress-bar");
  #phase = h("span", { class: "phase" });
  #numbers = h("span", { class: "numbers number" });
  #error = h("p", { class: "problem", hidden: true });
  #toggle = iconButton("pause", t("uploads.pause"), { onclick: () => this.#send(this.#toggle.dataset.action) });
  #cancel = iconButton("cancel", t("uploads.cancel"), { "data-action": "cancel", onclick: () => this.#send("cancel") });
  #show = h("a", { class: "button small" }, t("uploads.show"));
  #share = iconButton("link", t("uploads.share"), { onclick: () => this.#onShare() });
  #choose = h(
    "button",
    { type: "button", class: "small", "data-action": "choose", onclick: () => this.#pick() },
    t("uploads.chooseFile"),
  );
  #input = h("input", { type: "file", hidden: true, "data-role": "choose", onchange: () => this.#onChosen() });

  set view(view) {
    this.#view = view;
    this.requestUpdate();
  }

  build() {
    this.setAttribute("role", "listitem");
    this.append(
      this.#icon,
      this.#name,
      h("div", { class: "verbs" }, this.#show, this.#share, this.#choose, this.#toggle, this.#cancel, this.#input),
      h("div", { class: "what" }, this.#bar, h("p", { class: "facts" }, this.#phase, this.#numbers), this.#error),
    );
  }

  update() {
    const view = this.#view;
    const { state, name, size, contentType } = view;
    setAttribute(this, "data-task", view.taskId);
    setAttribute(this, "data-state", state);
    setIcon(this.#icon, ICONS[state] ?? kindOf(contentType).icon);
    setText(this.#name, name);
    setAttribute(this.#name, "title", name);
    setText(this.#phase, stateWords(view));
    setText(this.#numbers, numbersOf(view));
    setAttribute(this.#numbers, "title", t("uploads.safe", { done: exactBytes(view.durable), all: exactBytes(size) }));
    setText(this.#error, view.error);
    this.#error.hidden = view.error === "";
    this.#updateBar(view);
    keepFocus(this, () => this.#updateVerbs(view), () => [this.#toggle, this.#choose, this.#show, this.#cancel]);
  }

  #updateBar({ state, name, size, sent, durable }) {
    const part = (count) => (state === "done" ? 1 : size > 0 ? count / size : 0);
    const text = t("uploads.perCent", { sent: Math.floor(part(sent) * 100), stored: Math.floor(part(durable) * 100) });
    this.#bar.show({ value: part(sent), durable: part(durable), label: name, text, tone: TONES[state] });
    this.#bar.hidden = state === "done";
  }

  #updateVerbs({ state, name, folder, driven, fileId, isPaused }) {
    const verb = state === "failed" && !driven ? undefined : TOGGLES[state];
    this.#toggle.hidden = verb === undefined;
    if (verb) {
      setAttribute(this.#toggle, "data-action", verb);
      setAttribute(this.#toggle, "aria-label", t("uploads.verbOf", { verb: t(`uploads.${verb}`), name }));
      setAttribute(this.#toggle, "title", t(`uploads.${verb}`));
      setIcon(this.#toggle.firstChild, verb);
    }
    const word = state === "done" || state === "failed" ? t("uploads.remove") : t("uploads.cancel");
    setAttribute(this.#cancel, "aria-label", t("uploads.verbOf", { verb: word, name }));
    setAttribute(this.#cancel, "title", word);
    this.#cancel.hidden = state === "verifying";
    this.#choose.hidden = state !== "needs-file";
    setText(this.#choose, isPaused ? t("uploads.resume") : t("uploads.chooseFile"));
    this.#show.hidden = state !== "done";
    this.#share.hidden = state !== "done" || fileId === null;
    setAttribute(this.#share, "aria-label", t("uploads.shareFile", { name }));
    setAttribute(this.#show, "href", folderHref(folder));
    setAttribute(this.#show, "aria-label", t("uploads.showFile", { name }));
  }

  async #onShare() {
    const { fileId: id, name, folder } = this.#view;
    try {
      const { questions } = await loadTools();
      await questions.link({ items: [{ id, name, folder }] }, (...wish) => this.act(...wish));
    } catch ({ message }) {
      this.act("toast", { tone: "danger", text: message });
    }
  }

  #send(verb, file) {
    this.act("upload", { verb, key: this.#view.key, file });
  }

  /** The browser may still know where the file was; then it needs a permission only. */
  async #pick() {
    const found = await this.act("reopen", { key: this.#view.key });
    if (!found) this.#input.click();
  }

  #onChosen() {
    const [file] = this.#input.files;
    this.#input.value = "";
    if (file) this.#send("choose", file);
  }
}

function numbersOf({ state, sent, size, rate: speed, secondsLeft }) {
  if (state === "done" || state === "queued" || (state === "failed" && sent === 0)) return bytes(size);
  const parts = [bytesOf(sent, size)];
  if (state === "sending" && speed > 0) parts.push(rate(speed));
  if (state === "sending" && secondsLeft !== null) parts.push(timeLeft(secondsLeft));
  return parts.join(" · ");
}

customElements.define("upload-row", UploadRow);
