// A task as people see it: its title, its state in a word, and the facts that matter in that state.

import { bytes, bytesOf, dateText, number, percent, rate, timeLeft } from "./format.js";
import { OPEN_STATUSES } from "./store.js";
import { said } from "./said.js";
import { t } from "./words.js";

export const isOpen = ({ status }) => OPEN_STATUSES.includes(status);

/** The verbs that the server takes now. An upload is tried again where its file is at hand: in the tray. */
export function verbsOf({ status, type }) {
  if (status === "Paused") return ["resume", "cancel"];
  if (isOpen({ status })) return ["pause", "cancel"];
  return status === "Failed" && type !== "FileUpload" ? ["retry"] : [];
}

/** What the list said and what events said since, the newer winning. */
export const newest = (listed, known) => (known && !(listed.rev > known.rev) ? { ...listed, ...known } : listed);

/** In the reader's language what the server says of a task; as it stands what a program of somebody's own says of its. */
export const saidOf = ({ type, parameters }, words) => (type === "Custom" && !parameters?.handler ? words : said(words));

/** The server's description where there is one; else its name, with the file it is about. */
export function titleOf(task) {
  const { name, description, parameters } = task;
  const fileName = parameters?.fileName;
  const title = description || (name === fileName ? name : saidOf(task, name)) || t("tasks.task"); // a file may be called "Archive"
  return fileName && !title.includes(fileName) ? `${title}: ${fileName}` : title;
}

/** Files that a task which is done could not do. */
export const failedCount = ({ status, results }) => (status === "Completed" ? (results?.failedCount ?? results?.corruptCount ?? 0) : 0);

/** "Pausing…" while that is only wished for; "Done · 1 file failed". */
export function statusWords(task) {
  const { status, requested } = task;
  if (["pause", "cancel", "resume"].includes(requested)) return t(`tasks.requested-${requested}`);
  const failed = failedCount(task);
  return failed > 0 ? `${t(`tasks.${status}`)} · ${t("tasks.failedFiles", { n: failed })}` : t(`tasks.${status}`);
}

/** @param {object} task @param {number} [perSecond] bytes, where that is known here */
export function factsOf(task, perSecond = 0) {
  const { status, phase, progress, bytesDone, bytesTotal, itemsDone, itemsTotal, estimatedTimeRemaining } = task;
  const items = itemsTotal > 1 ? t("tasks.items", { done: itemsDone ?? 0, n: itemsTotal }) : "";
  if (!isOpen(task)) return status === "Completed" ? "" : items;
  const parts = [];
  if (status === "Pending" && new Date(task.runAt) > new Date()) parts.push(t("tasks.planned", { when: moment(task.runAt) }));
  else if (status === "Pending" && task.queuePosition > 0) parts.push(t("tasks.position", { n: task.queuePosition }));
  if (status === "Pending" && !(progress > 0)) return parts.join(" · ");
  parts.push(percent((progress ?? 0) / 100));
  if (status === "InProgress" && phase) parts.push(saidOf(task, phase));
  if (items) parts.push(items);
  if (bytesTotal > 0) parts.push(bytesOf(bytesDone ?? 0, bytesTotal));
  if (status === "InProgress" && perSecond > 0) parts.push(rate(perSecond));
  if (status === "InProgress" && estimatedTimeRemaining > 0) parts.push(timeLeft(estimatedTimeRemaining));
  return parts.join(" · ");
}

const moment = (when) => dateText(when, { dateStyle: "medium", timeStyle: "short" });

/** The files that a task made or touched. @returns {string[]} */
export function resultFiles({ results }) {
  const { resultFileId, fileId, fileIds } = results ?? {};
  return [resultFileId, fileId, ...(Array.isArray(fileIds) ? fileIds : [])].filter((id) => typeof id === "string");
}

/** Results that are plain values, named as the server names them. @returns {[string, string][]} */
export const resultFacts = ({ results }) =>
  Object.entries(results ?? {})
    .filter(([key, value]) => ["string", "number", "boolean"].includes(typeof value) && !/Ids?$|^(fileName|failedCount|corruptCount)$/.test(key))
    .map(([key, value]) => [key, typeof value === "number" ? numberWords(key, value) : String(value)]);

const numberWords = (key, value) => (/(size|bytes)$/i.test(key) ? bytes(value) : number(value));

/** "compressionRatio" as "Compression ratio", for what has no title. @param {string} key */
export function humanised(key) {
  const words = key.replace(/([a-z0-9])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`);
  return said(words.charAt(0).toUpperCase() + words.slice(1));
}
