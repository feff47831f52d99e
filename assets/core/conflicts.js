// Which files that are about to be sent meet one of the same name, found before anything is sent.

import { composed } from "./names.js";
import { together } from "./together.js";

const PAGE = 500;
/** Single files are looked up one by one; from here on their whole folder is. */
const FEW = 8;
/** Folders with more than so many files are not looked through; their names are looked up one by one. */
const PAGES = 40;

const placeOf = (folder, name) => composed(`${folder}\n${name}`);

/**
 * @param {{files: (query: object) => Promise<{items: object[], total: number}>}} api
 * @param {{file: File, folder: string, name?: string}[]} items `name` other than the file's
 * @returns {Promise<{met: Map<object, object>, isTaken: (folder: string, name: string) => Promise<boolean>}>} `met`: for
 *   each item that meets one, the stored file
 */
export async function findConflicts(api, items) {
  /** What is stored by its place; null: nothing. */
  const stored = new Map();
  const nameOf = ({ file, name = file.name }) => name;
  const lookUp = async (folder, name) => {
    const place = placeOf(folder, name);
    if (stored.has(place)) return stored.get(place);
    const { items: found } = await api.files({ folder, name: composed(name), limit: 1 }).catch(unlessImpossible);
    stored.set(place, found[0] ?? null);
    return stored.get(place);
  };
  const listed = items.length > FEW && (await everyPlace(api, items, stored));
  const find = async (folder, name) => (listed ? (stored.get(placeOf(folder, name)) ?? null) : lookUp(folder, name));
  const met = new Map();
  await together(items, async (item) => {
    const file = await find(item.folder, nameOf(item));
    if (file !== null) met.set(item, file);
  });
  return { met, isTaken: async (folder, name) => (await find(folder, name)) !== null };
}

/** Lists all folders that are meant. @returns {Promise<boolean>} false when that is too much */
async function everyPlace(api, items, stored) {
  for (const query of queriesOf(items)) {
    for (let page = 0; ; page++) {
      if (page === PAGES) return false;
      const ask = { ...query, sortBy: "name", sortDescending: false, offset: page * PAGE, limit: PAGE };
      const { items: found, total } = await api.files(ask).catch(unlessImpossible);
      for (const file of found) if (!stored.has(placeOf(file.folder, file.name))) stored.set(placeOf(file.folder, file.name), file);
      if (found.length < PAGE || (page + 1) * PAGE >= total) break;
    }
  }
  return true;
}

/** Nothing is stored in a place that cannot be; sending there tells why. */
function unlessImpossible(problem) {
  if (problem.status !== 400) throw problem;
  return { items: [], total: 0 };
}

/** The fewest lists that hold all places: a dropped folder with all that is below it is one. */
function queriesOf(items) {
  const folders = [...new Set(items.map(({ folder }) => folder))].sort();
  const roots = [];
  for (const folder of folders) {
    const root = roots.at(-1);
    const isBelow = root !== undefined && root !== "/" && folder.startsWith(`${root}/`);
    if (!isBelow) roots.push(folder);
  }
  return roots.map((folder) => (folder === "/" ? { folder } : { folder, deep: true }));
}

/** Whether the stored file seems to be this one; its hash tells. @param {File} file @param {object} stored */
export function isAlike(file, stored) {
  const modified = stored.metadata?.lastModified;
  const time = typeof modified === "string" ? Date.parse(modified) : modified;
  return stored.size === file.size && time !== null && time !== undefined && time === file.lastModified;
}
