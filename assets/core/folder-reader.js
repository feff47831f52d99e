// The files below a folder that was dropped, chosen or remembered, each with the place it has in it. Folders are read
// one after the other, so that ten thousand files do not ask all at once. What cannot be read is told, not left out.

import { join } from "./paths.js";
import { storable } from "./names.js";

/**
 * @typedef {{file: File, folder: string}} Found `folder` as the drive names it
 * @typedef {object} Reading
 * @property {Found[]} items
 * @property {{name: string, folder: string}[]} lost files and folders that this device does not let us read
 * @property {string[]} empty folders without files in them or below
 */

const below = (parent, name) => join(parent, storable(name));

/**
 * What was dropped.
 * @param {FileSystemEntry} entry @param {string} parent @param {(count: number) => void} [onFound] how many so far
 * @returns {Promise<Reading>}
 */
export async function filesOfEntry(entry, parent, onFound = () => {}) {
  const reading = { items: [], lost: [], empty: [] };
  const open = [{ entry, parent }];
  const take = async (child, folder) => {
    const file = await new Promise((resolve) => child.file(resolve, () => resolve(null)));
    if (file) reading.items.push({ file, folder });
    else reading.lost.push({ name: child.name, folder });
  };
  while (open.length > 0) {
    const { entry: next, parent: folder } = open.shift();
    const { children, isWhole } = await childrenOf(next);
    const inside = below(folder, next.name);
    if (!isWhole) reading.lost.push({ name: next.name, folder });
    else if (children.length === 0) reading.empty.push(inside);
    await Promise.all(children.filter(({ isFile }) => isFile).map((child) => take(child, inside)));
    open.unshift(...children.filter(({ isFile }) => !isFile).map((child) => ({ entry: child, parent: inside })));
    onFound(reading.items.length);
  }
  return reading;
}

/** A reader answers in portions of a hundred, and with an empty one at the end. */
async function childrenOf(folder) {
  const reader = folder.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve(null)));
    if (some === null) return { children, isWhole: false };
    if (some.length === 0) return { children, isWhole: true };
    children.push(...some);
  }
}

/**
 * What the browser still lets us open.
 * @param {FileSystemDirectoryHandle} handle @param {string} parent
 * @returns {Promise<Reading>}
 */
export async function filesOfHandle(handle, parent) {
  const reading = { items: [], lost: [], empty: [] };
  const folder = below(parent, handle.name);
  let isEmpty = true;
  try {
    for await (const child of handle.values()) {
      isEmpty = false;
      if (child.kind === "directory") {
        const { items, lost, empty } = await filesOfHandle(child, folder);
        reading.items.push(...items);
        reading.lost.push(...lost);
        reading.empty.push(...empty);
        continue;
      }
      const file = await child.getFile().catch(() => null);
      if (file) reading.items.push({ file, folder });
      else reading.lost.push({ name: child.name, folder });
    }
    if (isEmpty) reading.empty.push(folder);
  } catch {
    reading.lost.push({ name: handle.name, folder: parent });
  }
  return reading;
}

/**
 * What a field for folders gives: a flat list whose files know their path. It knows nothing of folders without files.
 * @param {Iterable<File>} files @param {string} parent
 * @returns {{name: string, items: Found[]}} the folder's name
 */
export function filesOfPicker(files, parent) {
  let name = "";
  const items = [...files].map((file) => {
    const parts = file.webkitRelativePath.split("/").slice(0, -1);
    name ||= parts[0] ?? "";
    return { file, folder: parts.reduce(below, parent) };
  });
  return { name, items };
}
