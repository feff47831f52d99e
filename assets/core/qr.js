// QR codes (ISO/IEC 18004) of texts, so that a phone can read an address from the screen: bytes, error correction M,
// versions 1 to 20 (up to 666 bytes).

const VERSION_MAX = 20;
/** Bytes of error correction in each block, and blocks, by version. */
const CORRECTION = [0, 10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [0, 1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
const BYTE_MODE = 0b0100;
/** Format bits of the level M, before the mask's number. */
const LEVEL_M = 0;

/** @param {string} text @returns {boolean[][]} rows of modules, true for dark, without the quiet zone */
export function qr(text) {
  const content = new TextEncoder().encode(text);
  const version = versionFor(content.length);
  const bytes = interleaved(dataBytes(content, version), version);
  const blank = patterns(version);
  let best = null;
  for (let mask = 0; mask < 8; mask++) {
    const tried = drawn(blank, bytes, mask);
    const cost = penalty(tried);
    if (best === null || cost < best.cost) best = { cost, rows: tried };
  }
  return best.rows;
}

/** Bits that the version has for data and correction together. */
function rawBits(version) {
  const aligned = version === 1 ? 0 : Math.floor(version / 7) + 2;
  const alignment = aligned === 0 ? 0 : (25 * aligned - 10) * aligned - 55;
  return (16 * version + 128) * version + 64 - alignment - (version >= 7 ? 36 : 0);
}

const room = (version) => Math.floor(rawBits(version) / 8) - CORRECTION[version] * BLOCKS[version];
const lengthBits = (version) => (version < 10 ? 8 : 16);

function versionFor(length) {
  for (let version = 1; version <= VERSION_MAX; version++)
    if (4 + lengthBits(version) + length * 8 <= room(version) * 8) return version;
  throw new RangeError("the text is too long for a QR code");
}

/** Mode, length, content, and padding up to what the version holds. */
function dataBytes(content, version) {
  const bits = [];
  const push = (value, count) => {
    for (let at = count - 1; at >= 0; at--) bits.push((value >>> at) & 1);
  };
  push(BYTE_MODE, 4);
  push(content.length, lengthBits(version));
  for (const byte of content) push(byte, 8);
  const capacity = room(version) * 8;
  push(0, Math.min(4, capacity - bits.length));
  push(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < capacity; pad ^= 0xec ^ 0x11) push(pad, 8);
  return Array.from({ length: capacity / 8 }, (_, at) => bits.slice(at * 8, at * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0));
}

/** Blocks with their correction, one byte of each in turn. The last blocks may be a byte longer. */
function interleaved(data, version) {
  const [count, correction] = [BLOCKS[version], CORRECTION[version]];
  const all = Math.floor(rawBits(version) / 8);
  const short = Math.floor(all / count) - correction;
  const shorts = count - (all % count);
  const divisor = generator(correction);
  const blocks = [];
  for (let at = 0, from = 0; at < count; at++) {
    const part = data.slice(from, (from += short + (at < shorts ? 0 : 1)));
    blocks.push({ part, rest: remainder(part, divisor) });
  }
  const result = [];
  for (let at = 0; at <= short; at++) for (const { part } of blocks) if (at < part.length) result.push(part[at]);
  for (let at = 0; at < correction; at++) for (const { rest } of blocks) result.push(rest[at]);
  return result;
}

/** The product in GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1. */
function times(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

/** Coefficients of (x - 1)(x - 2)(x - 4)…, without the leading one. */
function generator(degree) {
  const result = new Array(degree).fill(0);
  result[degree - 1] = 1;
  for (let round = 0, root = 1; round < degree; round++, root = times(root, 2))
    for (let at = 0; at < degree; at++) result[at] = times(result[at], root) ^ (result[at + 1] ?? 0);
  return result;
}

function remainder(data, divisor) {
  const result = new Array(divisor.length).fill(0);
  for (const byte of data) {
    const factor = byte ^ result.shift();
    result.push(0);
    divisor.forEach((coefficient, at) => (result[at] ^= times(coefficient, factor)));
  }
  return result;
}

/** What every code of the version has; undefined where data goes. */
function patterns(version) {
  const size = version * 4 + 17;
  const rows = Array.from({ length: size }, () => new Array(size).fill(undefined));
  const set = (x, y, dark) => {
    if (x >= 0 && y >= 0 && x < size && y < size) rows[y][x] = dark;
  };
  for (let at = 0; at < size; at++) {
    set(6, at, at % 2 === 0);
    set(at, 6, at % 2 === 0);
  }
  const square = (x, y, reach, light) => {
    for (let dy = -reach; dy <= reach; dy++)
      for (let dx = -reach; dx <= reach; dx++) set(x + dx, y + dy, !light.includes(Math.max(Math.abs(dx), Math.abs(dy))));
  };
  const places = alignments(version, size);
  for (const x of places)
    for (const y of places) if (!isCorner(x, y, size)) square(x, y, 2, [1]);
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, [2, 4]);
  drawFormat(set, size, 0);
  if (version >= 7) drawVersion(set, size, version);
  return rows;
}

const isCorner = (x, y, size) => (x === 6 && y === 6) || (x === 6 && y === size - 7) || (x === size - 7 && y === 6);

function alignments(version, size) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.floor((version * 8 + count * 3 + 5) / (count * 4 - 4)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, at) => size - 7 - at * step)];
}

