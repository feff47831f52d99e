// The dialogs and menus of the places that list files, and what gives rows other places. The first view does without them;
// they come when it stands.

import "../elements/context-menu.js";
import "../elements/details-panel.js";
import "../elements/preview-dialog.js";
import "../core/file-moves.js"; // so that it is here when the line is down
import { askLink } from "../elements/ask-link.js";
import { askOperation } from "../elements/ask-operation.js";
import { askPlace } from "../elements/place-picker.js";
import { askConflict, askEmpty, askName, askPassword, askPurge, askTags } from "../elements/questions.js";
import { tellShortcuts } from "../elements/shortcuts.js";

export { FileCarry } from "../elements/file-carry.js";
export const words = ["pages", "filetools", "preview"];
export const styles = [
  "elements/context-menu.css",
  "elements/details-panel.css",
  "elements/place-picker.css",
  "elements/preview-dialog.css",
  "styles/forms.css",
  "elements/ask.css",
];

/** Each is asked with what it is about, and with how to act. */
export const questions = {
  conflict: askConflict,
  empty: askEmpty,
  link: askLink,
  name: askName,
  operation: askOperation,
  password: askPassword,
  place: askPlace,
  purge: askPurge,
  shortcuts: tellShortcuts,
  tags: askTags,
};
