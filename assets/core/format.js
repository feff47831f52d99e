// Numbers and dates as people read them. Sizes are decimal (1 MB = 1,000,000 bytes), as file managers and lines count.

import { language, locale } from "./words.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];
const grouped = new Intl.NumberFormat("en");
/** Making a formatter is slow, using it is not. @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

function withUnit(value, unit, digits = 0) {
  const key = `${locale()} ${unit} ${digits}`;
  const unitDisplay = unit === "byte" ? "long" : "short";
  if (!formats.has(key)) {
    const options = { style: "unit", unit, unitDisplay, useGrouping: unit === "byte", minimumFractionDigits: digits, maximumFractionDigits: digits };
    formats.set(key, new Intl.NumberFormat(locale(), options));
  }
  return formats.get(key).format(value).replaceAll("\u00a0", " ");
}

/** "4.1 MB", "512 bytes": two digits while that says more than one. @param {number} count */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return withUnit(value, UNITS[unit], unit > 0 && value < 9.95 ? 1 : 0);
}

/** "4,123,456 bytes", for the title of an element that shows the short form. */
export const exactBytes = (count) => withUnit(count, "byte");

/** "12 of 512 MB": the unit once where both share it. */
export function bytesOf(done, total) {
  const [doneText, totalText] = [bytes(done), bytes(total)];
  const unit = totalText.slice(totalText.indexOf(" "));
  if (done === 0) return `0 of ${totalText}`;
  return `${doneText.endsWith(unit) ? doneText.slice(0, -unit.length) : doneText} of ${totalText}`;
}

export const rate = (bytesPerSecond) => `${bytes(Math.round(bytesPerSecond))}/s`;

/** "2 min left". Rounded coarsely, because a guess should not look exact. @param {number} seconds */
export function timeLeft(seconds) {
  if (seconds < 58) return `${Math.max(5, Math.ceil(seconds / 5) * 5)} s left`;
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return `${minutes} min left`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.round(hours / 24)} days left`;
  return minutes % 60 === 0 || hours >= 10 ? `${hours} h left` : `${hours} h ${minutes % 60} min left`;
}

/** "just now", "5 min ago", "yesterday", "3 Mar", "3 Mar 2024". @param {string | Date} when @param {Date} now */
export function ago(when, now = new Date()) {
  const date = new Date(when);
  const seconds = (now - date) / 1000;
  if (language() !== "en") return agoElsewhere(date, seconds, now);
  if (seconds < 45) return "just now";
  if (seconds < 3570) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400 && date.getDate() === now.getDate()) return `${Math.round(seconds / 3600)} h ago`;
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days <= 1) return "yesterday";
  if (days < 7) return `${days} days ago`;
  return shortDate(date, now);
}

function shortDate(date, now) {
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return date.toLocaleDateString(locale(), { day: "numeric", month: "short", year });
}

/** The same in other languages: "vor 5 Min.", "gestern", "3. März". */
function agoElsewhere(date, seconds, now) {
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days >= 7) return shortDate(date, now);
  const relative = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  if (days > 0 && seconds >= 3570) return relative.format(-days, "day");
  if (seconds < 45) return relative.format(0, "second");
  return seconds < 3570 ? relative.format(-Math.max(1, Math.round(seconds / 60)), "minute") : relative.format(-Math.round(seconds / 3600), "hour");
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** "Tuesday 3 March 2026 at 14:05". */
export const exactTime = (when) => new Date(when).toLocaleString(locale(), { dateStyle: "full", timeStyle: "short" });

/** Whole per cent, and 100 only when all of it is done. @param {number} part from 0 to 1 */
export const percent = (part) => `${part >= 1 ? 100 : Math.min(99, Math.floor(part * 100))} %`;

export const count = (number, one, many = `${one}s`) => `${grouped.format(number)} ${number === 1 ? one : many}`;

const ARCHIVES = /^application\/(zip|gzip|zstd|x-(tar|gtar|7z-compressed|rar-compressed|xz|bzip2|gzip)|vnd\.rar)/;
const DOCUMENTS = /^application\/(pdf|msword|rtf|epub|vnd\.(openxmlformats|oasis|ms-))/;
const CODE = /^(application\/(json|xml|javascript|x-sh|toml|yaml|wasm)|text\/(html|css|javascript|x-|xml))/;

const KINDS = [
  ["image", "Image", /^image\//],
  ["video", "Video", /^video\//],
  ["audio", "Audio", /^audio\//],
  ["archive", "Archive", ARCHIVES],
  ["document", "Document", DOCUMENTS],
  ["code", "Code", CODE],
  ["text", "Text", /^text\//],
];

/** Icon name and word for a content type. @returns {{icon: string, word: string}} */
export function kindOf(contentType = "") {
  const found = KINDS.find(([, , pattern]) => pattern.test(contentType));
  return found ? { icon: found[0], word: found[1] } : { icon: "file", word: "File" };
}

/** The folder's parts; "/" has none. @param {string} folder */
export const folderParts = (folder) => folder.split("/").filter(Boolean);

/** "Photos / 2026", or nothing for the top folder. @param {string} folder */
export const folderWords = (folder) => folderParts(folder).join(" / ");
