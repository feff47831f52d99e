// The files below a folder that was dropped, chosen or remembered, each with the place it has in it. Folders are read
// one after the other, so that ten thousand files do not ask all at once.

/** @typedef {{file: File, folder: string}} Found `folder` as the drive names it */

const below = (parent, name) => `${parent === "/" ? "" : parent}/${name}`;

/**
 * What was dropped.
 * @param {FileSystemEntry} entry @param {string} parent @param {(count: number) => void} [onFound] how many so far
 * @returns {Promise<Found[]>}
 */
export async function filesOfEntry(entry, parent, onFound = () => {}) {
  const found = [];
  const open = [{ entry, parent }];
  while (open.length > 0) {
    const { entry: next, parent: folder } = open.shift();
    if (next.isFile) {
      await take(found, next, folder);
      continue;
    }
    const children = await childrenOf(next);
    const inside = below(folder, next.name);
    await Promise.all(children.filter(({ isFile }) => isFile).map((child) => take(found, child, inside)));
    open.unshift(...children.filter(({ isFile }) => !isFile).map((child) => ({ entry: child, parent: inside })));
    onFound(found.length);
  }
  return found;
}

async function take(found, entry, folder) {
  const file = await new Promise((resolve) => entry.file(resolve, () => resolve(null)));
  if (file) found.push({ file, folder });
}

/** A reader answers in portions of a hundred, and with an empty one at the end. */
async function childrenOf(folder) {
  const reader = folder.createReader();
  const children = [];
  for (;;) {
    const some = await new Promise((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (some.length === 0) return children;
    children.push(...some);
  }
}

/**
 * What the browser still lets us open.
 * @param {FileSystemDirectoryHandle} handle @param {string} parent
 * @returns {Promise<Found[]>}
 */
export async function filesOfHandle(handle, parent) {
  const found = [];
  const folder = below(parent, handle.name);
  for await (const child of handle.values()) {
    if (child.kind === "directory") found.push(...(await filesOfHandle(child, folder)));
    else found.push({ file: await child.getFile(), folder });
  }
  return found;
}

/**
 * What a field for folders gives: a flat list whose files know their path.
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
