// The hashing worker: keeps a 10 GB file's arithmetic off the thread that draws.
// In: {job, blob} starts, {job, stop: true} gives up. Out: {job, bytes} while it runs, then {job, hex} or {job, error}.

import { hashBlob } from "./hash.js";

/** @type {Map<number, AbortController>} */
const running = new Map();

self.addEventListener("message", async ({ data: { job, blob, stop } }) => {
  if (stop) {
    running.get(job)?.abort();
    return;
  }
  const control = new AbortController();
  running.set(job, control);
  try {
    const onProgress = (bytes) => self.postMessage({ job, bytes });
    self.postMessage({ job, hex: await hashBlob(blob, { signal: control.signal, onProgress }) });
  } catch (error) {
    self.postMessage({ job, error: error.name });
  } finally {
    running.delete(job);
  }
});
