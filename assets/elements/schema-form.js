// <schema-form>: fields for a JSON Schema (core/schema.js says for which part of it), without a form around them.
//
// Properties: `schema`; `value`, what was answered, as parameters; `problem`: {field, message} shown at its field.
// `check()` answers whether all that must be is there, and goes to the first field that is not. Actions: "suggest"
// {kind, q}, as in id-field.

import { constantsOf, fieldsOf, parametersOf, variantsOf } from "../core/schema.js";
import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon } from "./dom.js";

let lastForm = 0;

export class SchemaForm extends DriveElement {
  #id = `form${++lastForm}`;
  #variants = [];
  #chosen = 0;
  #fields = [];
  /** By path: how to read a field, and where its error is shown. @type {Map<string, {control: Element, read: () => any, error: Element}>} */
  #controls = new Map();
  #body = h("div", { class: "fields" });
  #choice = h("div", { class: "field variant" });

  set schema(schema) {
    this.#variants = variantsOf(schema);
    this.#chosen = 0;
    this.#updateChoice();
    this.#updateFields();
  }

  get value() {
    if (this.#variants.length === 0) return {};
    return { ...constantsOf(this.#variants[this.#chosen].schema), ...parametersOf(this.#fields, this.#read(this.#fields, "")) };
  }

  set problem(problem) {
    for (const { error } of this.#controls.values()) error.hidden = true;
    if (problem === null) return;
    const path = problem.field?.replace(/^parameters\./, "").replace(/\[\d+\]$/, "");
    const found = this.#controls.get(path);
    if (found === undefined) return;
    found.error.replaceChildren(icon("warning"), h("span", {}, problem.message));
    found.error.hidden = false;
    found.control.closest("details")?.setAttribute("open", "");
    found.control.focus();
  }

  /** @param {string} [path] whether there is a field of this name */
  has(path) {
    return this.#controls.has(path?.replace(/^parameters\./, "").replace(/\[\d+\]$/, ""));
  }

  build() {
    this.append(this.#choice, this.#body);
  }

  check() {
    for (const [path, { control, missing }] of this.#controls) {
      const isWrong = missing?.() || (control.checkValidity && !control.checkValidity());
      if (!isWrong) continue;
      this.problem = { field: path, message: missing?.() ? t("tasks.needed") : control.validationMessage };
      return false;
    }
    this.problem = null;
    return true;
  }

  #updateChoice() {
    this.#choice.hidden = this.#variants.length < 2;
    if (this.#choice.hidden) return;
    const select = h("select", { id: `${this.#id}-variant` }, ...this.#variants.map(({ title }, at) => h("option", { value: at }, title)));
    select.addEventListener("change", () => {
      this.#chosen = Number(select.value);
      this.#updateFields();
    });
    this.#choice.replaceChildren(h("label", { for: select.id }, t("tasks.whatToDo")), select);
  }

  #updateFields() {
    this.#controls.clear();
    this.#fields = fieldsOf(this.#variants[this.#chosen].schema);
    const first = this.#fields.filter(({ required, kind }) => required || ["ids", "id", "text", "enum"].includes(kind));
    const isLong = this.#fields.length > 6;
    const rest = isLong ? this.#fields.filter((field) => !first.slice(0, 4).includes(field)) : [];
    const shown = this.#fields.filter((field) => !rest.includes(field));
    const more = rest.length > 0 && h("details", {}, h("summary", {}, t("tasks.moreFields")), h("div", { class: "fields" }, ...rest.map((field) => this.#row(field, ""))));
    this.#body.replaceChildren(...shown.map((field) => this.#row(field, "")), ...(more ? [more] : []));
  }

  #row(field, prefix) {
    const path = prefix + field.name;
    const id = `${this.#id}-${path.replaceAll(".", "-")}`;
    if (field.kind === "object") {
      const inner = field.fields.map((one) => this.#row(one, `${path}.`));
      return h("fieldset", {}, h("legend", {}, field.title), h("div", { class: "fields" }, ...inner));
    }
    const error = h("p", { class: "wrong", id: `${id}-error`, hidden: true, role: "alert" });
    const made = this.#control(field, id);
    made.control.setAttribute("aria-describedby", error.id);
    this.#controls.set(path, { ...made, error });
    const label = h("label", { for: id }, field.title, field.required ? "" : h("small", {}, t("tasks.optional")));
    if (field.kind === "boolean") return h("div", { class: "field check" }, made.control, h("label", { for: id }, field.title), error);
    return h("div", { class: "field" }, label, made.control, error);
  }

  #control(field, id) {
    const { kind, of, required, initial, minimum, maximum, minLength } = field;
    if ((kind === "ids" || kind === "id") && (of === "file" || of === null)) {
      const control = Object.assign(h("id-field"), { multiple: kind === "ids", fieldId: id });
      return { control, read: () => control.value, missing: () => required && control.isMissing };
    }
    if (kind === "id") return this.#places(of, id, required);
    if (kind === "enum") {
      const options = field.options.map((value) => h("option", { value, selected: value === initial }, said(String(value))));
      const control = h("select", { id, required }, ...(required || initial !== undefined ? options : [h("option", { value: "" }, "–"), ...options]));
      return { control, read: () => control.value };
    }
    if (kind === "boolean") {
      const control = h("input", { type: "checkbox", id, checked: initial === true });
      return { control, read: () => control.checked };
    }
    const type = { number: "number", password: "password", date: "datetime-local" }[kind] ?? "text";
    const control = h("input", { id, type, required, min: minimum, max: maximum, minlength: minLength, value: initial, autocomplete: kind === "password" ? "new-password" : "off" });
    if (kind === "words") control.placeholder = t("tasks.wordsHint");
    return { control, read: () => control.value };
  }

  /** Pools and bundles are few: a list. */
  #places(kind, id, required) {
    const control = h("select", { id, required }, h("option", { value: "" }, "–"));
    this.act("suggest", { kind })?.then(
      (found) => control.append(...found.map(({ value, label }) => h("option", { value }, label))),
      () => {},
    );
    return { control, read: () => control.value };
  }

  #read(fields, prefix) {
    return Object.fromEntries(
      fields.map((field) => {
        const path = prefix + field.name;
        return [field.name, field.kind === "object" ? this.#read(field.fields, `${path}.`) : this.#controls.get(path).read()];
      }),
    );
  }
}

customElements.define("schema-form", SchemaForm);
