// Which files that are about to be sent meet one of the same name, found before anything is sent.

const PAGE = 500;
/** Single files are looked up one by one; from here on their whole folder is. */
const FEW = 8;
/** Folders with more than so many files are not looked through; what is sent then keeps both. */
const PAGES = 40;

/**
 * @param {{files: (query: object) => Promise<{items: object[], total: number}>}} api
 * @param {{file: File, folder: string, group?: string}[]} items
 * @returns {Promise<Map<object, object>>} for each item that meets one, the stored file
 */
export async function findConflicts(api, items) {
  const stored = new Map();
  const keep = (file) => {
    const key = `${file.folder}\n${file.name}`;
    if (!stored.has(key)) stored.set(key, file);
  };
  if (items.length <= FEW) {
    const asked = items.map(({ file, folder }) => api.files({ folder, q: file.name.slice(0, 100), limit: PAGE }));
    for (const { items: found } of await Promise.all(asked)) found.forEach(keep);
  } else {
    for (const query of queriesOf(items)) for (const file of await everyFile(api, query)) keep(file);
  }
  const met = new Map();
  for (const item of items) {
    const file = stored.get(`${item.folder}\n${item.file.name}`);
    if (file !== undefined) met.set(item, file);
  }
  return met;
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

async function everyFile(api, query) {
  const all = [];
  for (let page = 0; page < PAGES; page++) {
    const ask = { ...query, sortBy: "name", sortDescending: false, offset: page * PAGE, limit: PAGE };
    const { items, total } = await api.files(ask);
    all.push(...items);
    if (items.length < PAGE || all.length >= total) break;
  }
  return all;
}

/** Whether the stored file is this one already: nothing is to be sent. @param {File} file @param {object} stored */
export function isHere(file, stored) {
  const modified = stored.metadata?.lastModified;
  const time = typeof modified === "string" ? Date.parse(modified) : modified;
  return stored.size === file.size && time !== null && time !== undefined && time === file.lastModified;
}

/** "harbour (2).jpg": a name that nothing in the folder has. @param {string} name @param {(name: string) => boolean} isTaken */
export function freeName(name, isTaken) {
  const dot = name.lastIndexOf(".");
  const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
  for (let n = 2; ; n++) {
    const free = `${stem} (${n})${ending}`;
    if (!isTaken(free)) return free;
  }
}
