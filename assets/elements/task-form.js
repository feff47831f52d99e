// <task-form>: a dialog that makes a task. Its types and their fields are what the server says it can do.
//
// `open()`. Actions: "ask-operations", "create-task" {type, name?, priority?, parameters}, and those of schema-form.

import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setText } from "./dom.js";

export class TaskForm extends DriveElement {
  #operations = [];
  #type = h("select", { id: "task-type", onchange: () => this.#updateType() });
  #name = h("input", { id: "task-name", maxlength: 200, autocomplete: "off" });
  #fields = h("schema-form");
  #error = h("div", { class: "error", role: "alert", hidden: true });
  #submit = h("button", { type: "submit", class: "primary" }, t("tasks.start"));
  #form = h("form", { novalidate: true, onsubmit: (event) => this.#onSubmit(event) });
  #dialog = h("dialog", { "aria-labelledby": "task-form-title" }, this.#form);

  build() {
    const close = () => this.#dialog.close();
    this.#form.append(
      h("header", {}, h("h2", { id: "task-form-title" }, t("tasks.new")), iconButton("cancel", t("common.close"), { onclick: close })),
      h(
        "div",
        { class: "body" },
        h("div", { class: "field" }, h("label", { for: "task-type" }, t("tasks.type")), this.#type),
        this.#fields,
        h("div", { class: "field" }, h("label", { for: "task-name" }, t("tasks.name"), h("small", {}, t("tasks.optional"))), this.#name),
        this.#error,
      ),
      h("footer", {}, h("button", { type: "button", onclick: close }, t("common.cancel")), this.#submit),
    );
    this.append(this.#dialog);
  }

  /** @param {string} [type] to begin with */
  async open(type) {
    this.#showError(null);
    this.#name.value = "";
    try {
      if (this.#operations.length === 0) await this.#load();
    } catch (problem) {
      this.#showError(problem.message);
    }
    if (type) this.#type.value = type;
    this.#updateType();
    this.#dialog.showModal();
  }

  async #load() {
    this.#operations = (await this.act("ask-operations")).filter(({ creatable }) => creatable);
    this.#type.replaceChildren(...this.#operations.map(({ type, title }) => h("option", { value: type }, said(title))));
  }

  #updateType() {
    const operation = this.#operations.find(({ type }) => type === this.#type.value);
    this.#submit.disabled = operation === undefined;
    if (operation) this.#fields.schema = operation.parameters;
    this.#showError(null);
  }

  async #onSubmit(event) {
    event.preventDefault();
    this.#showError(null);
    if (!this.#fields.check()) return;
    this.#submit.disabled = true;
    const name = this.#name.value.trim() || undefined;
    try {
      await this.act("create-task", { type: this.#type.value, name, parameters: this.#fields.value });
      this.#dialog.close();
    } catch (problem) {
      const { message, details } = problem;
      if (this.#fields.has(details?.field)) this.#fields.problem = { field: details.field, message };
      else this.#showError(message);
    } finally {
      this.#submit.disabled = false;
    }
  }

  #showError(sentence) {
    this.#error.hidden = sentence === null;
    this.#error.replaceChildren(icon("warning"), h("span", {}, sentence ?? ""));
    if (sentence === null) setText(this.#error, "");
  }
}

customElements.define("task-form", TaskForm);
