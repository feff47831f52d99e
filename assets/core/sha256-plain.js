// SHA-256 compression in plain JavaScript: the fallback where WebAssembly is refused, about half as fast.
// A compressor has `process(bytes, start, end)` over whole 64-byte blocks and `state()`; padding is hash.js's work.

import { BLOCK_BYTES, INITIAL_STATE, ROUND_CONSTANTS } from "./sha256-constants.js";

const K = Int32Array.from(ROUND_CONSTANTS, (n) => n | 0);

/** @returns {import("./hash.js").Compressor} */
export function createPlainCompressor() {
  const state = Int32Array.from(INITIAL_STATE, (n) => n | 0);
  const schedule = new Int32Array(64);
  return {
    name: "plain",
    process(bytes, start, end) {
      for (let at = start; at < end; at += BLOCK_BYTES) {
        expand(schedule, bytes, at);
        compress(state, schedule);
      }
    },
    state: () => Uint32Array.from(state, (n) => n >>> 0),
  };
}

/** The 16 words of the block and the 48 derived from them. */
function expand(w, bytes, at) {
  for (let i = 0; i < 16; i++, at += 4) {
    w[i] = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15];
    const y = w[i - 2];
    const small0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const small1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = (w[i - 16] + small0 + w[i - 7] + small1) | 0;
  }
}

function compress(state, w) {
  let a = state[0];
  let b = state[1];
  let c = state[2];
  let d = state[3];
  let e = state[4];
  let f = state[5];
  let g = state[6];
  let h = state[7];
  for (let i = 0; i < 64; i++) {
    const big1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const choice = g ^ (e & (f ^ g));
    const t1 = (h + big1 + choice + K[i] + w[i]) | 0;
    const big0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const majority = (a & b) | (c & (a | b));
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + big0 + majority) | 0;
  }
  state[0] += a;
  state[1] += b;
  state[2] += c;
  state[3] += d;
  state[4] += e;
  state[5] += f;
  state[6] += g;
  state[7] += h;
}
