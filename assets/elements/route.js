// Places as addresses: "#/files", "#/files/Photos/2026", "#/tasks", "#/settings/sign-in", "#task=ID" of notifications,
// and the one-time "#setup=CODE" and "#signin-error=CODE". In the fragment, so that the server knows one page only.

import { VIEWS } from "../views/index.js";

/** @param {string} folder @returns {string} */
export const folderHref = (folder) =>
  ["#/files", ...folder.split("/").filter(Boolean).map(encodeURIComponent)].join("/");

/**
 * @param {string} fragment
 * @returns {{view: string, folder: string, rest: string[], code: string | null, refusal: string | null}} `rest` is what
 *   stands behind the place's name; `code` of the set-up, and why signing in elsewhere failed
 */
export function parseRoute(fragment) {
  const code = /^#setup=([^&]+)$/.exec(fragment)?.[1] ?? null;
  const refusal = /^#signin-error=([A-Z_]+)$/.exec(fragment)?.[1] ?? null;
  const task = /^#task=([\w-]+)$/.exec(fragment)?.[1];
  if (task) return { view: "tasks", folder: "/", rest: [task], code, refusal };
  const [name, ...parts] = fragment.replace(/^#\/?/, "").split("/");
  const rest = parts.filter(Boolean).map(decoded);
  const isKnown = name !== "files" && VIEWS.some(({ view }) => view === name);
  if (isKnown) return { view: name, folder: "/", rest, code, refusal };
  const folder = name === "files" ? rest : [];
  return { view: "files", folder: `/${folder.join("/")}`, rest: folder, code, refusal };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a per cent sign somebody typed
  }
}
