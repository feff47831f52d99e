// What may be done with the chosen rows: in a place, by a role, with files of their kinds. Menus and bars show this list.

import { isFolder } from "./listing.js";

const ARCHIVE = /^application\/(zip|gzip|zstd|x-(tar|gtar|7z-compressed|xz|bzip2|gzip|zstd))|\.(zip|7z|tar|tgz|gz|bz2|xz|zst)$/;
const PICTURES = ["png", "jpg", "webp", "gif", "bmp", "tiff", "ico"];

/** What each verb looks like. `key` is the shortcut that is shown beside it. */
const VERBS = Object.freeze({
  open: { glyph: "eye", key: "Enter" },
  download: { glyph: "download" },
  share: { glyph: "link" },
  rename: { glyph: "edit", key: "F2" },
  move: { glyph: "move" },
  copy: { glyph: "copy" },
  tag: { glyph: "tag" },
  compress: { glyph: "archive" },
  extract: { glyph: "extract" },
  convert: { glyph: "convert" },
  encrypt: { glyph: "lock" },
  decrypt: { glyph: "unlock" },
  pool: { glyph: "pool" },
  details: { glyph: "info" },
  trash: { glyph: "trash", key: "Del" },
  restore: { glyph: "undo" },
  purge: { glyph: "trash" },
});

/** Formats that a file can be converted to. @param {{name: string, contentType: string}} file */
export function conversionsOf({ name = "", contentType = "" }) {
  const type = contentType.split(";")[0];
  if (/^image\/(png|jpeg|webp|gif|bmp|tiff|x-icon|vnd\.microsoft\.icon)$/.test(type)) return PICTURES;
  if (/csv|json/.test(type) || /\.(csv|json|ndjson)$/i.test(name)) return ["csv", "json", "ndjson"];
  if (/markdown/.test(type) || /\.md$/i.test(name)) return ["html"];
  return isArchive({ name, contentType }) ? ["zip", "tar.gz", "tar.zst"] : [];
}

export const isArchive = ({ name = "", contentType = "" }) => ARCHIVE.test(contentType.split(";")[0]) || ARCHIVE.test(name.toLowerCase());

/**
 * @param {object[]} items the chosen rows
 * @param {{mode: "files" | "recent" | "trash", role: string, pools?: number}} where
 * @returns {{verb: string, glyph: string, key?: string, danger: boolean, group: number}[]} in the order of menus
 */
export function actionsFor(items, { mode, role, pools = 1 }) {
  if (items.length === 0) return [];
  const mayChange = role !== "guest";
  const one = items.length === 1 ? items[0] : null;
  const files = items.filter((item) => !isFolder(item));
  const onlyFiles = files.length === items.length;
  const allow = (test) => mayChange && test;
  const groups =
    mode === "trash"
      ? [{ details: one && onlyFiles }, { restore: mayChange, purge: mayChange }]
      : [
          { open: one !== null, download: true, share: mayChange },
          { rename: allow(one), move: mayChange, copy: mayChange, tag: allow(onlyFiles), pool: allow(onlyFiles && pools > 1) },
          {
            compress: mayChange,
            extract: allow(onlyFiles && files.every((file) => isArchive(file) && !file.isEncrypted)),
            convert: allow(onlyFiles && sharedConversions(files).length > 0),
            encrypt: allow(onlyFiles && files.every((file) => !file.isEncrypted)),
            decrypt: allow(onlyFiles && files.every((file) => file.isEncrypted)),
          },
          { details: one !== null, trash: mayChange },
        ];
  return groups.flatMap((verbs, group) =>
    Object.entries(verbs)
      .filter(([, may]) => may)
      .map(([verb]) => ({ verb, ...VERBS[verb], danger: verb === "trash" || verb === "purge", group })),
  );
}

/** What may be done where no row is. @param {{holds: boolean}} where whether there is something to paste */
export const placeActions = ({ holds }) =>
  [holds && { verb: "paste", glyph: "copy", key: "Ctrl V", group: 0 }, { verb: "newFolder", glyph: "new-folder", group: 1 }, { verb: "upload", glyph: "upload", group: 1 }].filter(Boolean);

/** Formats that all of the files can be converted to. */
export function sharedConversions(files) {
  if (files.some((file) => file.isEncrypted)) return [];
  const [first = [], ...others] = files.map(conversionsOf);
  return first.filter((format) => others.every((formats) => formats.includes(format)));
}
