// <schema-form>: fields for a JSON Schema (core/schema.js says for which part of it), without a form around them.
//
// Properties: `schema`; `value`, what was answered, as parameters. Fields are called what the parameters are, so that
// form.js finds them for what the server says. `check()` answers whether all that must be is there, and goes to the first
// field that is not. Actions: "suggest" {kind, q}, as in id-field.

import { constantsOf, fieldsOf, parametersOf, variantsOf } from "../core/schema.js";
import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon } from "./dom.js";
import { choice, field, select, showWrong } from "./form.js";

/** What is wrong with a field; the browser's own sentence is in its language, not in the page's. */
function wrong({ validity, minLength, min, max }) {
  if (validity.valueMissing) return t("tasks.needed");
  if (validity.tooShort) return t("tasks.tooShort", { n: minLength });
  if (validity.rangeUnderflow) return t("tasks.tooSmall", { n: Number(min) });
  if (validity.rangeOverflow) return t("tasks.tooLarge", { n: Number(max) });
  return t("tasks.noValue");
}

export class SchemaForm extends DriveElement {
  #variants = [];
  #chosen = 0;
  #fields = [];
  /** By path: a field, how to read it, and whether something is missing. @type {Map<string, {control: Element, read: () => any, missing?: () => boolean}>} */
  #controls = new Map();
  #body = h("div", { class: "fields" });
  #choice = h("div", { class: "variant" });

  set schema(schema) {
    this.#variants = variantsOf(schema);
    this.#chosen = 0;
    if (this.isConnected) this.#updateChoice(); // fields ask for what they offer
  }

  get value() {
    if (this.#variants.length === 0) return {};
    return { ...constantsOf(this.#variants[this.#chosen].schema), ...parametersOf(this.#fields, this.#read(this.#fields, "")) };
  }

  build() {
    this.append(this.#choice, this.#body);
    if (this.#variants.length > 0) this.#updateChoice();
  }

  check() {
    for (const { control, missing } of this.#controls.values()) {
      if (!missing?.() && control.checkValidity()) continue;
      showWrong(control, missing?.() ? t("tasks.needed") : wrong(control));
      return false;
    }
    return true;
  }

  #updateChoice() {
    this.#updateFields();
    this.#choice.hidden = this.#variants.length < 2;
    if (this.#choice.hidden) return;
    const variants = select(this.#variants.map(({ title }, at) => [String(at), title]));
    variants.addEventListener("change", () => {
      this.#chosen = Number(variants.value);
      this.#updateFields();
    });
    this.#choice.replaceChildren(field({ label: t("tasks.whatToDo"), control: variants }));
  }

  #updateFields() {
    this.#controls.clear();
    this.#fields = fieldsOf(this.#variants[this.#chosen].schema);
    const first = this.#fields.filter(({ required, kind }) => required || ["ids", "id", "text", "enum"].includes(kind));
    const isLong = this.#fields.length > 6;
    const rest = isLong ? this.#fields.filter((field) => !first.slice(0, 4).includes(field)) : [];
    const shown = this.#fields.filter((field) => !rest.includes(field));
    const more = rest.length > 0 && h("details", {}, h("summary", {}, icon("chevron-right"), t("tasks.moreFields")), h("div", { class: "fields" }, ...rest.map((field) => this.#row(field, ""))));
    this.#body.replaceChildren(...shown.map((field) => this.#row(field, "")), ...(more ? [more] : []));
  }

  #row(one, prefix) {
    const name = prefix + one.name;
    const { title, kind, required } = one;
    if (kind === "object") {
      const inner = one.fields.map((below) => this.#row(below, `${name}.`));
      return h("fieldset", {}, h("legend", {}, title), h("div", { class: "fields" }, ...inner));
    }
    const made = this.#control(one);
    this.#controls.set(name, made);
    if (kind === "boolean") return choice(title, made.control);
    return field({ label: required ? title : [`${title} `, h("small", {}, t("tasks.optional"))], name, control: made.control, around: made.around });
  }

  #control({ kind, of, required, options, initial, minimum, maximum, minLength }) {
    if ((kind === "ids" || kind === "id") && (of === "file" || of === null)) {
      const around = Object.assign(h("id-field"), { multiple: kind === "ids" });
      return { control: around.control, around, read: () => around.value, missing: () => required && around.isMissing };
    }
    if (kind === "id") return this.#places(of, required);
    if (kind === "enum") {
      const words = options.map((value) => [value, said(String(value))]);
      const control = select(required || initial !== undefined ? words : [["", "–"], ...words], initial, { required });
      return { control, read: () => control.value };
    }
    if (kind === "boolean") {
      const control = h("input", { type: "checkbox", checked: initial === true });
      return { control, read: () => control.checked };
    }
    const type = { number: "number", password: "password", date: "datetime-local" }[kind] ?? "text";
    const control = h("input", { type, required, min: minimum, max: maximum, minlength: minLength, value: initial, autocomplete: kind === "password" ? "new-password" : "off" });
    if (kind === "words") control.placeholder = t("tasks.wordsHint");
    return { control, read: () => control.value };
  }

  /** Pools and bundles are few: a list. */
  #places(kind, required) {
    const control = select([["", "–"]], "", { required });
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
