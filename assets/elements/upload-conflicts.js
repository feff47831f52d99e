// <upload-conflicts>: asks what to do with files whose names are taken, before anything is sent: both versions side by
// side, and the answer for one or for all that are left. Made when it is first needed.
//
// `ask(conflicts)`, each {item: {file, folder}, stored}: answers with one of keepBoth, replace, skip for each, or null
// when nothing is to be sent.

import { bytes, exactTime, folderWords } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, loadStyle, setText } from "./dom.js";

const ANSWERS = ["keepBoth", "replace", "skip"];

export class UploadConflicts extends DriveElement {
  #conflicts = [];
  #answers = [];
  #settle = null;
  #title = h("h2", { id: "conflict-title" });
  #name = h("p", { class: "which" });
  #there = h("dd");
  #yours = h("dd");
  #all = h("input", { type: "checkbox", id: "conflict-all" });
  #allWords = h("label", { for: "conflict-all" });
  #allRow = h("div", { class: "all" }, this.#all, this.#allWords);
  #form = h("form", { method: "dialog" });
  #dialog = h("dialog", { "aria-labelledby": "conflict-title" }, this.#form);

  build() {
    const choices = ANSWERS.map((value) =>
      h(
        "label",
        { class: "choice" },
        h("input", { type: "radio", name: "answer", value, checked: value === "keepBoth" }),
        h("span", {}, h("strong", {}, t(`uploads.${value}`)), h("small", {}, t(`uploads.${value}Help`))),
      ),
    );
    const nothing = h("button", { type: "button", onclick: () => this.#end(null) }, t("uploads.sendNothing"));
    const next = h("button", { type: "submit", class: "primary" }, t("uploads.goOn"));
    this.#form.append(
      this.#title,
      this.#name,
      h("dl", {}, h("dt", {}, t("uploads.there")), this.#there, h("dt", {}, t("uploads.yours")), this.#yours),
      h("fieldset", {}, h("legend", { class: "visually-hidden" }, t("uploads.conflict")), ...choices),
      this.#allRow,
      h("footer", {}, nothing, next),
    );
    this.append(this.#dialog);
  }

  connected() {
    this.listen(this.#form, "submit", (event) => this.#onSubmit(event));
    this.listen(this.#dialog, "cancel", () => this.#end(null));
  }

  /** @param {{item: object, stored: object}[]} conflicts @returns {Promise<string[] | null>} */
  ask(conflicts) {
    this.#conflicts = conflicts;
    this.#answers = [];
    this.#all.checked = false;
    this.update();
    this.#dialog.showModal();
    return new Promise((resolve) => (this.#settle = resolve));
  }

  update() {
    const conflict = this.#conflicts[this.#answers.length];
    if (conflict === undefined) return;
    const { item, stored } = conflict;
    const left = this.#conflicts.length - this.#answers.length - 1;
    const title = this.#conflicts.length === 1 ? t("uploads.conflict") : t("uploads.conflicts", { n: this.#conflicts.length });
    setText(this.#title, title);
    const folder = folderWords(item.folder);
    const { name } = item.file;
    setText(this.#name, folder ? t("uploads.conflictIn", { name, folder }) : t("uploads.conflictTop", { name }));
    setText(this.#there, `${bytes(stored.size)} · ${exactTime(stored.metadata?.lastModified ?? stored.updatedAt)}`);
    setText(this.#yours, `${bytes(item.file.size)} · ${exactTime(item.file.lastModified)}`);
    setText(this.#allWords, t("uploads.forAll", { n: left }));
    this.#allRow.hidden = left === 0;
  }

  #onSubmit(event) {
    event.preventDefault();
    const { value } = this.#form.elements.answer;
    const left = this.#conflicts.length - this.#answers.length;
    this.#answers.push(...Array(this.#all.checked ? left : 1).fill(value));
    if (this.#answers.length === this.#conflicts.length) this.#end(this.#answers);
    else this.update();
  }

  #end(answers) {
    if (this.#dialog.open) this.#dialog.close();
    this.#settle?.(answers);
    this.#settle = null;
  }
}

customElements.define("upload-conflicts", UploadConflicts);

let dialog = null;
/** Questions come one after the other. */
let last = Promise.resolve();

/** @param {{item: object, stored: object}[]} conflicts @returns {Promise<string[] | null>} */
export function ask(conflicts) {
  const answer = last.then(async () => {
    await loadStyle("elements/upload-conflicts.css");
    dialog ??= document.body.appendChild(h("upload-conflicts"));
    return dialog.ask(conflicts);
  });
  last = answer.catch(() => {});
  return answer;
}
