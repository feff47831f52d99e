// The short questions of the places that list files: a name, tags, a password, what becomes of names that are taken, and
// whether something is really meant. Each answers null where nothing is wanted.

import { bytes } from "../core/format.js";
import { isFolder, sizeOf } from "../core/listing.js";
import { baseOf, nameFault } from "../core/paths.js";
import { t } from "../core/words.js";
import { ask } from "./ask.js";
import { h, icon } from "./dom.js";
import { glyphOf } from "./file-parts.js";
import { choice, field, passwordField } from "./form.js";

const LISTED = 5;

/** @param {{title: string, taken: string[], work: (name: string) => Promise<any>}} wish @returns {Promise<string | null>} */
export function askName({ title, taken, work }) {
  const input = h("input", { autocomplete: "off", spellcheck: "false", maxlength: 255, required: true });
  const names = new Set(taken.map((name) => name.toLocaleLowerCase()));
  return ask({
    title,
    body: [field({ label: t("files.name"), control: input })],
    verb: t("filetools.create"),
    checked: true,
    submit: async () => {
      const name = input.value.trim();
      const fault = nameFault(name);
      if (fault) throw new Error(t(`files.${fault}`));
      if (names.has(name.toLocaleLowerCase())) throw new Error(t("filetools.folderThere", { name }));
      await work(name);
      return name;
    },
  });
}

/** @param {{items: object[], work: () => Promise<any>}} wish */
export function askPurge({ items, work }) {
  const words = { n: items.length, what: items[0].name };
  return ask({ title: t("filetools.purgeTitle", words), text: t("filetools.purgeText", words), verb: t("files.purge"), danger: true, submit: work });
}

/** @param {{total: number, work: () => Promise<any>}} wish */
export const askEmpty = ({ total, work }) =>
  ask({ title: t("filetools.emptyTitle"), text: t("filetools.emptyText", { n: total }), verb: t("files.purge"), danger: true, submit: work });

/** The password of an encrypted file; answers what `work` made of it. */
export function askPassword({ item, work }) {
  const { input, node } = passwordField({ autocomplete: "off", required: true });
  return ask({
    title: t("filetools.unlockTitle", { name: item.name }),
    body: [field({ label: t("filetools.password"), control: input, around: node, help: t("filetools.unlockHint") })],
    verb: t("files.open"),
    checked: true,
    submit: () => work(input.value),
  });
}

/** Names that are taken where rows are going. @returns {Promise<"keepBoth" | "replace" | null>} */
export function askConflict({ items, folder }) {
  const where = folder === "/" ? t("files.top") : baseOf(folder);
  const hasFolder = items.some(isFolder);
  const rows = items.slice(0, LISTED).map((item) => h("li", {}, icon(glyphOf(item)), h("span", {}, item.name), h("small", { class: "number" }, bytes(sizeOf(item)))));
  if (items.length > LISTED) rows.push(h("li", {}, h("small", {}, t("filetools.andMore", { n: items.length - LISTED }))));
  const radio = (value, checked) => h("input", { type: "radio", name: "conflict", value, checked });
  const both = radio("keepBoth", true);
  const choices = [choice(t(hasFolder ? "filetools.merge" : "filetools.keepBoth"), both, t(hasFolder ? "filetools.mergeHint" : "filetools.keepBothHint"))];
  if (!hasFolder) choices.push(choice(t("filetools.replace"), radio("replace", false), t("filetools.replaceHint")));
  return ask({
    title: t("filetools.conflictTitle", { n: items.length, what: items[0].name, where }),
    body: [h("ul", { class: "names" }, ...rows), h("fieldset", {}, h("legend", { class: "visually-hidden" }, t("filetools.conflictChoice")), ...choices)],
    verb: t("filetools.continue"),
    submit: async () => (both.checked ? "keepBoth" : "replace"),
  });
}

/** Tags that all have in common can be taken away, new ones are given to all. */
export function askTags({ items, work }) {
  const shared = (items[0].tags ?? []).filter((tag) => items.every((item) => item.tags?.includes(tag)));
  const now = new Set(shared);
  const chips = h("ul", { class: "chips" });
  const input = h("input", { autocomplete: "off", maxlength: 64 });
  const draw = () =>
    chips.replaceChildren(
      ...[...now].map((tag) => {
        const remove = () => (now.delete(tag), draw(), input.focus());
        return h("li", {}, tag, h("button", { type: "button", class: "plain-button", "aria-label": t("filetools.removeTag", { tag }), onclick: remove }, icon("cancel")));
      }),
    );
  const add = () => {
    for (const tag of input.value.split(",").map((word) => word.trim()).filter(Boolean)) now.add(tag);
    input.value = "";
    draw();
  };
  input.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" && input.value.trim() !== "") || event.key === ",") {
      event.preventDefault();
      add();
    }
    if (event.key === "Backspace" && input.value === "") {
      now.delete([...now].at(-1));
      draw();
    }
  });
  draw();
  return ask({
    title: t("filetools.tagsOf", { n: items.length, what: items[0].name }),
    body: [chips, field({ label: t("filetools.newTag"), control: input, help: t("filetools.tagHint") })],
    verb: t("pages.save"),
    submit: async () => {
      add();
      const tags = [...now];
      const change = { add: tags.filter((tag) => !shared.includes(tag)), remove: shared.filter((tag) => !now.has(tag)) };
      if (change.add.length + change.remove.length > 0) await work({ tags, ...change });
    },
  });
}
