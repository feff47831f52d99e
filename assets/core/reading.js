// Reads stored files for the page to show, here and behind a link: the beginning of a text, or all of a file.

import { Problem } from "./api.js";

/** Of a text this much is shown; more is for downloading. */
export const TEXT_MAX = 256 * 1024;

/** @param {Response} response @returns {Promise<Response>} rejects with what the server said instead of success */
export async function checked(response) {
  if (response.ok) return response;
  throw await Problem.of(response);
}

/** @param {(url: string, options: object) => Promise<Response>} send */
export function createReading(send) {
  const ask = async ({ url }, options) => checked(await send(url, { credentials: "same-origin", ...options }));
  return {
    /** @param {{url: string, size: number}} file */
    text: async (file) => (await ask(file, { headers: file.size > TEXT_MAX ? { Range: `bytes=0-${TEXT_MAX - 1}` } : {} })).text(),
    /** @param {{url: string}} file @param {AbortSignal} [signal] @returns {Promise<Blob>} */
    whole: async (file, signal) => (await ask(file, { signal })).blob(),
  };
}
