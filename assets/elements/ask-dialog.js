// <ask-dialog>: the short questions: a name, tags, and whether something is really meant.
//
// `name({ title, taken, work })`, `tags({ items, work })`, `confirm({ kind, items, work })` and `password({ item, work })`
// answer null when cancelled.

import { nameFault } from "../core/paths.js";
import { t } from "../core/words.js";
import { h, icon } from "./dom.js";
import { field, FormDialog, passwordField } from "./form-dialog.js";

export class AskDialog extends FormDialog {
  /** @returns {Promise<string | null>} */
  name({ title, taken, work }) {
    const input = h("input", { autocomplete: "off", spellcheck: "false", maxlength: 255, required: true });
    const names = new Set(taken.map((name) => name.toLocaleLowerCase()));
    return this.openForm({
      title,
      fields: [field(t("files.name"), input)],
      submit: t("filetools.create"),
      work: async () => {
        const fault = nameFault(input.value);
        if (fault) throw new Error(t(`files.${fault}`));
        if (names.has(input.value.toLocaleLowerCase())) throw new Error(t("filetools.folderThere", { name: input.value }));
        await work(input.value);
        return input.value;
      },
    });
  }

  confirm({ kind, items = [], total = items.length, work }) {
    const words = { n: total, what: items[0]?.name ?? "" };
    const [title, text] = kind === "empty" ? ["filetools.emptyTitle", "filetools.emptyText"] : kind === "link" ? ["filetools.linkTitle", "filetools.linkText"] : ["filetools.purgeTitle", "filetools.purgeText"];
    return this.openForm({
      title: t(title, words),
      fields: [h("p", {}, t(text, words))],
      submit: t(kind === "link" ? "filetools.linkRemove" : "files.purge"),
      danger: true,
      work: async () => ((await work()), true),
    });
  }

  /** The password of an encrypted file; answers what `work` made of it. */
  password({ item, work }) {
    const { input, node } = passwordField({ autocomplete: "off", required: true });
    return this.openForm({
      title: t("filetools.unlockTitle", { name: item.name }),
      fields: [field(t("filetools.p_password"), input, t("filetools.unlockHint"), node)],
      submit: t("files.open"),
      work: () => work(input.value),
    });
  }

  /** Tags that all have in common can be taken away, new ones are given to all. */
  tags({ items, work }) {
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
    return this.openForm({
      title: t("filetools.tagsOf", { n: items.length, what: items[0].name }),
      fields: [chips, field(t("filetools.newTag"), input, t("filetools.tagHint"))],
      submit: t("filetools.save"),
      work: async () => {
        add();
        const tags = [...now];
        const change = { add: tags.filter((tag) => !shared.includes(tag)), remove: shared.filter((tag) => !now.has(tag)) };
        if (change.add.length + change.remove.length > 0) await work({ tags, ...change });
        return true;
      },
    });
  }
}

customElements.define("ask-dialog", AskDialog);
