// Numbers and dates as people read them. Sizes are decimal (1 MB = 1,000,000 bytes), as file managers and lines count.

import { formatter, t } from "./words.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"];

function unitText(value, unit, digits) {
  const isExact = unit === "byte";
  const digitCount = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return formatter(Intl.NumberFormat, { style: "unit", unit, unitDisplay: isExact ? "long" : "short", useGrouping: isExact, ...digitCount }).format(value);
}

/** "12,345". @param {number} value @param {Intl.NumberFormatOptions} [options] */
export const number = (value, options) => formatter(Intl.NumberFormat, options).format(value);

/** A moment in the parts that are asked for; nothing where a file tells a moment that there never was. @param {string | number | Date} when @param {Intl.DateTimeFormatOptions} options */
export function dateText(when, options) {
  const date = new Date(when);
  return Number.isNaN(date.valueOf()) ? "" : formatter(Intl.DateTimeFormat, options).format(date);
}

/** "3 Mar 2026"; with "long" "3 March 2026". @param {string | Date} when @param {"short" | "long"} [month] */
export const day = (when, month = "short") => dateText(when, { day: "numeric", month, year: "numeric" });

/** "4.1 MB", "512 bytes": two digits while that says more than one. @param {number} count */
export function bytes(count) {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return unitText(value, UNITS[unit], unit > 0 && value < 9.95 ? 1 : 0);
}

/** "4,123,456 bytes", for the title of an element that shows the short form. */
export const exactBytes = (count) => unitText(count, "byte", 0);

/** "12 of 512 MB": the unit once where both share it. */
export function bytesOf(done, total) {
  const [doneText, totalText] = [bytes(done), bytes(total)];
  const unit = totalText.slice(totalText.search(/[\s\u00a0][^\s\u00a0]*$/));
  const short = doneText.endsWith(unit) ? doneText.slice(0, -unit.length) : doneText;
  return t("common.of", { done: done === 0 ? "0" : short, total: totalText });
}

export const rate = (bytesPerSecond) => `${bytes(Math.round(bytesPerSecond))}/s`;

/** "2 min left". Rounded coarsely, because a guess should not look exact. @param {number} seconds */
export function timeLeft(seconds) {
  if (seconds < 58) return t("common.secondsLeft", { n: Math.max(5, Math.ceil(seconds / 5) * 5) });
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 60) return t("common.minutesLeft", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return t("common.daysLeft", { n: Math.round(hours / 24) });
  if (minutes % 60 === 0 || hours >= 10) return t("common.hoursLeft", { n: hours });
  return t("common.hoursMinutesLeft", { hours, minutes: minutes % 60 });
}

/** "just now", "5 min ago", "yesterday", "3 Mar", "3 Mar 2024". @param {string | Date} when @param {Date} now */
export function ago(when, now = new Date()) {
  const date = new Date(when);
  const seconds = (now - date) / 1000;
  if (seconds < 45) return t("common.justNow");
  if (seconds < 3570) return t("common.minutesAgo", { n: Math.max(1, Math.round(seconds / 60)) });
  if (seconds < 86_400 && date.getDate() === now.getDate()) {
    return t("common.hoursAgo", { n: Math.round(seconds / 3600) });
  }
  const days = Math.round((midnight(now) - midnight(date)) / 86_400_000);
  if (days <= 1) return t("common.yesterday");
  if (days < 7) return t("common.daysAgo", { n: days });
  const year = date.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return dateText(date, { day: "numeric", month: "short", year });
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate());

/** "Tuesday 3 March 2026 at 14:05". */
export const exactTime = (when) => dateText(when, { dateStyle: "full", timeStyle: "short" });

/** "3:05", "1:02:09": how long something plays. @param {number} ms */
export function clock(ms) {
  const seconds = Math.round(ms / 1000);
  const [hours, ...rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const [first, ...later] = hours > 0 ? [hours, ...rest] : rest;
  return [first, ...later.map((part) => String(part).padStart(2, "0"))].join(":");
}

/** Whole per cent, and 100 only when all of it is done. @param {number} part from 0 to 1 */
export const percent = (part) => `${part >= 1 ? 100 : Math.min(99, Math.floor(part * 100))} %`;

const ARCHIVES = /^application\/(zip|gzip|zstd|x-(tar|gtar|7z-compressed|rar-compressed|xz|bzip2|gzip)|vnd\.rar)/;
const DOCUMENTS = /^application\/(pdf|msword|rtf|epub|vnd\.(openxmlformats|oasis|ms-))/;
const CODE = /^(application\/(json|xml|javascript|x-sh|toml|yaml|wasm)|text\/(html|css|javascript|x-|xml))/;

const KINDS = [
  ["image", /^image\//],
  ["video", /^video\//],
  ["audio", /^audio\//],
  ["archive", ARCHIVES],
  ["document", DOCUMENTS],
  ["code", CODE],
  ["text", /^text\//],
];

/** Icon name and word for a content type. @returns {{icon: string, word: string}} */
export function kindOf(contentType = "") {
  const icon = KINDS.find(([, pattern]) => pattern.test(contentType))?.[0] ?? "file";
  return { icon, word: t(`common.${icon}`) };
}

/** The folder's parts; "/" has none. @param {string} folder */
export const folderParts = (folder) => folder.split("/").filter(Boolean);

/** "Photos / 2026", or nothing for the top folder. @param {string} folder */
export const folderWords = (folder) => folderParts(folder).join(" / ");
