// Small files go in one request each, with a key that makes repeating it harmless.

import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeServer, file, gate, problem, rowOf, setUp, until } from "./fakes.mjs";

const isDone = (store, name) => () => rowOf(store, name)?.state === "done";
const small = (server) => setUp(server, { wholeBytes: 100 });
const stored = (server) => [...server.whole.values()];

test("one request, with all that the server is to know, and nothing is left to remember", async () => {
  const { server, store, uploader, memory, states } = small();
  uploader.add([{ file: file("fox.txt", "The quick brown fox", 5000), folder: "/Animals", name: "fox (2).txt" }]);
  await until(store, isDone(store));
  assert.deepEqual(server.calls, ["file fox (2).txt"]);
  const [{ fileName, folder, lastModified, hash, bytes }] = stored(server);
  assert.deepEqual([fileName, folder, lastModified], ["fox (2).txt", "/Animals", "1970-01-01T00:00:05.000Z"]);
  assert.deepEqual([bytes.toString(), hash.length], ["The quick brown fox", "sha256:".length + 64]);
  const view = rowOf(store);
  assert.deepEqual([view.verified, view.fileId, view.sent, view.durable, view.taskId], [true, "whole 1", 19, 19, null]);
  assert.deepEqual(states, ["queued", "sending", "verifying", "done"]);
  assert.deepEqual(await memory.all("anna"), []);
});

test("an empty file too; a larger one goes in chunks", async () => {
  const { server, store, uploader } = small();
  uploader.add([{ file: file("empty", ""), folder: "/" }, { file: file("long", "x".repeat(101)), folder: "/" }]);
  await until(store, () => isDone(store, "empty")() && isDone(store, "long")());
  assert.deepEqual([stored(server).length, server.tasks.size], [1, 1]);
});

test("a lost answer is asked for again by the same key, and the file is there once", async () => {
  const { server, store, uploader, waits } = small();
  let lost = 2;
  server.onChunk = () => {
    if (lost-- > 0) throw problem(0, "NETWORK");
  };
  uploader.add([{ file: file("fox.txt", "fox"), folder: "/" }]);
  await until(store, isDone(store));
  assert.equal(server.calls.filter((call) => call === "file fox.txt").length, 3);
  assert.deepEqual([stored(server).length, waits], [1, [250, 500]]);
});

test("paused and resumed, it is there once; another of the same name has a key of its own", async () => {
  const { server, store, uploader } = small();
  const [arrived, stuck] = [gate(), gate()];
  server.onChunk = () => (arrived.open(), stuck.passed);
  uploader.add([{ file: file("fox.txt", "fox"), folder: "/" }]);
  await arrived.passed;
  const { key } = rowOf(store);
  uploader.pause(key);
  assert.deepEqual([rowOf(store).state, rowOf(store).sent], ["paused", 0]);
  stuck.open();
  await uploader.resume(key);
  await until(store, isDone(store));
  assert.equal(server.whole.size, 1);
  uploader.add([{ file: file("fox.txt", "fox"), folder: "/" }]);
  await until(store, () => [...store.uploads.values()].every(({ state }) => state === "done"));
  assert.equal(server.whole.size, 2);
});

test("what comes by no means in one piece is sent in smaller ones", async () => {
  for (const refusal of [problem(413, "HTTP_413"), problem(413, "BODY_TOO_LARGE"), problem(0, "NETWORK")]) {
    const { server, store, uploader } = setUp(new FakeServer(), { wholeBytes: 1 << 20 });
    server.chunkSize = 64 << 10;
    server.before = (name) => {
      if (name === "file") throw refusal;
    };
    const text = "x".repeat(200_000);
    uploader.add([{ file: file("long.txt", text), folder: "/" }, { file: file("next.txt", text), folder: "/" }]);
    await until(store, () => isDone(store, "long.txt")() && isDone(store, "next.txt")());
    assert.deepEqual([...server.tasks.values()].map(({ bytes }) => bytes.toString() === text), [true, true]);
    assert.equal(server.whole.size, 0);
  }
});

