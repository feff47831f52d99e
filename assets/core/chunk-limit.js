// How large a chunk may be on this line. Some proxies refuse or cut off bodies above a size of their own; then all
// uploads of this page use smaller ones.

import { Problem } from "./api.js";
import { assertReadable } from "./readable.js";

/** The server makes no smaller ones. */
const SMALLEST = 64 << 10;
/** A body that is cut off this often in a row, while other requests get through, is too large for something between. */
const CUTS = 3;

export class ChunkLimit {
  /** Bytes of a chunk; undefined: as the server likes. @type {number | undefined} */
  size = undefined;

  /**
   * Whether a failed chunk calls for smaller ones.
   * @param {{status: number, code: string}} error
   * @param {{chunkSize: number, cuts: number, answers: () => Promise<unknown>}} facts `cuts` in a row so far; `answers`
   *   asks the server something small
   */
  async isTooLarge(error, { chunkSize, cuts, answers }) {
    if (chunkSize <= SMALLEST) return false;
    // The server's own refusals have words of theirs; one is that this is too much for a single request.
    if (error.status === 413) return error.code === "HTTP_413" || error.code === "BODY_TOO_LARGE";
    if (error.status !== 0 || cuts < CUTS) return false;
    return answers().then(
      () => true,
      () => false,
    );
  }

  /**
   * What a chunk failed with: that it must go in smaller ones (CHUNKS_TOO_LARGE), or what it was. Rejects when the file
   * cannot be read any more, which looks like a line that is down.
   * @param {Problem} error @param {Blob} blob @param {object} facts as above
   */
  async reasonOf(error, blob, facts) {
    if (error.status === 0) await assertReadable(blob);
    if (!(await this.isTooLarge(error, facts))) return error;
    this.halve(facts.chunkSize);
    return new Problem({ status: -1, code: "CHUNKS_TOO_LARGE", message: error.message });
  }

  /** @param {number} chunkSize that did not get through */
  halve(chunkSize) {
    const half = Math.max(SMALLEST, Math.floor(chunkSize / 2 / SMALLEST) * SMALLEST);
    this.size = Math.min(this.size ?? half, half);
  }
}
