// Folders as paths: "/" is the top, others begin with a slash and end without one.

/** @param {string} folder @param {string} name */
export const join = (folder, name) => `${folder === "/" ? "" : folder}/${name}`;

/** The folder around one; the top has itself. @param {string} path */
export const parentOf = (path) => path.slice(0, path.lastIndexOf("/")) || "/";

/** @param {string} path */
export const baseOf = (path) => path.slice(path.lastIndexOf("/") + 1);

/** Is `path` the folder itself, or below it? */
export const isWithin = (path, folder) => folder === "/" || path === folder || path.startsWith(`${folder}/`);

/** Everything before the last dot of a name, and the rest: what renaming marks first. */
export function splitName(name) {
  const at = name.lastIndexOf(".");
  return at > 0 ? [name.slice(0, at), name.slice(at)] : [name, ""];
}

/** Why a name cannot be given, as a key of the words of "files"; null when it can. @param {string} name */
export function nameFault(name) {
  if (name.trim() === "") return "nameMissing";
  if (/[/\\]/.test(name) || name === "." || name === "..") return "nameSlash";
  return new TextEncoder().encode(name).length > 255 ? "nameLong" : null;
}
