// The links that somebody gave out, and their terms.

import "../elements/ask-dialog.js";
import "../elements/link-list.js";
import "../elements/share-dialog.js";

export const tag = "link-list";
export const words = ["filetools", "links"];
export const styles = ["elements/link-list.css", "styles/dialogs.css"];
