// SHA-256 against published vectors and against Node's own, for both compressors.

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { bestCompressor, hashBlob, Sha256, sha256Hex } from "../../../assets/core/hash.js";
import { Hasher } from "../../../assets/core/hasher.js";
import { createPlainCompressor } from "../../../assets/core/sha256-plain.js";
import { createWasmCompressor } from "../../../assets/core/sha256-wasm.js";

const COMPRESSORS = { plain: createPlainCompressor, wasm: createWasmCompressor };
const oracle = (bytes) => createHash("sha256").update(bytes).digest("hex");

// FIPS 180-4 examples and NIST's additional test vectors.
const VECTORS = [
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
  [
    "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
  ],
  ["a".repeat(1_000_000), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"],
  ["\xbd", "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b"],
  [Buffer.alloc(55), "02779466cdec163811d078815c633f21901413081449002f24aa3e80f0b88ef7"],
  [Buffer.alloc(64), "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b"],
];

for (const [name, create] of Object.entries(COMPRESSORS)) {
  test(`${name}: the published vectors`, () => {
    for (const [text, expected] of VECTORS) {
      const bytes = typeof text === "string" ? Buffer.from(text, "latin1") : text;
      assert.equal(new Sha256(create()).update(bytes).hex(), expected);
    }
  });

  test(`${name}: every length from 0 to 300`, () => {
    const bytes = randomBytes(300);
    for (let length = 0; length <= 300; length++) {
      const part = bytes.subarray(0, length);
      assert.equal(new Sha256(create()).update(part).hex(), oracle(part), `length ${length}`);
    }
  });

  test(`${name}: any way of cutting the input gives the same`, () => {
    const bytes = randomBytes(100_000);
    for (let round = 0; round < 50; round++) {
      const hash = new Sha256(create());
      for (let at = 0; at < bytes.length;) {
        const end = at + Math.floor(Math.random() ** 3 * 9000);
        hash.update(bytes.subarray(at, end));
        at = end;
      }
      assert.equal(hash.hex(), oracle(bytes));
    }
  });

  test(`${name}: inputs around and above the compressor's buffer`, () => {
    for (const length of [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5_000_003, 9 << 20]) {
      const bytes = randomBytes(length);
      assert.equal(new Sha256(create()).update(bytes).hex(), oracle(bytes), `length ${length}`);
    }
  });
}

test("the length in bits goes beyond 32 bits", () => {
  const hash = new Sha256();
  const reference = createHash("sha256");
  const bytes = randomBytes(8 << 20);
  for (let i = 0; i < 65; i++) {
    hash.update(bytes);
    reference.update(bytes);
  }
  assert.equal(hash.hex(), reference.digest("hex"));
});

test("two hashes at the same time do not disturb each other", () => {
  const [a, b] = [new Sha256(createWasmCompressor()), new Sha256(createWasmCompressor())];
  a.update(Buffer.from("a".repeat(70)));
  b.update(Buffer.from("b".repeat(70)));
  assert.equal(a.hex(), oracle("a".repeat(70)));
  assert.equal(b.hex(), oracle("b".repeat(70)));
});

test("WebAssembly is taken where it is allowed, plain JavaScript where not", (t) => {
  assert.equal(bestCompressor().name, "wasm");
  t.mock.method(WebAssembly, "Instance", function refused() {
    throw new WebAssembly.CompileError("refused by policy");
  });
  assert.equal(bestCompressor().name, "plain");
  assert.equal(sha256Hex("abc"), VECTORS[1][1]);
});

test("a blob is hashed slice by slice, tells how far it is, and can be stopped", async () => {
  const bytes = randomBytes(1_000_001);
  const seen = [];
  const hex = await hashBlob(new Blob([bytes]), { sliceBytes: 300_000, onProgress: (done) => seen.push(done) });
  assert.equal(hex, oracle(bytes));
  assert.deepEqual(seen, [300_000, 600_000, 900_000, 1_000_001]);
  assert.equal(await hashBlob(new Blob([])), VECTORS[0][1]);

  const control = new AbortController();
  const stopped = hashBlob(new Blob([bytes]), {
    sliceBytes: 1000,
    signal: control.signal,
    onProgress: () => control.abort(),
  });
  await assert.rejects(stopped, { name: "AbortError" });
});

/**
 * A file whose streams fill the reader's own buffer, or hand out their own where `type` is undefined; the first `stalls`
 * of them stop for ever after some bytes.
 */
function streamed(bytes, { type, stalls = 0, after = 3000 }) {
  const seen = { views: [], streams: 0 };
  const from = (start) => ({
    size: bytes.length - start,
    slice: (skip) => from(start + skip),
    stream: () => {
      const doesStall = seen.streams++ < stalls;
      let at = start;
      const pull = (control) => {
        if (doesStall && at - start >= after) return new Promise(() => {});
        const view = control.byobRequest?.view ?? null;
        const length = Math.min(300, bytes.length - at);
        const piece = bytes.slice(at, (at += length));
        seen.views.push(view?.byteLength);
        if (length === 0) return [control.close(), control.byobRequest?.respond(0)];
        if (view === null) return control.enqueue(new Uint8Array(piece));
        new Uint8Array(view.buffer, view.byteOffset).set(piece);
        return control.byobRequest.respond(length);
      };
      return new ReadableStream({ type, pull });
    },
  });
  return Object.assign(from(0), { seen });
}

test("a file is read into one buffer where the browser can, and from its own pieces where not", async () => {
  const bytes = randomBytes(10_000);
  const modern = streamed(bytes, { type: "bytes" });
  assert.equal(await hashBlob(modern), oracle(bytes));
  assert.ok(modern.seen.views.every((length) => length === 1 << 20), "each time the whole of one buffer");
  assert.equal(modern.seen.streams, 1);
  const older = streamed(bytes, {});
  assert.equal(await hashBlob(older), oracle(bytes));
  assert.ok(older.seen.views.length > 30 && older.seen.views.every((length) => length === undefined));
});

test("a reader that stops for ever is given up, and another goes on where it stopped", async () => {
  const bytes = randomBytes(10_000);
  const sometimes = streamed(bytes, { type: "bytes", stalls: 2 });
  assert.equal(await hashBlob(sometimes, { stallMs: 20 }), oracle(bytes));
  assert.equal(sometimes.seen.streams, 3);
  assert.ok(!sometimes.seen.views.includes(undefined));
  const atOnce = streamed(bytes, { type: "bytes", stalls: 1, after: 0 });
  assert.equal(await hashBlob(atOnce, { stallMs: 20 }), oracle(bytes), "by the plain reader");
  assert.equal(atOnce.seen.streams, 2);
});

/** A worker of the same behaviour as hash-worker.js, in this thread. */
class FakeWorker extends EventTarget {
  static made = [];
  sent = [];
  constructor() {
    super();
    FakeWorker.made.push(this);
  }
  postMessage(message) {
    this.sent.push(message);
  }
  answer(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }
}

test("the hasher uses at most two workers and hands each answer to its own job", async () => {
  FakeWorker.made = [];
  const hasher = new Hasher({ spawn: () => new FakeWorker() });
  const jobs = ["one", "two", "three"].map((text) => hasher.hash(new Blob([text])));
  await Promise.resolve();
  assert.equal(FakeWorker.made.length, 2);
  const messages = FakeWorker.made.flatMap((worker) => worker.sent.map((message) => ({ worker, ...message })));
  assert.equal(messages.length, 3);
  for (const { worker, job } of messages) {
    worker.answer({ job, bytes: 1 });
    worker.answer({ job, hex: `hash of ${job}` });
  }
  assert.deepEqual((await Promise.all(jobs)).toSorted(), ["hash of 1", "hash of 2", "hash of 3"]);
});

test("the hasher goes on in this thread when its worker cannot start", async () => {
  FakeWorker.made = [];
  const hasher = new Hasher({ spawn: () => new FakeWorker() });
  const hex = hasher.hash(new Blob(["abc"]));
  await Promise.resolve();
  FakeWorker.made[0].dispatchEvent(new Event("error"));
  assert.equal(await hex, VECTORS[1][1]);
  assert.equal(await hasher.hash(new Blob(["abc"])), VECTORS[1][1]);
  assert.equal(FakeWorker.made.length, 1, "it does not try again");
});

test("the browser's digest is used for small files where it exists", async () => {
  const { subtle } = globalThis.crypto;
  const hasher = new Hasher({ subtle, spawn: () => assert.fail("no worker is needed") });
  assert.equal(await hasher.hash(new Blob(["abc"])), VECTORS[1][1]);
});
