// The dialog that asks, before something is made, changed or cannot be undone; and that tells what has only to be read.
// The browser's own <dialog> keeps the focus inside and gives it back. Escape, the cross, "Cancel" and a click beside it
// mean no.

import { t } from "../core/words.js";
import { h, icon, iconButton } from "./dom.js";
import { formError, send } from "./form.js";

let made = 0;

/**
 * @param {{title: string, text?: string, body?: Node[], verb: string, danger?: boolean, extra?: Node[], checked?: boolean,
 *          submit: (form: HTMLFormElement) => Promise<any>}} parts `extra` stands before the buttons; `checked`: the
 *          browser looks at the fields first; `submit` rejects with what is shown in the dialog, or answers false to leave it
 * @returns {Promise<any>} null when nothing was wanted, else what `submit` answered, or true
 */
export function ask({ title, text = "", body = [], verb, danger = false, extra = [], checked = false, submit }) {
  const cancel = h("button", { type: "button", onclick: () => form.parentElement.close() }, t("common.cancel"));
  const act = h("button", { type: "submit", class: danger ? "danger" : "primary" }, verb);
  const form = h("form", { novalidate: !checked }, ...parts({ title, text, body }), formError(), h("footer", {}, ...extra, cancel, act));
  let result = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const done = await send(form, async () => (result = (await submit(form)) ?? true));
    if (done && result !== false) form.parentElement.close();
  });
  const first = () => form.querySelector(".body :is(input:not([type=checkbox], [hidden]), select, textarea)") ?? (danger ? cancel : act);
  return opened(h("dialog", { class: "ask" }, form), () => result || null, first);
}

/** Shows something that has only to be read or copied. @param {{title: string, text?: string, body: Node[], extra?: Node[], kind?: string}} parts */
export function tell({ title, text = "", body, extra = [], kind = "" }) {
  const done = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, t("pages.done"));
  const dialog = h("dialog", { class: `ask ${kind}` }, h("div", { class: "told" }, ...parts({ title, text, body }), h("footer", {}, ...extra, done)));
  return opened(dialog, () => null, () => dialog.querySelector(".copy") ?? done);
}

function* parts({ title, text, body }) {
  const id = `ask-${++made}`;
  const close = ({ currentTarget }) => currentTarget.closest("dialog").close();
  yield h("header", {}, h("h2", { id }, title), iconButton("cancel", t("common.close"), { onclick: close }));
  yield h("div", { class: "body" }, text && h("p", { class: "lead", id: `${id}-text` }, text), ...body);
}

/** In the frame, so that it goes when the door is shown; and it belongs to the page that asked. */
function opened(dialog, result, first) {
  dialog.setAttribute("aria-labelledby", dialog.querySelector("h2").id);
  const text = dialog.querySelector(".lead");
  if (text) dialog.setAttribute("aria-describedby", text.id);
  (document.querySelector("main") ?? document.body).append(dialog);
  addEventListener("hashchange", () => dialog.close(), { once: true });
  let pressed = null;
  dialog.addEventListener("pointerdown", ({ target }) => (pressed = target));
  dialog.addEventListener("click", ({ target }) => target === dialog && pressed === dialog && dialog.close());
  dialog.showModal();
  first().focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove(); // a password must not stay in the page
      resolve(result());
    });
  });
}

/** A secret that is shown this once. @param {{label: string, value: string}} secret @param {HTMLElement} copy */
export const secretBox = ({ label, value }, copy) =>
  h("div", { class: "secret-box" }, icon("key"), h("code", { tabindex: 0, "aria-label": label }, value), copy);
