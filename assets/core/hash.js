// SHA-256 over bytes that arrive in pieces, and over a whole file without holding it in memory.
// The browser's own digest takes everything at once and is absent on plain http, so the streaming one is ours.

import { BLOCK_BYTES } from "./sha256-constants.js";
import { createPlainCompressor } from "./sha256-plain.js";
import { createWasmCompressor } from "./sha256-wasm.js";

/**
 * @typedef {object} Compressor
 * @property {"plain" | "wasm"} name
 * @property {(bytes: Uint8Array, start: number, end: number) => void} process whole blocks only
 * @property {() => Uint32Array} state the eight words so far
 */

/** How often it is looked whether to go on. */
const SLICE_BYTES = 4 << 20;
/** How much is read at once, where it may be chosen, and how long that may take. */
const READ_BYTES = 1 << 20;
const STALL_MS = 10_000;

/** WebAssembly where the page may use it, else plain JavaScript. @returns {Compressor} */
export function bestCompressor() {
  try {
    return createWasmCompressor();
  } catch {
    return createPlainCompressor();
  }
}

export class Sha256 {
  #compressor;
  #tail = new Uint8Array(BLOCK_BYTES);
  #tailLength = 0;
  #length = 0;

  /** @param {Compressor} [compressor] */
  constructor(compressor = bestCompressor()) {
    this.#compressor = compressor;
  }

  /** @param {Uint8Array} bytes */
  update(bytes) {
    this.#length += bytes.length;
    let at = 0;
    if (this.#tailLength > 0) {
      at = Math.min(BLOCK_BYTES - this.#tailLength, bytes.length);
      this.#tail.set(bytes.subarray(0, at), this.#tailLength);
      this.#tailLength += at;
      if (this.#tailLength < BLOCK_BYTES) return this;
      this.#compressor.process(this.#tail, 0, BLOCK_BYTES);
      this.#tailLength = 0;
    }
    const whole = bytes.length - ((bytes.length - at) % BLOCK_BYTES);
    if (whole > at) this.#compressor.process(bytes, at, whole);
    this.#tail.set(bytes.subarray(whole));
    this.#tailLength = bytes.length - whole;
    return this;
  }

  /** Ends the hash. @returns {string} 64 lower-case hex digits */
  hex() {
    const bits = this.#length * 8;
    const padded = new Uint8Array(this.#tailLength < 56 ? BLOCK_BYTES : 2 * BLOCK_BYTES);
    padded.set(this.#tail.subarray(0, this.#tailLength));
    padded[this.#tailLength] = 0x80;
    const view = new DataView(padded.buffer);
    view.setUint32(padded.length - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(padded.length - 4, bits >>> 0);
    this.#compressor.process(padded, 0, padded.length);
    return Array.from(this.#compressor.state(), (word) => word.toString(16).padStart(8, "0")).join("");
  }
}

/** @param {Uint8Array | string} data @returns {string} */
export function sha256Hex(data) {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  return new Sha256(createPlainCompressor()).update(bytes).hex();
}

/**
 * Hashes a file without holding it in memory.
 * @param {Blob} blob
 * @param {{signal?: AbortSignal, onProgress?: (bytes: number) => void, compressor?: Compressor,
 *          sliceBytes?: number, stallMs?: number}} [options] after each slice it is told how far it is, and looked whether to
 *   go on
 * @returns {Promise<string>}
 */
export async function hashBlob(blob, { signal, onProgress, compressor, sliceBytes = SLICE_BYTES, stallMs = STALL_MS } = {}) {
  const hash = new Sha256(compressor);
  let at = 0;
  for await (let rest of pieces(blob, stallMs)) {
    while (rest.length > 0) {
      const piece = rest.subarray(0, sliceBytes - (at % sliceBytes));
      hash.update(piece);
      at += piece.length;
      rest = rest.subarray(piece.length);
      if (at % sliceBytes !== 0 && at !== blob.size) continue;
      signal?.throwIfAborted();
      onProgress?.(at);
    }
  }
  return hash.hex();
}

/**
 * The bytes of a file, through one buffer that is filled again and again: buffers made anew for each piece, slices and
 * streams of them pile up to hundreds of megabytes before browsers collect them. But Chromium's reader into a buffer now
 * and then brings nothing more for ever; then another goes on where it stopped, and where that does not help or there is
 * none, the plain one. What was given holds until the next is asked for.
 */
async function* pieces(blob, stallMs) {
  let at = 0;
  for (let before = -1; before < at; ) {
    before = at;
    for await (const piece of filled(blob.slice(at), stallMs)) {
      at += piece.length;
      yield piece;
    }
    if (at >= blob.size) return;
  }
  const reader = blob.slice(at).stream().getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Ends with the file, or earlier where it brings nothing for too long. */
async function* filled(blob, stallMs) {
  const reader = filling(blob.stream());
  try {
    for (let buffer = new ArrayBuffer(READ_BYTES); reader !== null; ) {
      const part = await inTime(reader.read(new Uint8Array(buffer)), stallMs);
      if (part === null || part.done) return;
      const { buffer: again } = part.value;
      yield part.value;
      buffer = again;
    }
  } finally {
    reader?.cancel().catch(() => {});
  }
}

function filling(stream) {
  try {
    return stream.getReader({ mode: "byob" });
  } catch {
    return null; // an older browser
  }
}

/** @returns {Promise<any>} null when it takes too long */
function inTime(work, ms) {
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, ms, null)));
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
