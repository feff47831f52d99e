// The upload itself: order, retries, pauses, resuming, and what the server may answer.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServer, file, gate, problem, rowOf, setUp, until } from "./fakes.mjs";

const TEXT = "The quick brown fox jumps over the lazy dog, twice: once for show."; // 66 bytes, 7 chunks of 10
const isDone = (store, name) => () => rowOf(store, name)?.state === "done";

test("sends every chunk once, three at a time, completes and compares hashes", async () => {
  const { server, store, uploader, states } = setUp();
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/Animals" }]);
  await until(store, isDone(store));
  const [task] = server.tasks.values();
  assert.equal(task.bytes.toString(), TEXT);
  assert.equal(task.folder, "/Animals");
  assert.equal(task.lastModified, "1970-01-01T00:00:01.000Z");
  assert.ok(!("hash" in task), "the upload starts without a hash");
  assert.deepEqual(server.chunksOf("task1").toSorted(), [0, 1, 2, 3, 4, 5, 6]);
  assert.equal(server.most, 3);
  const view = rowOf(store);
  assert.deepEqual([view.verified, view.fileId, view.sent, view.durable], [true, "file of task1", 66, 66]);
  assert.deepEqual(states, ["queued", "sending", "verifying", "done"]);
});

test("chunks that finish in another order are counted right", async () => {
  const { server, store, uploader } = setUp();
  const first = gate();
  server.onChunk = (index) => (index === 0 ? first.passed : undefined);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.durable === 56);
  const view = rowOf(store);
  assert.equal(view.sent, 56 + 5, "half of the first chunk has left");
  assert.equal(view.state, "sending");
  first.open();
  await until(store, isDone(store));
});

test("an empty file needs no chunk", async () => {
  const { server, store, uploader } = setUp();
  uploader.add([{ file: file("empty", ""), folder: "/" }]);
  await until(store, isDone(store));
  assert.deepEqual(server.calls, ["create empty", "complete task1"]);
});

test("four small files at a time, two that are larger, in the order they came", async () => {
  const { server, store, uploader } = setUp();
  const all = gate();
  server.onChunk = () => all.passed;
  const states = () => [...store.uploads.values()].map(({ state }) => state);
  uploader.add(["a", "b", "c", "d", "e"].map((name) => ({ file: file(name, name), folder: "/" })));
  await until(store, () => server.calls.filter((call) => call.startsWith("chunk")).length === 4);
  assert.deepEqual(states(), ["sending", "sending", "sending", "sending", "queued"]);
  all.open();
  await until(store, () => states().every((state) => state === "done"));
  uploader.clear();
  server.onChunk = () => new Promise(() => {});
  const large = "x".repeat((1 << 20) + 1);
  uploader.add(["f", "g", "h"].map((name) => ({ file: file(name, name === "g" ? "g" : large), folder: "/" })));
  await until(store, () => states().filter((state) => state === "sending").length === 2);
  assert.deepEqual(states(), ["sending", "sending", "queued"]);
  uploader.clear();
});

test("a lost connection is waited out, with growing waits, and sends nothing twice", async () => {
  const { server, store, uploader, waits, states } = setUp();
  let failures = 4;
  server.onChunk = (index) => {
    if (index === 2 && failures-- > 0) throw problem(0, "NETWORK");
  };
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, isDone(store));
  assert.deepEqual(waits, [250, 500, 1000, 2000]);
  assert.ok(states.includes("waiting"));
  assert.equal(server.chunksOf("task1").length, 7 + 4);
  assert.equal(rowOf(store).error, "");
});

test("Retry-After is kept", async () => {
  const { server, store, uploader, waits } = setUp();
  let busy = 1;
  server.onChunk = () => {
    if (busy-- > 0) throw problem(429, "RATE_LIMITED", {}, 7);
  };
  uploader.add([{ file: file("a", "a"), folder: "/" }]);
  await until(store, isDone(store));
  assert.deepEqual(waits, [7000]);
});

test("a refusal ends it with its reason; trying again goes on where it was", async () => {
  const { server, store, uploader } = setUp();
  server.onChunk = (index) => {
    if (index === 5) throw problem(413, "CHUNK_TOO_LARGE");
  };
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "failed");
  assert.equal(rowOf(store).error, "CHUNK_TOO_LARGE happened");
  const stored = new Set(server.tasks.get("task1").chunks.keys());
  assert.equal(server.underWay, 0, "the other senders ended too");
  const before = server.chunksOf("task1").length;
  server.onChunk = () => {};
  uploader.retry(rowOf(store).key);
  await until(store, isDone(store));
  const again = server.chunksOf("task1").slice(before);
  assert.deepEqual(
    again.toSorted(),
    [0, 1, 2, 3, 4, 5, 6].filter((index) => !stored.has(index)),
  );
});

