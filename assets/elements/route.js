// Places as addresses: "#/files", "#/files/Photos/2026", "#/tasks", and the one-time "#setup=CODE" and
// "#signin-error=CODE". In the fragment, so that the server knows one page only.

/** @param {string} folder @returns {string} */
export const folderHref = (folder) =>
  ["#/files", ...folder.split("/").filter(Boolean).map(encodeURIComponent)].join("/");

/**
 * @param {string} fragment
 * @returns {{view: "files" | "tasks", folder: string, code: string | null, refusal: string | null}} `code` of the
 *   set-up, and why signing in elsewhere failed
 */
export function parseRoute(fragment) {
  const code = /^#setup=([^&]+)$/.exec(fragment)?.[1] ?? null;
  const refusal = /^#signin-error=([A-Z_]+)$/.exec(fragment)?.[1] ?? null;
  const [view, ...parts] = fragment.replace(/^#\/?/, "").split("/");
  if (view === "tasks") return { view, folder: "/", code, refusal };
  const folder = view === "files" ? parts.filter(Boolean).map(decoded) : [];
  return { view: "files", folder: `/${folder.join("/")}`, code, refusal };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a per cent sign somebody typed
  }
}
