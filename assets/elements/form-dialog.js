// What the dialogs share: a title, a form, an error in place, two buttons. Escape and "Cancel" answer null.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, setText } from "./dom.js";

export class FormDialog extends DriveElement {
  #answer = null;
  #resolve = () => {};
  #work = async () => true;
  #titleId = `title-${crypto.randomUUID?.() ?? Math.random().toString(36).slice(2)}`;
  #title = h("h2", { id: this.#titleId });
  #body = h("div", { class: "fields" });
  #problemText = h("span");
  #problem = h("p", { class: "error", role: "alert", hidden: true }, icon("warning"), this.#problemText);
  #cancel = h("button", { type: "button", onclick: () => this.dialog.close() }, t("common.cancel"));
  #submit = h("button", { type: "submit", class: "primary" });
  #extra = h("span", { class: "extra" });
  #form = h("form", { method: "dialog", novalidate: false }, this.#title, this.#body, this.#problem, h("footer", {}, this.#extra, this.#cancel, this.#submit));
  dialog = h("dialog", { class: "sheet", "aria-labelledby": this.#titleId }, this.#form);

  build() {
    this.append(this.dialog);
  }

  connected() {
    this.listen(this.#form, "submit", (event) => this.#onSubmit(event));
    this.listen(this.dialog, "close", () => {
      this.#body.replaceChildren(); // a password must not stay in the page
      this.#resolve(this.#answer);
    });
    this.listen(this.dialog, "click", (event) => event.target === this.dialog && this.dialog.close());
  }

  /**
   * @param {{title: string, fields: Node[], submit: string, danger?: boolean, isOver?: boolean, extra?: Node[],
   *   work: () => Promise<any>}} wish `isOver`: there is nothing to cancel any more; `work` is done while the dialog stands; its failure is shown in it, its answer is the dialog's
   * @returns {Promise<any>}
   */
  openForm({ title, fields, submit, danger = false, isOver = false, extra = [], work }) {
    setText(this.#title, title);
    setText(this.#submit, submit);
    this.#submit.classList.toggle("danger", danger);
    this.#cancel.hidden = isOver;
    this.#extra.replaceChildren(...extra);
    this.#body.replaceChildren(...fields);
    this.#work = work;
    this.#answer = null;
    this.#busy(false);
    this.complain(null);
    this.dialog.showModal();
    (this.#body.querySelector("[autofocus], input:not([type=checkbox]), select, textarea") ?? this.#submit).focus();
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  /** @param {string | null} text */
  complain(text) {
    setText(this.#problemText, text ?? "");
    this.#problem.hidden = text === null;
  }

  close(answer) {
    this.#answer = answer;
    this.dialog.close();
  }

  #busy(isBusy) {
    this.#submit.disabled = isBusy;
    this.#form.toggleAttribute("data-busy", isBusy);
  }

  async #onSubmit(event) {
    event.preventDefault();
    this.complain(null);
    this.#busy(true);
    try {
      const answer = await this.#work();
      if (answer !== undefined) this.close(answer ?? true);
    } catch (problem) {
      this.complain(problem.message);
    } finally {
      this.#busy(false);
    }
  }
}

let fields = 0;

/**
 * A label above its control, with a hint below; `around` is what holds the control, where something does.
 * @param {string} word @param {HTMLElement} control @param {string} [hint] @param {HTMLElement} [around]
 */
export function field(word, control, hint = "", around = control) {
  control.id ||= `field-${++fields}`;
  const note = hint ? h("p", { class: "hint", id: `${control.id}-hint` }, hint) : null;
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("div", { class: "field" }, h("label", { for: control.id }, word), around, note);
}

/** A box with its words behind it. */
export const choice = (word, control, hint = "") =>
  h("label", { class: "choice" }, control, h("span", {}, word, hint ? h("small", {}, hint) : null));

/** A password that can be looked at while it is typed. @returns {{node: HTMLElement, input: HTMLInputElement}} */
export function passwordField(attributes = {}) {
  const input = h("input", { type: "password", autocomplete: "new-password", spellcheck: "false", ...attributes });
  const show = h("button", { type: "button", class: "plain-button small", "aria-pressed": "false" }, t("filetools.show"));
  show.addEventListener("click", () => {
    const isShown = input.type === "password";
    input.type = isShown ? "text" : "password";
    show.setAttribute("aria-pressed", String(isShown));
    setText(show, t(isShown ? "filetools.hide" : "filetools.show"));
  });
  return { input, node: h("div", { class: "password" }, input, show) };
}
