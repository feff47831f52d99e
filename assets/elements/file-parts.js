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

/**
 * Enter and leaving it keep, Escape gives up. The part before the ending is marked, since that is what people change.
 * @param {{name: string, whole: boolean, done: (name: string | null) => void}} wish `whole`: there is no ending;
 *   `done` is told the new name, or null when it stays as it was
 */
export function nameField({ name, whole, done }) {
  const input = h("input", { class: "name-field", value: name, "aria-label": t("files.newName", { name }), spellcheck: "false", autocomplete: "off" });
  let isOver = false;
  const end = (answer) => {
    if (isOver) return;
    isOver = true;
    done(answer);
  };
  const settle = () => {
    const fault = nameFault(input.value);
    if (input.value === name) return end(null);
    input.setCustomValidity(fault ? t(`files.${fault}`) : "");
    if (input.reportValidity()) end(input.value);
  };
  input.addEventListener("input", () => input.setCustomValidity(""));
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" && !event.isComposing) settle();
    if (event.key === "Escape") end(null);
  });
  input.addEventListener("blur", () => (nameFault(input.value) ? end(null) : settle()));
  queueMicrotask(() => {
    input.focus({ preventScroll: true });
    input.setSelectionRange(0, whole ? name.length : splitName(name)[0].length);
  });
  return input;
}
