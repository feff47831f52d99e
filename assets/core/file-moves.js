// Rows that go to another folder or get another name: moved, copied, renamed; and the way back, which takes exactly what
// went and nothing that was there before.
//
// Each answers `{ conflicts, placed, back }`: rows whose names are taken and that stayed where they were; the others as
// they are now; and what `putBack` needs, null where that cannot be known.

import { ITEMS_MAX } from "./files-api.js";
import { isFolder, originOf } from "./listing.js";
import { baseOf, isWithin, join, parentOf } from "./paths.js";
import { t } from "./words.js";

const NAME_TAKEN = "NAME_TAKEN";

/** What went, for the way back: folders as a whole, files alone, folders that were left or made, files that made room. */
const newBack = () => ({ folders: [], files: [], left: [], made: [], replaced: [] });

/** What two steps of the same work did. */
export function both(first, second) {
  const back = first.back && second.back && Object.fromEntries(Object.entries(first.back).map(([kind, list]) => [kind, [...list, ...second.back[kind]]]));
  return { conflicts: second.conflicts, placed: [...first.placed, ...second.placed], back };
}

/** "Box (2)", or the next number that is free. @param {Set<string>} taken paths */
export function freePath(path, taken) {
  for (let number = 2; ; number++) if (!taken.has(`${path} (${number})`)) return `${path} (${number})`;
}

/** @returns {Map<string, object[]>} */
function byFolder(files) {
  const groups = new Map();
  for (const file of files) {
    if (!groups.has(file.folder)) groups.set(file.folder, []);
    groups.get(file.folder).push(file);
  }
  return groups;
}

