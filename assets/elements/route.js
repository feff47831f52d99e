// Places as addresses: "#/files", "#/files/Photos/2026", "#/files/Photos?q=boats", "#/tasks", "#/settings/sign-in",
// "#task=ID" of notifications, and the one-time "#setup=CODE" and "#signin-error=CODE". In the fragment, so that the
// server knows one page only.

import { VIEWS } from "../views/index.js";

/** @param {string} folder @returns {string} */
export const folderHref = (folder) =>
  ["#/files", ...folder.split("/").filter(Boolean).map(encodeURIComponent)].join("/");

/** The results of a search below a folder; without words, the folder. @param {string} folder @param {string} q */
export const searchHref = (folder, q) => folderHref(folder) + (q === "" ? "" : `?q=${encodeURIComponent(q)}`);

/** What a place's address says of it behind "?". @param {string} fragment @returns {Record<string, string>} */
export const filtersOf = (fragment) => Object.fromEntries(new URLSearchParams(fragment.split("?")[1] ?? ""));

/** Lets the address of the place that is shown say so, for reload and Back. @param {string} path @param {Record<string, string>} filters */
export function keepFilters(path, filters) {
  if (parseRoute(location.hash).view !== path.split("/")[1]) return; // somebody went on meanwhile
  const query = new URLSearchParams(filters).toString();
  history.replaceState(history.state, "", query === "" ? path : `${path}?${query}`);
}

/** Whether a key is meant for a field, a dialog or an open menu, and not for the page. @param {KeyboardEvent} event */
export const isTyping = ({ target, isComposing }) =>
  isComposing || target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], dialog, [popover]") != null || document.querySelector("dialog[open]") !== null;

/**
 * @param {string} fragment
 * @returns {{view: string, folder: string, q: string, rest: string[], code: string | null, refusal: string | null}} `rest`
 *   is what stands behind the place's name, `q` what is searched for; `code` of the set-up, and why signing in elsewhere failed
 */
export function parseRoute(fragment) {
  const code = /^#setup=([^&]+)$/.exec(fragment)?.[1] ?? null;
  const refusal = /^#signin-error=([A-Z_]+)$/.exec(fragment)?.[1] ?? null;
  const task = /^#task=([\w-]+)$/.exec(fragment)?.[1];
  if (task) return { view: "tasks", folder: "/", q: "", rest: [task], code, refusal };
  const [path, search = ""] = fragment.replace(/^#\/?/, "").split("?");
  const q = new URLSearchParams(search).get("q") ?? "";
  const [name, ...parts] = path.split("/");
  const rest = parts.filter(Boolean).map(decoded);
  const isKnown = name !== "files" && VIEWS.some(({ view }) => view === name);
  if (isKnown) return { view: name, folder: "/", q: "", rest, code, refusal };
  const folder = name === "files" ? rest : [];
  return { view: "files", folder: `/${folder.join("/")}`, q, rest: folder, code, refusal };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a per cent sign somebody typed
  }
}
