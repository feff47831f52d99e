// The links that somebody gave out, and their terms.

import "../elements/link-list.js";

export const tag = "link-list";
export const words = ["pages", "filetools", "links"];
export const styles = ["elements/link-list.css", "styles/forms.css", "elements/ask.css"];
