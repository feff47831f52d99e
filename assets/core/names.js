// Names as the server keeps them, and free ones.

import { splitName } from "./paths.js";

const LONGEST = 255;
const length = (text) => new TextEncoder().encode(text).length;

/** Accents in one piece: Macs take them apart, and the server puts them together. @param {string} text */
export const composed = (text) => text.normalize("NFC");

/** What no name may hold: what parts folders, what cannot be seen, and what turns the direction of writing. */
const UNFIT = /[/\\\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * The name under which a file or folder of a device can be stored: as it is, or as near as possible.
 * @param {string} name
 */
export function storable(name) {
  const clean = composed(name).replace(UNFIT, "_");
  return shortened(/^\s*$|^\.{1,2}$/.test(clean) ? `_${clean.trim()}` : clean, "");
}

/** With room for `more` between the stem and the ending. */
function shortened(name, more) {
  const [before, ending] = splitName(name);
  const isEnding = length(ending) <= LONGEST / 4;
  const stem = [...(isEnding ? before : name)];
  const rest = more + (isEnding ? ending : "");
  const room = LONGEST - length(rest);
  let used = length(stem.join(""));
  while (used > room) used -= length(stem.pop());
  return stem.join("") + rest;
}

/**
 * "harbour (2).jpg": a name that nothing in the folder has.
 * @param {string} name @param {(name: string) => boolean | Promise<boolean>} isTaken
 */
export async function freeName(name, isTaken) {
  for (let n = 2; ; n++) {
    const free = shortened(name, ` (${n})`);
    if (!(await isTaken(free))) return free;
  }
}

/** The same file for the same place. */
export const lineKey = ({ file: { name, size, lastModified }, folder }) => JSON.stringify([composed(folder), composed(name), size, lastModified]);
