// What the keys do, by "?".

import { t } from "../core/words.js";
import { tell } from "./ask.js";
import { h } from "./dom.js";

const GROUPS = Object.freeze([
  ["keysMove", [["keyArrows", "↑ ↓ ← →"], ["keyOpen", "Enter"], ["keyUp", "Backspace"], ["keySearch", "/"], ["keyEnds", "Home End"]]],
  ["keysSelect", [["keySpace", "Space"], ["keyRange", "Shift ↑ ↓"], ["keyAll", "Ctrl A"], ["keyNone", "Esc"]]],
  ["keysChange", [["keyRename", "F2"], ["keyCopy", "Ctrl C"], ["keyCut", "Ctrl X"], ["keyPaste", "Ctrl V"], ["keyTrash", "Del"], ["keyMenu", "Shift F10"], ["keyHelp", "?"]]],
]);

export function tellShortcuts() {
  const row = ([word, keys]) => [h("dt", {}, t(`filetools.${word}`)), h("dd", {}, ...keys.split(" ").map((key) => h("kbd", {}, key)))];
  const groups = GROUPS.map(([title, rows]) => h("section", {}, h("h3", {}, t(`filetools.${title}`)), h("dl", {}, ...rows.flatMap(row))));
  return tell({ title: t("filetools.keysTitle"), body: groups, kind: "keys" });
}
