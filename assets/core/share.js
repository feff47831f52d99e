// What a visitor of a link asks of the server: the list, the passcode, a text to read, files to send.

import { createApi, Problem } from "./api.js";
import { put } from "./chunk-sender.js";
import { createReading } from "./reading.js";
import { canRetry, retryDelay, sleep } from "./retry.js";

const PAGE = 200;

/**
 * @param {{slug: string, fetch: typeof fetch, sendPiece?: typeof put, wait?: typeof sleep}} means
 */
export function createShare({ slug, fetch, sendPiece = put, wait = sleep }) {
  const { call, send } = createApi({ fetch });
  const base = `/api/share/${encodeURIComponent(slug)}`;

  /** Tries what can still succeed again, until it does or the signal says stop. */
  async function patiently(work, signal) {
    for (let failures = 1; ; failures++) {
      try {
        return await work();
      } catch (problem) {
        signal?.throwIfAborted();
        const isOver = !(problem instanceof Problem) || problem.status === 401 || !canRetry(problem, failures);
        if (isOver) throw problem;
        await wait(retryDelay(failures, { retryAfter: problem.retryAfter }), signal);
      }
    }
  }

  return {
    /** @param {number} offset @returns {Promise<object>} what `GET /api/share/{slug}` answers */
    list: async (offset = 0) => (await call("GET", base, { query: { offset, limit: PAGE } })).data,

    /** The cookie that comes with the answer opens the rest. @param {string} passcode */
    unlock: async (passcode) => void (await call("POST", base, { body: { passcode } })),

    ...createReading(send),

    /**
     * Sends one file in chunks. A chunk that fails is sent again; a refusal ends it, and gives its room back.
     * @param {File} file @param {{signal: AbortSignal, onProgress: (bytes: number) => void}} options
     */
    async send(file, { signal, onProgress }) {
      const wish = {
        fileName: file.name,
        fileSize: file.size,
        contentType: file.type || undefined,
        lastModified: new Date(file.lastModified).toISOString(),
      };
      const begin = () => call("POST", `${base}/uploads`, { body: wish, signal });
      const { uploadId, chunkSize, chunksCount } = (await patiently(begin, signal)).data;
      const path = `${base}/uploads/${encodeURIComponent(uploadId)}`;
      try {
        for (let index = 0; index < chunksCount; index++) {
          const from = index * chunkSize;
          const piece = file.slice(from, from + chunkSize);
          const progress = (sent) => onProgress(from + Math.min(sent, piece.size));
          await patiently(() => sendPiece(`${path}/${index}`, piece, { signal, onProgress: progress }), signal);
          onProgress(from + piece.size);
        }
        return (await patiently(() => call("POST", `${path}/complete`, { signal }), signal)).data;
      } catch (problem) {
        call("DELETE", path).catch(() => {}); // it would expire by itself
        throw problem;
      }
    },
  };
}