test("a refusal is shown and can be tried again; a file that has gone says so", async () => {
  const { server, store, uploader, hasher } = small();
  const right = hasher.hash;
  hasher.hash = async () => "0".repeat(64);
  uploader.add([{ file: file("fox.txt", "fox"), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "failed");
  assert.match(rowOf(store).error, /HASH_MISMATCH/);
  hasher.hash = right;
  uploader.retry(rowOf(store).key);
  await until(store, isDone(store));
  const gone = file("gone.txt", "gone");
  const broken = { arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")), slice: () => broken };
  gone.slice = () => broken;
  uploader.add([{ file: gone, folder: "/" }]);
  await until(store, () => rowOf(store, "gone.txt")?.state === "needs-file");
  assert.match(rowOf(store, "gone.txt").error, /can no longer be read/);
  const { key } = rowOf(store, "gone.txt");
  assert.equal(await uploader.adopt(key, file("other.txt", "other")), false);
  assert.equal(await uploader.adopt(key, file("gone.txt", "changed since", 9)), true, "as it is now");
  await until(store, isDone(store, "gone.txt"));
  assert.equal(stored(server).at(-1).bytes.toString(), "changed since");
});

test("trying again reads a file that was changed anew, where the browser gave its handle", async () => {
  const { server, store, uploader } = small();
  server.before = () => Promise.reject(problem(403, "FORBIDDEN"));
  const handle = { getFile: async () => file("fox.txt", "two foxes", 9) };
  uploader.add([{ file: file("fox.txt", "fox"), folder: "/", handle }]);
  await until(store, () => rowOf(store)?.state === "failed");
  server.before = () => {};
  await uploader.retry(rowOf(store).key);
  await until(store, isDone(store));
  assert.equal(stored(server)[0].bytes.toString(), "two foxes");
});

test("where there is no room for one, the rest of its batch is not sent in vain; others are, and all can be tried again", async () => {
  const { server, store, uploader } = small();
  let isFull = true;
  server.before = (_, { folder }) => (isFull && folder === "/full" ? Promise.reject(problem(403, "QUOTA_EXCEEDED")) : undefined);
  const items = Array.from({ length: 30 }, (_, at) => ({ file: file(`${at}.txt`, `${at}`), folder: "/full", group: "g", groupName: "full" }));
  uploader.add([...items, { file: file("other.txt", "other"), folder: "/" }]);
  await until(store, isDone(store, "other.txt"));
  const failed = [...store.uploads.values()].filter(({ state, error }) => state === "failed" && /QUOTA/.test(error));
  assert.equal(failed.length, 30);
  assert.ok(server.calls.filter((call) => /^file \d/.test(call)).length <= 4, "asked a few times");
  isFull = false;
  for (const { key } of failed) uploader.retry(key);
  await until(store, () => [...store.uploads.values()].every(({ state }) => state === "done"));
});

test("what takes another's place gets its link and tags; one that was moved meanwhile stays", async () => {
  const { server, store, uploader } = small();
  server.files.set("old", { id: "old", name: "fox.txt", folder: "/", bundleId: "b", tags: ["red"] });
  server.files.set("kept", { id: "kept", name: "wolf (kept).txt", folder: "/", tags: [] });
  uploader.add([{ file: file("fox.txt", "fox"), folder: "/", replaces: "old" }, { file: file("wolf.txt", "wolf"), folder: "/", replaces: "kept" }]);
  await until(store, () => isDone(store, "fox.txt")() && isDone(store, "wolf.txt")());
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(server.changes.map(([, fields]) => fields), [{ bundleId: "b", tags: ["red"] }]);
  assert.deepEqual(server.calls.filter((call) => call.startsWith("trash")), ["trash old"]);
});

test("many that are dropped go in one change of the list", async () => {
  const { server, store, uploader } = small();
  const stuck = gate();
  server.before = () => stuck.passed;
  uploader.add(Array.from({ length: 500 }, (_, at) => ({ file: file(`${at}.txt`, `${at}`), folder: "/" })));
  let changes = 0;
  store.addEventListener("uploads", () => changes++);
  uploader.drop([...store.uploads.keys()]);
  assert.deepEqual([store.uploads.size, changes], [0, 1]);
  stuck.open();
});

test("stored and then removed for good elsewhere before its answer came, it is stored anew", async () => {
  const { server, store, uploader } = small();
  let removed = false;
  server.before = () => {
    if (removed) return;
    removed = true;
    throw problem(404, "NOT_FOUND");
  };
  uploader.add([{ file: file("fox.txt", "fox"), folder: "/" }]);
  await until(store, isDone(store));
  assert.equal(server.whole.size, 1);
});
