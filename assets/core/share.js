// What a visitor of a link asks of the server: the list, the passcode, a text to read, files to send.

import { createApi, Problem } from "./api.js";
import { ChunkLimit } from "./chunk-limit.js";
import { put } from "./chunk-sender.js";
import { storable } from "./names.js";
import { createReading } from "./reading.js";
import { canRetry, retryDelay, sleep } from "./retry.js";
import { wishOf } from "./upload-view.js";

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

  const limit = new ChunkLimit();

  async function sendOnce(file, { signal, onProgress }) {
    const wish = {
      ...wishOf(file, { name: storable(file.name) }),
      fileSize: file.size,
      chunkSize: limit.size,
    };
    const begin = () => call("POST", `${base}/uploads`, { body: wish, signal });
    const { uploadId, chunkSize, chunksCount } = (await patiently(begin, signal)).data;
    const path = `${base}/uploads/${encodeURIComponent(uploadId)}`;
    let cuts = 0;
    const sendChunk = async (index) => {
      const from = index * chunkSize;
      const piece = file.slice(from, from + chunkSize);
      try {
        await sendPiece(`${path}/${index}`, piece, { signal, onProgress: (sent) => onProgress(from + Math.min(sent, piece.size)) });
      } catch (problem) {
        cuts = problem.status === 0 ? cuts + 1 : 0;
        throw await limit.reasonOf(problem, piece, { chunkSize, cuts, answers: () => call("GET", base, { query: { limit: 1 } }) });
      }
      cuts = 0;
      onProgress(from + piece.size);
    };
    try {
      for (let index = 0; index < chunksCount; index++) await patiently(() => sendChunk(index), signal);
      return (await patiently(() => call("POST", `${path}/complete`, { signal }), signal)).data;
    } catch (problem) {
      call("DELETE", path).catch(() => {}); // it would expire by itself
      throw problem;
    }
  }

  return {
    /** @param {number} offset @returns {Promise<object>} what `GET /api/share/{slug}` answers */
    list: async (offset = 0) => (await call("GET", base, { query: { offset, limit: PAGE } })).data,

    /** The cookie that comes with the answer opens the rest. @param {string} passcode */
    unlock: async (passcode) => void (await call("POST", base, { body: { passcode } })),

    ...createReading(send),

    /**
     * Sends one file in chunks. A chunk that fails is sent again, in smaller ones where something between takes no larger;
     * a refusal ends it, and gives its room back.
     * @param {File} file @param {{signal: AbortSignal, onProgress: (bytes: number) => void}} options
     */
    async send(file, options) {
      for (;;) {
        try {
          return await sendOnce(file, options);
        } catch (problem) {
          if (problem.code !== "CHUNKS_TOO_LARGE") throw problem;
        }
      }
    },
  };
}
