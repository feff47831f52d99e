// What the server is told when an upload is over: that nobody wants it, or whose place it takes.

import { composed } from "./names.js";

/**
 * @typedef {object} UploadMeans what an upload needs from outside
 * @property {object} transport createUpload, uploadState, uploadProgress, completeUpload, resumeTask, sendChunk, sendFile
 * @property {(blob: Blob, options: {signal: AbortSignal}) => Promise<string>} hash
 * @property {(ms: number, signal: AbortSignal) => Promise<void>} sleep may wake early, when trying makes sense again
 * @property {(signal: AbortSignal, onWait: () => void) => Promise<void>} connected waits while offline or signed out
 * @property {import("./chunk-limit.js").ChunkLimit} limit how large chunks may be here
 * @property {number} wholeBytes files up to this go in one request
 * @property {() => number} now milliseconds
 * @property {() => number} random
 * @property {(upload: import("./upload.js").Upload) => void} changed
 * @property {(upload: import("./upload.js").Upload, sample: string) => void} created the server has given it a task id
 */

/** Between two tries while the server is away. */
const RETRY_MS = 5000;

/** One that is already gone is as good as cancelled. @param {object} transport @param {string} taskId */
export async function endAtServer(transport, taskId) {
  try {
    await transport.cancelUpload(taskId);
  } catch (error) {
    if (error.status !== 404 && error.status !== 409) throw error;
  }
}

/**
 * However long the server is away: a wish to cancel is not forgotten.
 * @param {UploadMeans} means @param {string} taskId @param {() => void} onWait
 */
export async function endInTheEnd({ transport, sleep, connected }, taskId, onWait) {
  const { signal } = new AbortController();
  for (;;) {
    try {
      return await endAtServer(transport, taskId);
    } catch (problem) {
      if (problem.status !== 0) throw problem;
      onWait();
      await sleep(RETRY_MS, signal);
      await connected(signal, () => {});
    }
  }
}

/**
 * A file is stored that replaces another: that one goes to the trash, and the link and tags that it had are the new
 * one's. Should the old one have been moved or renamed meanwhile, or anything fail, both stay.
 * @param {object} transport @param {string} oldId @param {{fileId: string, name: string, folder: string}} stored
 */
export async function takePlace(transport, oldId, { fileId, name, folder }) {
  try {
    const old = await transport.file(oldId);
    if (oldId === fileId || composed(name) !== old.name || composed(folder) !== old.folder) return;
    if (old.bundleId || old.tags?.length > 0) await transport.change(fileId, { bundleId: old.bundleId, tags: old.tags });
    await transport.trashFile(oldId);
  } catch {
    // nothing is lost
  }
}
