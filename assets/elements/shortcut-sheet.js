// <shortcut-sheet>: what the keys do, by "?".
//
// `show()`.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, iconButton } from "./dom.js";

const GROUPS = Object.freeze([
  ["keysMove", [["keyArrows", "↑ ↓ ← →"], ["keyOpen", "Enter"], ["keyUp", "Backspace"], ["keySearch", "/"], ["keyEnds", "Home End"]]],
  ["keysSelect", [["keySpace", "Space"], ["keyRange", "Shift ↑ ↓"], ["keyAll", "Ctrl A"], ["keyNone", "Esc"]]],
  ["keysChange", [["keyRename", "F2"], ["keyCopy", "Ctrl C"], ["keyCut", "Ctrl X"], ["keyPaste", "Ctrl V"], ["keyTrash", "Del"], ["keyMenu", "Shift F10"], ["keyHelp", "?"]]],
]);

export class ShortcutSheet extends DriveElement {
  #dialog = h("dialog", { class: "sheet keys", "aria-labelledby": "keys-title" });

  build() {
    const close = iconButton("cancel", t("common.close"), { onclick: () => this.#dialog.close() });
    const groups = GROUPS.map(([title, rows]) =>
      h("section", {}, h("h3", {}, t(`filetools.${title}`)), h("dl", {}, ...rows.flatMap(([word, keys]) => [h("dt", {}, t(`filetools.${word}`)), h("dd", {}, ...keys.split(" ").map((key) => h("kbd", {}, key)))]))),
    );
    this.#dialog.append(h("header", {}, h("h2", { id: "keys-title" }, t("filetools.keysTitle")), close), h("div", { class: "columns", tabindex: 0, role: "group", "aria-labelledby": "keys-title" }, ...groups));
    this.append(this.#dialog);
  }

  connected() {
    this.listen(this.#dialog, "click", ({ target }) => target === this.#dialog && this.#dialog.close());
  }

  show() {
    if (!this.#dialog.open) this.#dialog.showModal();
  }
}

customElements.define("shortcut-sheet", ShortcutSheet);
