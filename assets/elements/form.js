// Parts of forms: fields with their label, help and error; values out, problems in.

import { t } from "../core/words.js";
import { h, icon, setAttribute, setText } from "./dom.js";

let made = 0;

/**
 * A labelled control. `name` is what the server calls the value, so that its error finds the field; `around` is what
 * holds the control, where something does.
 * @param {{label: Node | string | (Node | string)[], name?: string, help?: string, control?: HTMLElement, around?: Node}} parts and
 *   attributes of the control
 */
export function field({ label, name, help = "", control, around, ...attributes }) {
  const id = `field-${++made}`;
  const input = control ?? h("input", { type: "text", autocomplete: "off", ...attributes });
  const describedBy = `${help ? `${id}-help ` : ""}${id}-error`;
  setAttribute(input, "id", id);
  setAttribute(input, "aria-describedby", describedBy);
  if (name !== undefined) setAttribute(input, "name", name);
  input.addEventListener("input", () => forgive(input)); // what was wrong is being mended
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, ...[label].flat()),
    around ?? input,
    help && h("p", { class: "help", id: `${id}-help` }, help),
    h("p", { class: "field-error", id: `${id}-error`, hidden: true }),
  );
}

/** @param {[string, string][]} options values and words @param {string} [chosen] */
export function select(options, chosen, attributes = {}) {
  return h(
    "select",
    attributes,
    ...options.map(([value, word]) => h("option", { value, selected: value === chosen }, word)),
  );
}

/** A box, or one of several, with its words behind it. @param {string} word @param {HTMLInputElement} control @param {string} [help] */
export const choice = (word, control, help = "") =>
  h("label", { class: "check" }, control, h("span", {}, word, help && h("small", {}, help)));

/** A password that can be looked at while it is typed. @returns {{node: HTMLElement, input: HTMLInputElement}} */
export function passwordField(attributes = {}) {
  const input = h("input", { type: "password", autocomplete: "new-password", spellcheck: "false", ...attributes });
  const show = h("button", { type: "button", class: "plain-button small", "aria-pressed": "false" }, t("pages.show"));
  show.addEventListener("click", () => {
    const isShown = input.type === "password";
    input.type = isShown ? "text" : "password";
    show.setAttribute("aria-pressed", String(isShown));
    setText(show, t(isShown ? "pages.hide" : "pages.show"));
  });
  return { input, node: h("div", { class: "password" }, input, show) };
}

/** Boxes to check under one heading. @param {{legend: string, name: string, help?: string, options: [string, string, boolean][]}} parts */
export function checks({ legend, name, help = "", options }) {
  const id = `field-${++made}`;
  const boxes = options.map(([value, word, checked]) => choice(word, h("input", { type: "checkbox", name, value, checked })));
  return h(
    "fieldset",
    { class: "field", "aria-describedby": `${id}-error` },
    h("legend", {}, legend),
    help && h("p", { class: "help" }, help),
    h("div", { class: "checks" }, ...boxes),
    h("p", { class: "field-error", id: `${id}-error`, hidden: true }),
  );
}

/** Where a form says what is wrong with no field of its own. */
export const formError = () => h("div", { class: "error", role: "alert", hidden: true });

/** What a form holds. Names in `lists` have several values. @param {HTMLFormElement} form */
export function valuesOf(form, lists = []) {
  const data = new FormData(form);
  const single = Object.fromEntries([...data].filter(([name]) => !lists.includes(name)));
  return { ...single, ...Object.fromEntries(lists.map((name) => [name, data.getAll(name)])) };
}

function forgive(input) {
  if (!input.hasAttribute("aria-invalid")) return;
  input.removeAttribute("aria-invalid");
  input.closest(".field").querySelector(".field-error").hidden = true;
}

export function clearProblem(form) {
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
  for (const error of form.querySelectorAll(".field-error, .error")) error.hidden = true;
}

/** Shows a problem at the field that the server named, else at the end of the form. @param {Error} problem */
export function showProblem(form, problem) {
  const named = problem.details?.field?.replace(/^parameters\.|\[\d+\]$/g, "");
  const input = named && [...form.elements].find(({ name }) => name === named);
  if (input?.closest(".field")) showWrong(input, sentence(problem));
  else showSentence(form.querySelector(".error"), problem.message);
}

/** Says at a field what is wrong with it, and goes there. @param {HTMLInputElement} input @param {string} text */
export function showWrong(input, text) {
  const error = input.closest(".field").querySelector(".field-error");
  error.replaceChildren(icon("warning"), h("span", {}, text));
  error.hidden = false;
  input.setAttribute("aria-invalid", "true");
  input.closest("details")?.setAttribute("open", "");
  input.focus();
  input.select?.();
}

/** The server begins its sentences with the field's name, which the label tells already. */
function sentence({ message, details: { field: named } }) {
  const rest = message.startsWith(`${named} `) ? message.slice(named.length + 1) : message;
  return rest === message ? message : t("pages.it", { rest });
}

export function showSentence(error, text) {
  error.replaceChildren(icon("warning"), h("span", {}, text));
  error.hidden = text === "";
}

/**
 * Sends a form: errors of before go, the button says that it is busy, a refusal is shown.
 * @param {HTMLFormElement} form @param {() => Promise<any>} work @returns {Promise<boolean>} whether it worked
 */
export async function send(form, work) {
  const button = form.querySelector("[type=submit]");
  if (button.getAttribute("aria-busy") === "true") return false;
  clearProblem(form);
  setAttribute(button, "aria-busy", "true");
  try {
    await work();
    return true;
  } catch (problem) {
    showProblem(form, problem);
    return false;
  } finally {
    setAttribute(button, "aria-busy", null);
  }
}

/** A button that copies a text and says so. @param {string} text @param {string} label */
export function copyButton(text, label, attributes = {}) {
  const word = h("span", {}, label);
  const said = h("span", { class: "visually-hidden", role: "status" });
  const button = h("button", { type: "button", class: "copy", ...attributes }, icon("copy"), word, said);
  button.addEventListener("click", async () => {
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    setText(word, t(copied ? "pages.copied" : "pages.copyFailed"));
    setText(said, word.textContent);
    setTimeout(() => (setText(word, label), setText(said, "")), 2500);
  });
  return button;
}

/** Gives a text as a file. @param {string} name @param {string} text @param {string} [type] */
export function saveText(name, text, type = "text/plain") {
  const href = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

/** The last day that a field of a date takes: four digits are a year. */
export const LAST_DAY = "9999-12-31";

/** A moment of a day here; a problem at the field when it is no day. @param {string} day @param {string} time @param {string} name */
export function momentOf(day, time, name) {
  const moment = new Date(`${day}T${time}`);
  if (!Number.isNaN(moment.getTime())) return moment.toISOString();
  throw Object.assign(new Error(t("pages.noDay")), { details: { field: name } });
}