/** Level and mask, with their own correction (BCH), at two places. */
function drawFormat(set, size, mask) {
  const data = (LEVEL_M << 3) | mask;
  let rest = data;
  for (let round = 0; round < 10; round++) rest = (rest << 1) ^ ((rest >>> 9) * 0x537);
  const bits = ((data << 10) | rest) ^ 0x5412;
  const bit = (at) => ((bits >>> at) & 1) === 1;
  for (let at = 0; at < 6; at++) set(8, at, bit(at));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let at = 9; at < 15; at++) set(14 - at, 8, bit(at));
  for (let at = 0; at < 8; at++) set(size - 1 - at, 8, bit(at));
  for (let at = 8; at < 15; at++) set(8, size - 15 + at, bit(at));
  set(8, size - 8, true);
}

function drawVersion(set, size, version) {
  let rest = version;
  for (let round = 0; round < 12; round++) rest = (rest << 1) ^ ((rest >>> 11) * 0x1f25);
  const bits = (version << 12) | rest;
  for (let at = 0; at < 18; at++) {
    const [far, near] = [size - 11 + (at % 3), Math.floor(at / 3)];
    set(far, near, ((bits >>> at) & 1) === 1);
    set(near, far, ((bits >>> at) & 1) === 1);
  }
}

const MASKS = [
  (x, y) => (x + y) % 2 === 0,
  (_, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

/** Data in columns of two from the right, up and down in turn, over the column of the timing pattern. */
function drawn(blank, bytes, mask) {
  const size = blank.length;
  const rows = blank.map((row) => [...row]);
  let bit = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    const isUp = ((right + 1) & 2) === 0;
    for (let step = 0; step < size; step++) {
      const y = isUp ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (blank[y][x] !== undefined) continue;
        const dark = ((bytes[bit >>> 3] >>> (7 - (bit & 7))) & 1) === 1;
        rows[y][x] = dark !== MASKS[mask](x, y);
        bit++;
      }
    }
  }
  drawFormat((x, y, dark) => (rows[y][x] = dark), size, mask);
  return rows;
}

/** How hard a code is to read: long runs, blocks, what looks like a finder, more dark than light. */
function penalty(rows) {
  const size = rows.length;
  const columns = rows.map((_, x) => rows.map((row) => row[x]));
  let cost = 0;
  for (const line of [...rows, ...columns]) {
    const text = line.map(Number).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) cost += run.length - 2;
    cost += 40 * (text.match(/(?=10111010000|00001011101)/g) ?? []).length;
  }
  for (let y = 1; y < size; y++)
    for (let x = 1; x < size; x++)
      if (new Set([rows[y][x], rows[y - 1][x], rows[y][x - 1], rows[y - 1][x - 1]]).size === 1) cost += 3;
  const dark = rows.flat().filter(Boolean).length / size ** 2;
  return cost + 10 * Math.floor(Math.abs(dark - 0.5) * 20);
}
