// Dialogs that ask, before something is made or cannot be undone. The browser's own <dialog> keeps the focus inside and
// gives it back.

import { t } from "../core/words.js";
import { h, icon, iconButton } from "./dom.js";
import { formError, send } from "./form.js";

let made = 0;

/**
 * @param {{title: string, text?: string, body?: Node[], verb: string, danger?: boolean,
 *          submit: (form: HTMLFormElement) => Promise<any>}} parts `submit` rejects with what is shown in the dialog
 * @returns {Promise<{answer: any} | null>} null when nothing was wanted
 */
export function ask({ title, text = "", body = [], verb, danger = false, submit }) {
  const id = `ask-${++made}`;
  const error = formError();
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, t("common.cancel"));
  const act = h("button", { type: "submit", class: danger ? "danger" : "primary" }, verb);
  const form = h(
    "form",
    { novalidate: true },
    h("header", {}, h("h2", { id }, title), closeButton(() => dialog.close())),
    text && h("p", { class: "lead", id: `${id}-text` }, text),
    ...body,
    error,
    h("footer", {}, cancel, act),
  );
  const dialog = h("dialog", { class: "ask", "aria-labelledby": id, "aria-describedby": text ? `${id}-text` : null }, form);
  let result = null;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const done = await send(form, async () => (result = { answer: await submit(form) }));
    if (done) dialog.close();
  });
  return opened(dialog, () => result, danger ? cancel : form.querySelector(".field input, .field select"));
}

/** Shows something that has only to be read or copied. @param {{title: string, body: Node[]}} parts */
export function tell({ title, text = "", body }) {
  const id = `ask-${++made}`;
  const done = h("button", { type: "button", class: "primary", onclick: () => dialog.close() }, t("pages.done"));
  const dialog = h(
    "dialog",
    { class: "ask", "aria-labelledby": id },
    h("header", {}, h("h2", { id }, title), closeButton(() => dialog.close())),
    text && h("p", { class: "lead" }, text),
    ...body,
    h("footer", {}, done),
  );
  return opened(dialog, () => null, dialog.querySelector(".copy"));
}

const closeButton = (close) => iconButton("cancel", t("common.close"), { onclick: close });

/** In the frame, so that it goes when the door is shown; and it belongs to the page that asked. */
function opened(dialog, result, first) {
  (document.querySelector("main") ?? document.body).append(dialog);
  addEventListener("hashchange", () => dialog.close(), { once: true });
  dialog.showModal();
  first?.focus();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(result());
    });
  });
}

/** A secret that is shown this once. @param {{label: string, value: string}} secret @param {HTMLElement} copy */
export const secretBox = ({ label, value }, copy) =>
  h("div", { class: "secret-box" }, icon("key"), h("code", { tabindex: 0, "aria-label": label }, value), copy);
