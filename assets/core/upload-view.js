// One upload as the tray shows it, whoever sends it: this page, another device, or nobody until its file is chosen.

import { t } from "./words.js";

/**
 * @typedef {"queued" | "sending" | "paused" | "waiting" | "verifying" | "done" | "failed" | "needs-file"} UploadState
 *
 * @typedef {object} UploadView
 * @property {string} key stable for the row's life; `taskId` may come later
 * @property {string | null} taskId
 * @property {string} name
 * @property {string} folder
 * @property {string} contentType as far as known, for the icon
 * @property {number} size bytes
 * @property {number | null} lastModified of the file, in milliseconds, where known
 * @property {UploadState} state
 * @property {boolean} driven this page has the file and sends it
 * @property {boolean} remote sent by another tab or device
 * @property {number} sent bytes that left, 0..size
 * @property {number} durable bytes the server confirmed, 0..sent
 * @property {number} rate bytes per second
 * @property {number | null} secondsLeft
 * @property {string} note more about the state, or ""
 * @property {string} error what went wrong, or ""
 * @property {boolean} verified the hash computed here equals the stored one
 * @property {string | null} fileId the stored file
 * @property {string | null} group key of the folder it came with, shown as one row
 * @property {string} groupName
 * @property {string | null} batch key of what it came with, in one drop or choice; a folder's is its group
 * @property {string | null} memo key by which this browser remembers a single file until the server knows of it
 * @property {"folder" | "files" | null} asksFor stands for files that have to be chosen again, all at once
 * @property {boolean} isPaused it needs its file, but the person wants it to wait
 * @property {boolean} isChanged its file on this device is not what it was when it was given
 * @property {string} reason the code of what it failed with
 * @property {string | null} replaces id of the stored file that goes to the trash once this one is stored
 */

/** States in which the row has something left to do. */
const OPEN = new Set(["queued", "sending", "paused", "waiting", "verifying", "needs-file"]);
/** States in which this page moves it along by itself. */
const MOVING = new Set(["queued", "sending", "waiting", "verifying"]);

export const isOpen = (view) => OPEN.has(view.state);
export const isMoving = (view) => MOVING.has(view.state);

/** The phase in words. @param {UploadView} view */
export function stateWords({ state, note, verified, asksFor, isPaused, isChanged }) {
  switch (state) {
    case "queued":
      return t("uploads.queued");
    case "sending":
      return note || t("uploads.sending");
    case "paused":
      return t("uploads.paused");
    case "waiting":
      return note || t("uploads.waiting");
    case "verifying":
      return note || t("uploads.verifying");
    case "done":
      return note || (verified ? t("uploads.verified") : t("uploads.done"));
    case "needs-file":
      if (isPaused) return t("uploads.paused");
      if (isChanged) return t("uploads.changed");
      return t(asksFor === null ? "uploads.needsFile" : asksFor === "files" ? "uploads.needsFiles" : "uploads.needsFolder");
    default:
      return t("uploads.failed");
  }
}

/** @param {Partial<UploadView>} fields @returns {UploadView} */
export const uploadView = ({ folder = "/", contentType = "", ...fields }) => ({
  taskId: null,
  folder,
  contentType,
  state: "queued",
  lastModified: null,
  driven: false,
  remote: false,
  sent: 0,
  durable: 0,
  rate: 0,
  secondsLeft: null,
  note: "",
  error: "",
  verified: false,
  fileId: null,
  group: null,
  groupName: "",
  batch: null,
  memo: null,
  asksFor: null,
  replaces: null,
  isPaused: false,
  isChanged: false,
  reason: "",
  ...fields,
});

/** What the server is told of any file. @param {File} file @param {UploadView} view */
export const wishOf = (file, { name, folder }) => ({
  fileName: name,
  folder,
  contentType: file.type || undefined,
  lastModified: new Date(file.lastModified).toISOString(),
});

/** Why nothing moves. @param {{status: number}} problem */
export const waitNote = ({ status }) => (status === 0 || status === 401 ? t("uploads.waiting") : t("uploads.busy"));

/** A file counts for so many bytes more than it has, for each takes a request. */
const FILE_BYTES = 100_000;

/**
 * What the tray's title and the page's title say: sums over all rows.
 * @param {Iterable<UploadView>} views
 */
export function totals(views) {
  const sum = { rows: 0, moving: 0, sending: 0, verifying: 0, paused: 0, needFile: 0, failed: 0, done: 0 };
  const groups = new Set(); // of those that need their files; one folder is one question
  const bytes = { sent: 0, durable: 0, size: 0 };
  for (const view of views) {
    sum.rows++;
    if (isMoving(view)) sum.moving++;
    if (view.state === "sending" || view.state === "queued") sum.sending++;
    if (view.state === "verifying") sum.verifying++;
    if (view.state === "paused") sum.paused++;
    if (view.state === "needs-file" && !groups.has(view.group)) sum.needFile++;
    if (view.state === "needs-file" && view.group !== null) groups.add(view.group);
    if (view.state === "failed") sum.failed++;
    if (view.state === "done") sum.done++;
    if (view.state === "failed") continue;
    bytes.sent += view.sent;
    bytes.durable += view.durable;
    bytes.size += view.size;
  }
  const part = (count) => (bytes.size > 0 ? count / bytes.size : sum.moving > 0 ? 0 : 1);
  return {
    ...sum,
    sent: bytes.sent,
    workDone: bytes.sent + FILE_BYTES * sum.done,
    workLeft: bytes.size - bytes.sent + FILE_BYTES * (sum.rows - sum.failed - sum.done),
    part: part(bytes.sent),
    durablePart: part(bytes.durable),
  };
}
