// Parts of forms: fields with their label, help and error; values out, problems in.

import { t } from "../core/words.js";
import { h, icon, setAttribute, setText } from "./dom.js";

let made = 0;

/**
 * A labelled control. `name` is what the server calls the value, so that its error finds the field.
 * @param {{label: string, name: string, help?: string, control?: HTMLElement}} parts and attributes of the control
 */
export function field({ label, name, help = "", control, ...attributes }) {
  const id = `field-${++made}`;
  const input = control ?? h("input", { type: "text", autocomplete: "off", ...attributes });
  const describedBy = `${help ? `${id}-help ` : ""}${id}-error`;
  for (const [key, value] of Object.entries({ id, name, "aria-describedby": describedBy })) setAttribute(input, key, value);
  input.addEventListener("input", () => forgive(input)); // what was wrong is being mended
  return h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
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

/** Boxes to check under one heading. @param {{legend: string, name: string, help?: string, options: [string, string, boolean][]}} parts */
export function checks({ legend, name, help = "", options }) {
  const id = `field-${++made}`;
  const boxes = options.map(([value, word, checked]) =>
    h("label", { class: "check" }, h("input", { type: "checkbox", name, value, checked }), h("span", {}, word)),
  );
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
  const named = problem.details?.field;
  const input = named && [...form.elements].find(({ name }) => name === named);
  const wrapper = input?.closest(".field");
  if (!wrapper) return showSentence(form.querySelector(".error"), problem.message);
  const error = wrapper.querySelector(".field-error");
  error.replaceChildren(icon("warning"), h("span", {}, sentence(problem, named)));
  error.hidden = false;
  input.setAttribute("aria-invalid", "true");
  input.focus();
  input.select?.();
}

/** The server begins its sentences with the field's name, which the label tells already. */
function sentence({ message }, named) {
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
