// What rows and tiles share: a file's sign and word, where its name leads, and the field that takes the name's place
// while it is changed.

import { contentUrl } from "../core/api.js";
import { kindOf } from "../core/format.js";
import { isFolder } from "../core/listing.js";
import { nameFault, splitName } from "../core/paths.js";
import { t } from "../core/words.js";
import { h, setAttribute } from "./dom.js";
import { folderHref } from "./route.js";

export const kindWord = (glyph) => t(`common.${glyph}`);
export const glyphOf = (item) => (isFolder(item) ? "folder" : kindOf(item.contentType).icon);

/** Where a row's name leads: into the folder, or to the bytes; nowhere in the trash. */
export function aimLink(link, item, mode) {
  const href = isFolder(item) ? folderHref(item.path) : mode === "trash" ? null : contentUrl(item.id);
  setAttribute(link, "href", href);
  setAttribute(link, "role", href === null ? "button" : null);
  setAttribute(link, "download", href === null || isFolder(item) ? null : item.name);
  setAttribute(link, "title", item.name);
}

/** While a row loads there is nothing to see, but the focus can be on it. Else its link is as any other. */
export function holdFocus(link, isLoading) {
  link.style.setProperty("visibility", isLoading ? "visible" : "");
  setAttribute(link, "aria-disabled", isLoading ? "true" : null);
  setAttribute(link, "aria-label", isLoading ? t("common.loading") : null);
  if (isLoading) setAttribute(link, "role", "button");
}

/**
 * Enter and leaving it by pointer or Tab keep, Escape gives up; what else takes the focus changes nothing. The part before
 * the ending is marked, since that is what people change.
 * @param {{name: string, whole: boolean, done: (name: string | null) => void}} wish `whole`: there is no ending;
 *   `done` is told the new name, or null when it stays as it was
 */
export function nameField({ name, whole, done }) {
  const input = h("input", { class: "name-field", value: name, "aria-label": t("files.newName", { name }), spellcheck: "false", autocomplete: "off" });
  const watch = new AbortController();
  let leaves = false;
  const end = (answer) => {
    if (watch.signal.aborted) return;
    watch.abort();
    done(answer);
  };
  const settle = () => {
    const wanted = input.value.trim();
    const fault = nameFault(wanted);
    if (wanted === name) return end(null);
    input.setCustomValidity(fault ? t(`files.${fault}`) : "");
    if (input.reportValidity()) end(wanted);
  };
  const on = (target, type, listener, capture = false) => target.addEventListener(type, listener, { signal: watch.signal, capture });
  on(document, "pointerdown", ({ target }) => {
    if (!input.isConnected) return watch.abort();
    leaves = target !== input;
    if (leaves && document.activeElement !== input) leave();
  }, true);
  on(input, "input", () => input.setCustomValidity(""));
  on(input, "keydown", (event) => {
    event.stopPropagation();
    leaves = event.key === "Tab";
    if (event.isComposing) return; // the key is the input method's
    if (event.key === "Enter") settle();
    if (event.key === "Escape") end(null);
  });
  const leave = () => (nameFault(input.value.trim()) ? end(null) : settle());
  on(input, "blur", () => leaves && leave());
  queueMicrotask(() => {
    input.focus({ preventScroll: true });
    input.setSelectionRange(0, whole ? name.length : splitName(name)[0].length);
  });
  return input;
}
