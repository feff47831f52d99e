// SHA-256 compression as WebAssembly, assembled here at run time: twice as fast as plain JavaScript, and no binary to
// ship or trust. The module has one memory and one function `compress(start, end)` over whole blocks, all 64 rounds
// unrolled so that the working variables and the schedule stay in registers.

import { BLOCK_BYTES, INITIAL_STATE, ROUND_CONSTANTS } from "./sha256-constants.js";

// Memory: the eight state words at 0, data from DATA_START. One page is 64 KiB; the first holds the state.
const PAGES = 17;
const DATA_START = 64;
const DATA_BYTES = 1 << 20;

const I32 = 0x7f;
const Op = {
  loop: 0x03, end: 0x0b, branchIf: 0x0d, localGet: 0x20, localSet: 0x21, localTee: 0x22, load: 0x28, store: 0x36,
  constant: 0x41, lessUnsigned: 0x49, add: 0x6a, and: 0x71, or: 0x72, xor: 0x73, shiftRight: 0x76, rotateLeft: 0x77,
  rotateRight: 0x78,
};

// Locals: the two parameters, then the working variables, the schedule ring, one temporary, the chaining state.
const START = 0;
const END = 1;
const WORK = 2;
const SCHEDULE = WORK + 8;
const TEMPORARY = SCHEDULE + 16;
const STATE = TEMPORARY + 1;
const DECLARED_LOCALS = STATE + 8 - 2;

/** @returns {import("./hash.js").Compressor} */
export function createWasmCompressor() {
  const instance = new WebAssembly.Instance(compiled());
  const { memory, compress } = instance.exports;
  const state = new Uint32Array(memory.buffer, 0, 8);
  const data = new Uint8Array(memory.buffer, DATA_START, DATA_BYTES);
  state.set(INITIAL_STATE);
  return {
    name: "wasm",
    process(bytes, start, end) {
      for (let at = start; at < end; at += DATA_BYTES) {
        const length = Math.min(DATA_BYTES, end - at);
        data.set(bytes.subarray(at, at + length));
        compress(DATA_START, DATA_START + length);
      }
    },
    state: () => state.slice(),
  };
}

let module = null;

function compiled() {
  module ??= new WebAssembly.Module(assemble());
  return module;
}

function unsigned(value) {
  const out = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    out.push(value === 0 ? low : low | 0x80);
  } while (value !== 0);
  return out;
}

function signed(value) {
  const out = [];
  for (;;) {
    const low = value & 0x7f;
    value >>= 7;
    const last = (value === 0 && (low & 0x40) === 0) || (value === -1 && (low & 0x40) !== 0);
    out.push(last ? low : low | 0x80);
    if (last) return out;
  }
}

/** Collects instructions; every method returns the same object, so a line reads like the stack code it emits. */
class Code {
  bytes = [];
  emit(...bytes) {
    this.bytes.push(...bytes);
    return this;
  }
  get = (local) => this.emit(Op.localGet, ...unsigned(local));
  set = (local) => this.emit(Op.localSet, ...unsigned(local));
  tee = (local) => this.emit(Op.localTee, ...unsigned(local));
  number = (value) => this.emit(Op.constant, ...signed(value | 0));
  load = (offset, alignment = 2) => this.emit(Op.load, alignment, ...unsigned(offset));
  store = (offset) => this.emit(Op.store, 2, ...unsigned(offset));
  rotated = (local, bits) => this.get(local).number(bits).emit(Op.rotateRight);
}

/** WebAssembly loads are little-endian, SHA-256 words are big-endian: swap the bytes of each of the 16 words. */
function loadBlock(code) {
  for (let i = 0; i < 16; i++) {
    code.get(START).load(i * 4, 0).tee(TEMPORARY).number(8).emit(Op.rotateLeft).number(0x00ff00ff).emit(Op.and);
    code.get(TEMPORARY).number(24).emit(Op.rotateLeft).number(0xff00ff00).emit(Op.and, Op.or).set(SCHEDULE + i);
  }
}

function extendSchedule(code, round) {
  const word = (i) => SCHEDULE + (i & 15);
  code.get(word(round));
  code.rotated(word(round - 15), 7).rotated(word(round - 15), 18).emit(Op.xor);
  code.get(word(round - 15)).number(3).emit(Op.shiftRight, Op.xor, Op.add);
  code.get(word(round - 7)).emit(Op.add);
  code.rotated(word(round - 2), 17).rotated(word(round - 2), 19).emit(Op.xor);
  code.get(word(round - 2)).number(10).emit(Op.shiftRight, Op.xor, Op.add).set(word(round));
}

/** One round. Instead of moving a..h along, the names move: variable k of a round lives in local (k - round) mod 8. */
function emitRound(code, round) {
  if (round >= 16) extendSchedule(code, round);
  const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map((k) => WORK + ((k - round) & 7));
  code.get(h);
  code.rotated(e, 6).rotated(e, 11).emit(Op.xor).rotated(e, 25).emit(Op.xor, Op.add);
  code.get(g).get(e).get(f).get(g).emit(Op.xor, Op.and, Op.xor, Op.add);
  code.number(ROUND_CONSTANTS[round]).emit(Op.add).get(SCHEDULE + (round & 15)).emit(Op.add).set(TEMPORARY);
  code.get(d).get(TEMPORARY).emit(Op.add).set(d);
  code.get(TEMPORARY);
  code.rotated(a, 2).rotated(a, 13).emit(Op.xor).rotated(a, 22).emit(Op.xor, Op.add);
  code.get(a).get(b).emit(Op.and).get(c).get(a).get(b).emit(Op.or, Op.and, Op.or, Op.add).set(h);
}

function compressBody() {
  const code = new Code();
  for (let i = 0; i < 8; i++) code.number(0).load(i * 4).set(STATE + i);
  code.emit(Op.loop, 0x40);
  loadBlock(code);
  for (let i = 0; i < 8; i++) code.get(STATE + i).set(WORK + i);
  for (let round = 0; round < 64; round++) emitRound(code, round);
  for (let i = 0; i < 8; i++) code.get(STATE + i).get(WORK + i).emit(Op.add).set(STATE + i);
  code.get(START).number(BLOCK_BYTES).emit(Op.add).tee(START).get(END).emit(Op.lessUnsigned, Op.branchIf, 0, Op.end);
  for (let i = 0; i < 8; i++) code.number(0).get(STATE + i).store(i * 4);
  return code.emit(Op.end).bytes;
}

/** The binary module: header, then type, function, memory, export and code sections. */
function assemble() {
  const sized = (bytes) => [...unsigned(bytes.length), ...bytes];
  const section = (id, bytes) => [id, ...sized(bytes)];
  const name = (text) => sized([...text].map((letter) => letter.charCodeAt(0)));
  const body = [1, ...unsigned(DECLARED_LOCALS), I32, ...compressBody()];
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 2, I32, I32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, PAGES]),
    ...section(7, [2, ...name("memory"), 2, 0, ...name("compress"), 0, 0]),
    ...section(10, [1, ...sized(body)]),
  ]);
}
