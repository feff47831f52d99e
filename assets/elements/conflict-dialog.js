// <conflict-dialog>: names that are taken where rows are going: keep both, replace, or leave them out.
//
// `ask({ items, folder })` answers "keepBoth", "replace", or null.

import { bytes } from "../core/format.js";
import { isFolder, sizeOf } from "../core/listing.js";
import { baseOf } from "../core/paths.js";
import { t } from "../core/words.js";
import { h, icon } from "./dom.js";
import { glyphOf } from "./file-parts.js";
import { choice, FormDialog } from "./form-dialog.js";

const LISTED = 5;

export class ConflictDialog extends FormDialog {
  /** @returns {Promise<"keepBoth" | "replace" | null>} */
  ask({ items, folder }) {
    const where = folder === "/" ? t("files.top") : baseOf(folder);
    const hasFolder = items.some(isFolder);
    const rows = items.slice(0, LISTED).map((item) => h("li", {}, icon(glyphOf(item)), h("span", {}, item.name), h("small", { class: "number" }, bytes(sizeOf(item)))));
    if (items.length > LISTED) rows.push(h("li", {}, h("small", {}, t("filetools.andMore", { n: items.length - LISTED }))));
    const radio = (value, checked) => h("input", { type: "radio", name: "conflict", value, checked });
    const both = radio("keepBoth", true);
    const choices = [choice(t(hasFolder ? "filetools.merge" : "filetools.keepBoth"), both, t(hasFolder ? "filetools.mergeHint" : "filetools.keepBothHint"))];
    if (!hasFolder) choices.push(choice(t("filetools.replace"), radio("replace", false), t("filetools.replaceHint")));
    const group = h("fieldset", {}, h("legend", { class: "visually-hidden" }, t("filetools.conflictChoice")), ...choices);
    return this.openForm({
      title: t("filetools.conflictTitle", { n: items.length, what: items[0].name, where }),
      fields: [h("ul", { class: "rows" }, ...rows), group],
      submit: t("filetools.continue"),
      work: async () => (both.checked ? "keepBoth" : "replace"),
    });
  }
}

customElements.define("conflict-dialog", ConflictDialog);
