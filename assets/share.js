// The page behind a link: what somebody shared, without an account. Makes the parts, ties them together, starts.

import "./elements/progress-bar.js";
import "./elements/preview-dialog.js";
import "./elements/share-inbox.js";
import "./elements/share-page.js";

import { createShare } from "./core/share.js";
import { loadSaid } from "./core/said.js";
import { language, loadWords, preferredLanguage, useLanguage } from "./core/words.js";

useLanguage(preferredLanguage());
document.documentElement.lang = language();
await loadWords("common", "share", "preview", "uploads");

const slug = decodeURIComponent(location.pathname.split("/").pop() ?? "");
const share = createShare({ slug, fetch: (...request) => fetch(...request) });
const page = document.createElement("share-page");

/** What each wish of the page does; the wish's answer is what this returns. */
const actions = {
  load: ({ offset }) => share.list(offset),
  unlock: ({ passcode }) => share.unlock(passcode),
  "read-text": ({ file }) => share.text(file),
  "read-whole": ({ file, signal }) => share.whole(file, signal),
  send: ({ file, signal, onProgress }) => share.send(file, { signal, onProgress }),
};

document.addEventListener("drive-action", (event) => {
  event.answer = actions[event.action]?.(event.detail);
});
document.body.append(page);
loadSaid(); // for what may go wrong while a file is sent