test("a server error is tried six times, then shown", async () => {
  const { server, store, uploader, waits } = setUp();
  server.before = (name) => {
    if (name === "complete") throw problem(500, "INTERNAL");
  };
  uploader.add([{ file: file("a", "a"), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "failed");
  assert.equal(waits.length, 5);
});

test("a chunk that is there already counts as sent", async () => {
  const { server, store, uploader } = setUp();
  server.onChunk = (index) => {
    if (index === 3) server.tasks.get("task1").chunks.set(3, Buffer.from(TEXT.slice(30, 40)));
  };
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, isDone(store));
  assert.equal(server.tasks.get("task1").bytes.toString(), TEXT);
});

test("chunks that the server misses at the end are sent again", async () => {
  const { server, store, uploader } = setUp();
  let lost = false;
  server.before = (name) => {
    if (name !== "complete" || lost) return;
    lost = true;
    for (const index of [1, 4]) server.tasks.get("task1").chunks.delete(index);
  };
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, isDone(store));
  assert.deepEqual(server.chunksOf("task1").slice(7), [1, 4]);
  assert.equal(server.tasks.get("task1").bytes.toString(), TEXT);
});

test("pausing stops at once and tells the server; resuming sends only what is missing", async () => {
  const { server, store, uploader } = setUp();
  const stuck = gate();
  server.onChunk = (index) => (index >= 3 ? stuck.passed : undefined);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.durable === 30 && server.underWay === 3);
  const { key } = rowOf(store);
  uploader.pause(key);
  assert.equal(rowOf(store).state, "paused");
  assert.deepEqual([rowOf(store).sent, rowOf(store).durable], [30, 30], "what was on its way does not count");
  stuck.open();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.tasks.get("task1").status, "Paused");
  const before = server.chunksOf("task1").length;
  await uploader.resume(key);
  await until(store, isDone(store));
  assert.deepEqual(server.chunksOf("task1").slice(before).toSorted(), [3, 4, 5, 6]);
  assert.ok(server.calls.indexOf("resume task1") > server.calls.indexOf("pause task1"));
  assert.equal(rowOf(store).verified, true);
});

test("a resume never overtakes its pause", async () => {
  const { server, store, uploader } = setUp();
  const stuck = gate();
  const slow = gate();
  server.onChunk = (index) => (index === 6 ? stuck.passed : undefined);
  server.before = (name) => (name === "pause" ? slow.passed : undefined);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.durable === 60);
  uploader.pause(rowOf(store).key);
  const resumed = uploader.resume(rowOf(store).key);
  stuck.open();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(rowOf(store).state, "queued");
  slow.open();
  await resumed;
  await until(store, isDone(store));
});

test("paused on another device, the next chunk is refused and the row says so; resumed there, it goes on", async () => {
  const { server, store, uploader } = setUp();
  server.onChunk = (index) => {
    if (index === 2) server.tasks.get("task1").status = "Paused";
  };
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "paused");
  server.onChunk = () => {};
  server.tasks.get("task1").status = "InProgress";
  assert.equal(uploader.handleEvent("task.resumed", { taskId: "task1" }), true);
  await until(store, isDone(store));
});

test("the echo of an own resume does not undo a pause that came after it", async () => {
  const { server, store, uploader } = setUp();
  const stuck = gate();
  server.onChunk = (index) => (index === 6 ? stuck.passed : undefined);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.durable === 60);
  const { key } = rowOf(store);
  uploader.pause(key);
  await uploader.resume(key);
  await until(store, () => server.calls.includes("resume task1"));
  uploader.pause(key);
  uploader.handleEvent("task.resumed", { taskId: "task1" }); // late
  assert.equal(rowOf(store).state, "paused");
  stuck.open();
});

test("cancelling tells the server and takes the row away; if it refuses, the row stays", async () => {
  const { server, store, uploader } = setUp();
  const stuck = gate();
  server.onChunk = () => stuck.passed;
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => server.underWay === 3);
  const { key } = rowOf(store);
  server.before = (name) => {
    if (name === "cancel") throw problem(500, "BROKEN");
  };
  await assert.rejects(uploader.cancel(key), { code: "BROKEN" });
  assert.equal(rowOf(store).state, "paused");
  server.before = () => {};
  await uploader.cancel(key);
  assert.equal(store.uploads.size, 0);
  assert.equal(server.tasks.get("task1").status, "Cancelled");
  stuck.open();
});

test("ended elsewhere: cancelled, expired, failed", async () => {
  for (const [type, data, words] of [
    ["task.cancelled", {}, /cancelled from another place/],
    ["task.expired", {}, /expired/],
    ["task.failed", { errorMessage: "The disk is full." }, /The disk is full/],
  ]) {
    const { server, store, uploader } = setUp();
    const stuck = gate();
    server.onChunk = () => stuck.passed;
    uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
    await until(store, () => server.underWay === 3);
    uploader.handleEvent(type, { taskId: "task1", ...data });
    assert.equal(rowOf(store).state, "failed");
    assert.match(rowOf(store).error, words);
    stuck.open();
  }
});

