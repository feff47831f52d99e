// Sends one chunk, or a whole small file. XMLHttpRequest, because fetch cannot tell how much of a body has left.

import { chunkUrl, fileUrl, Problem } from "./api.js";

/** A connection that moves nothing for this long is taken as lost (a laptop that changed networks, a dead proxy). */
const SILENCE_MS = 60_000;

/**
 * @param {string} taskId @param {number} index @param {Blob} blob
 * @param {{signal: AbortSignal, onProgress: (bytes: number) => void, createRequest?: () => XMLHttpRequest}} options
 * @returns {Promise<{chunkIndex: number, chunksUploaded: number, chunksCount: number, progress: number}>}
 */
export const sendChunk = (taskId, index, blob, options) => put(chunkUrl(taskId, index), blob, options);

/**
 * @param {object} wish what the server is told of the file @param {Blob} blob
 * @param {{key: string, signal: AbortSignal, onProgress: (bytes: number) => void}} options `key`: of this file alone, so
 *   that sending it again after a lost answer stores nothing more
 * @returns {Promise<object>} the stored file
 */
export const sendFile = (wish, blob, { key, headers, ...options }) => put(fileUrl(wish), blob, { ...options, headers: { ...headers, "Idempotency-Key": key } });

/** The same to another address that takes bytes. @param {string} url @param {Blob} blob */
export function put(url, blob, { signal, onProgress, headers = {}, createRequest = () => new XMLHttpRequest() }) {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const request = createRequest();
    let silence;
    const watch = () => {
      clearTimeout(silence);
      silence = setTimeout(() => request.abort(), SILENCE_MS);
    };
    const stop = () => request.abort();
    signal.addEventListener("abort", stop);

    request.upload.addEventListener("progress", (event) => {
      watch();
      onProgress(event.loaded);
    });
    request.addEventListener("loadend", () => {
      clearTimeout(silence);
      signal.removeEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else if (request.status === 0) reject(Problem.network());
      else if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(Problem.from(request.status, request.responseText, request.getResponseHeader("retry-after")));
    });
    request.open("PUT", url);
    for (const [name, value] of Object.entries({ "Content-Type": "application/octet-stream", ...headers })) request.setRequestHeader(name, value);
    watch();
    request.send(blob);
  });
}
