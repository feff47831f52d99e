// The dialogs and menus of the places that list files. The first view does without them; they come when it stands.

import "../elements/ask-dialog.js";
import "../elements/conflict-dialog.js";
import "../elements/context-menu.js";
import "../elements/details-panel.js";
import "../elements/operation-dialog.js";
import "../elements/place-picker.js";
import "../elements/preview-dialog.js";
import "../elements/share-dialog.js";
import "../elements/shortcut-sheet.js";

export const words = ["filetools", "preview"];
export const styles = [
  "elements/context-menu.css",
  "elements/details-panel.css",
  "elements/place-picker.css",
  "elements/preview-dialog.css",
  "styles/dialogs.css",
];