test("an upload that vanished at the server is begun anew", async () => {
  const { server, store, uploader } = setUp();
  server.onChunk = (index) => {
    if (index === 4) server.tasks.delete("task1") && server.tasks.set("swept", {});
  };
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, isDone(store));
  assert.equal(rowOf(store).taskId, "task2");
  assert.equal(server.tasks.get("task2").bytes.toString(), TEXT);
});

test("a server that needs longer is asked until it is done", async () => {
  const { server, store, uploader } = setUp();
  const transport = server.transport();
  let asked = 0;
  const slow = new FakeServer();
  slow.transport = () => ({
    ...transport,
    completeUpload: async (id) => (asked++ === 0 ? null : transport.completeUpload(id)),
    uploadProgress: async () => ({ status: asked++ < 4 ? "InProgress" : "Completed" }),
  });
  const other = setUp(slow);
  other.uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(other.store, isDone(other.store));
  assert.ok(other.waits.every((wait) => wait === 2000) && other.waits.length >= 3);
  assert.equal(store.uploads.size + uploader.drives("task1"), 0);
});

test("a file that arrives changed is refused by the server, and a retry is another upload", async () => {
  const { server, store, uploader, hasher } = setUp();
  const right = hasher.hash;
  hasher.hash = async () => "0".repeat(64);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "failed");
  assert.match(rowOf(store).error, /HASH_MISMATCH/);
  assert.equal(server.tasks.get("task1").status, "Failed");
  hasher.hash = right;
  uploader.retry(rowOf(store).key);
  await until(store, isDone(store));
  assert.equal(server.tasks.get("task2").bytes.toString(), TEXT);
});

test("different checksums are a loud failure, and a retry is another upload", async () => {
  const { server, store, uploader, hasher } = setUp();
  server.checksHash = false; // a copy that goes bad behind the server's back
  const right = hasher.hash;
  hasher.hash = async () => "0".repeat(64);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "failed");
  assert.match(rowOf(store).error, /checksums disagree/);
  hasher.hash = right;
  uploader.retry(rowOf(store).key);
  await until(store, isDone(store));
  assert.equal(server.tasks.size, 2);
});

test("a hash that could not be computed leaves the upload done, but not verified", async () => {
  const { store, uploader, hasher } = setUp();
  hasher.hash = async () => {
    throw new Error("no memory");
  };
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, isDone(store));
  assert.equal(rowOf(store).verified, false);
});

test("a file that cannot be read any more asks for it again instead of waiting for the line", async () => {
  const { server, store, uploader } = setUp();
  const changed = file("fox.txt", TEXT);
  server.onChunk = (index) => {
    if (index !== 3) return;
    changed.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) });
    throw problem(0, "NETWORK");
  };
  const slices = changed.slice.bind(changed);
  const broken = { arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) };
  changed.slice = (from, to) => {
    const blob = slices(from, to);
    if (from === 30) blob.slice = () => broken;
    return blob;
  };
  uploader.add([{ file: changed, folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "needs-file");
  assert.match(rowOf(store).error, /can no longer be read/);
  server.onChunk = () => {};
  assert.equal(await uploader.adopt(rowOf(store).key, file("fox.txt", TEXT)), true);
  await until(store, isDone(store));
});

test("nothing is sent while signed out; it goes on after signing in", async () => {
  const { server, store, uploader } = setUp();
  uploader.setAccount(null);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "waiting");
  assert.deepEqual(server.calls, []);
  uploader.setAccount("anna");
  await until(store, isDone(store));
});

test("another account does not inherit uploads", async () => {
  const { store, uploader } = setUp();
  uploader.setAccount(null);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  uploader.setAccount("berta");
  assert.equal(store.uploads.size, 0);
});

test("what is cancelled while the server makes it is cancelled there too", async () => {
  const { server, store, uploader } = setUp();
  const made = gate();
  server.before = (name) => (name === "create" ? made.passed : undefined);
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  while (!server.calls.includes("create fox.txt")) await new Promise((resolve) => setImmediate(resolve));
  await uploader.cancel(rowOf(store).key);
  assert.equal(store.uploads.size, 0);
  made.open();
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([server.tasks.get("task1").status, server.calls.at(-1)], ["Cancelled", "cancel task1"]);
});

test("a wish to cancel waits for the server", async () => {
  const { server, store, uploader } = setUp();
  const stuck = gate();
  server.onChunk = () => stuck.passed;
  uploader.add([{ file: file("fox.txt", TEXT), folder: "/" }]);
  await until(store, () => server.underWay > 0);
  let away = 3;
  server.before = (name) => (name === "cancel" && away-- > 0 ? Promise.reject(problem(0, "NETWORK")) : undefined);
  await uploader.cancel(rowOf(store).key);
  assert.deepEqual([store.uploads.size, server.tasks.get("task1").status], [0, "Cancelled"]);
  stuck.open();
});