/** @param {{server: object, filesOf: Function, moveMany: Function, copyMany: Function}} means */
export function createFileMoves({ server, filesOf, moveMany, copyMany }) {
  const pathsWithin = async (folder) => (await server.folders()).map(({ path }) => path).filter((path) => isWithin(path, folder));

  /** Rows whose names are taken in a folder already. */
  async function taken(files, folder) {
    const others = files.filter((file) => file.folder !== folder);
    if (others.length === 0) return [];
    const names = new Set((await server.all({ folder })).map(({ name }) => name));
    return others.filter(({ name }) => names.has(name));
  }

  /** Does one, and notes it where a name stands in its way. */
  async function unlessTaken(item, conflicts, work) {
    try {
      return await work();
    } catch (problem) {
      if (problem.code !== NAME_TAKEN) throw problem;
      conflicts.push(item);
      return undefined;
    }
  }

  /** Those of the names that were in a folder, and that "Replace" put into the trash. */
  async function replacedBy(folder, names, work) {
    const there = (await server.all({ folder })).filter(({ name }) => names.has(name)).map(({ id }) => id);
    await work();
    if (there.length === 0) return [];
    const trash = new Set((await server.all({ folder, trashed: true })).map(({ id }) => id));
    return there.every((id) => trash.has(id)) ? there : null; // else it is gone for good
  }

  async function placeFiles(files, { folder, name, onConflict }, { conflicts, placed, back }) {
    const each = async () => {
      for (const file of files) {
        const now = await unlessTaken(file, conflicts, () => server.change(file.id, { folder, name, onConflict }));
        if (now === undefined) continue;
        placed.push(now);
        back.files.push({ id: file.id, folder: file.folder, name: file.name, isRenamed: now.name !== file.name });
      }
    };
    if (onConflict !== "replace") return void (await each());
    const replaced = await replacedBy(folder ?? files[0].folder, new Set(files.map((file) => name ?? file.name)), each);
    if (replaced === null) return "unknown";
    back.replaced.push(...replaced.filter((id) => !files.some((file) => file.id === id)));
  }

  /** Into a folder that is there: what came is known by its files, for those that were there must stay. */
  async function merge(from, to, onConflict, { back }) {
    const [inside, tree] = await Promise.all([filesOf([{ path: from }]).catch(() => null), server.folders()]);
    await server.moveFolder(from, to, onConflict);
    const all = inside && (await server.all({ folder: to, deep: true }));
    if (!all || all.length > ITEMS_MAX) return "unknown";
    const names = new Map(all.map(({ id, name }) => [id, name]));
    const known = new Set(tree.map(({ path }) => path));
    const left = [...known].filter((path) => isWithin(path, from));
    back.files.push(...inside.map(({ id, folder, name }) => ({ id, folder, name, isRenamed: names.get(id) !== name })));
    back.left.push(...left);
    back.made.push(...left.map((path) => to + path.slice(from.length)).filter((path) => !known.has(path)));
  }

  async function placeFolder(item, to, onConflict, answer) {
    let isUnknown;
    // The server has no "replace" for folders.
    if (onConflict) isUnknown = await merge(item.path, to, "keepBoth", answer);
    else if ((await unlessTaken(item, answer.conflicts, async () => (await server.moveFolder(item.path, to), true))) === undefined) return;
    else answer.back.folders.push({ from: to, to: item.path });
    answer.placed.push({ ...item, path: to, name: baseOf(to) });
    return isUnknown;
  }

  const newAnswer = () => ({ conflicts: [], placed: [], back: newBack() });
  const ended = (answer, ...unknown) => (unknown.some(Boolean) ? { ...answer, back: null } : answer);

  async function move({ items, folder, onConflict }) {
    const away = items.filter((item) => originOf(item) !== folder);
    const files = away.filter((item) => !isFolder(item));
    const answer = newAnswer();
    const unknown = [];
    if (files.length > 1 && !onConflict) {
      answer.conflicts = await taken(files, folder);
      const free = files.filter((file) => !answer.conflicts.includes(file));
      if (free.length > 0) await moveMany(free.map(({ id }) => id), folder);
      answer.placed = free.map((file) => ({ ...file, folder }));
      answer.back.files = free.map(({ id, name, folder: origin }) => ({ id, name, folder: origin }));
    } else if (files.length > 0) unknown.push(await placeFiles(files, { folder, onConflict }, answer));
    for (const item of away.filter(isFolder)) unknown.push(await placeFolder(item, join(folder, item.name), onConflict, answer));
    return ended(answer, ...unknown);
  }

  async function rename({ item, name, onConflict }) {
    const answer = newAnswer();
    if (!isFolder(item)) return ended(answer, await placeFiles([item], { name, onConflict }, answer));
    return ended(answer, await placeFolder(item, join(parentOf(item.path), name), onConflict, answer));
  }

  /** All folders first, for those without files have nothing else that makes them. */
  async function copyFolder(item, goal) {
    const [files, paths] = await Promise.all([filesOf([item]), pathsWithin(item.path)]);
    if (paths.length === 0) throw new Error(t("files.missing", { name: item.name })); // it went since it was copied
    for (const path of paths) await server.makeFolder(goal + path.slice(item.path.length));
    for (const [from, group] of byFolder(files)) await copyMany(group.map(({ id }) => id), goal + from.slice(item.path.length));
    return { ...item, path: goal, name: baseOf(goal) };
  }

  /** Beside the original a copy gets a number; elsewhere a name that is taken is asked about. */
  async function copyFolders(folders, { folder, onConflict }, { conflicts, placed }) {
    if (folders.length === 0) return;
    const known = new Set((await server.folders()).map(({ path }) => path));
    for (const item of folders) {
      const goal = join(folder, item.name);
      const isBeside = originOf(item) === folder;
      if (!isBeside && !onConflict && known.has(goal)) conflicts.push(item);
      else placed.push(await copyFolder(item, isBeside ? freePath(goal, known) : goal));
    }
  }

  async function copy({ items, folder, onConflict }) {
    const answer = newAnswer();
    const files = items.filter((item) => !isFolder(item));
    answer.conflicts = onConflict ? [] : await taken(files, folder);
    const free = files.filter((file) => !answer.conflicts.includes(file));
    if (onConflict || free.length === 1) for (const { id } of free) answer.placed.push(await server.copy(id, { folder, onConflict: onConflict ?? "keepBoth" }));
    else if (free.length > 0) {
      await copyMany(free.map(({ id }) => id), folder);
      answer.placed = free;
    }
    await copyFolders(items.filter(isFolder), { folder, onConflict }, answer);
    return answer;
  }

  /** Files to where they were; whose name was taken meanwhile gets a number. */
  async function filesBack(files) {
    const [many, single] = [files.filter(({ isRenamed }) => !isRenamed), files.filter(({ isRenamed }) => isRenamed)];
    for (const [folder, group] of byFolder(many)) {
      const names = new Set(group.length > 1 ? (await server.all({ folder })).map(({ name }) => name) : []);
      const free = group.filter(({ name }) => group.length > 1 && !names.has(name));
      if (free.length > 0) await moveMany(free.map(({ id }) => id), folder);
      single.push(...group.filter((file) => !free.includes(file)));
    }
    for (const { id, folder, name } of single) await server.change(id, { folder, name, onConflict: "keepBoth" });
  }

  async function putBack({ folders, files, left, made, replaced }) {
    for (const { from, to } of folders) await server.moveFolder(from, to);
    for (const path of left) await server.makeFolder(path);
    await filesBack(files);
    const now = new Map((made.length > 0 ? await server.folders() : []).map((folder) => [folder.path, folder]));
    // From the innermost; what has got something of its own since stays.
    for (const path of made.sort().reverse()) {
      const isKept = [...now.keys()].some((other) => parentOf(other) === path);
      if (now.get(path)?.allFiles !== 0 || isKept) continue;
      await server.trashFolder(path);
      now.delete(path);
    }
    for (const id of replaced) await server.restore(id);
  }

  return { move, rename, copy, putBack };
}
