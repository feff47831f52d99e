// Going on after a reload: what is remembered, what counts as the same file, and who takes over which row.

import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256Hex } from "../../../assets/core/hash.js";
import { fingerprint, isSameFile, MemoryInPage, openMemory, sampleOf } from "../../../assets/core/resume.js";
import { ObservedUploads } from "../../../assets/core/observed-uploads.js";
import { Store } from "../../../assets/core/store.js";
import { FakeServer, file, gate, rowOf, setUp, until } from "./fakes.mjs";

const TEXT = "Row, row, row your boat, gently down the stream.";

test("the fingerprint is the same for the same file, and different for any other", async () => {
  const facts = { name: "a", size: 3, lastModified: 5, folder: "/", sample: "x" };
  const one = fingerprint(facts);
  assert.match(one, /^web1-[0-9a-f]{64}$/);
  assert.equal(fingerprint({ ...facts }), one);
  for (const other of [{ name: "b" }, { size: 4 }, { lastModified: 6 }, { folder: "/x" }, { sample: "y" }]) {
    assert.notEqual(fingerprint({ ...facts, ...other }), one);
  }
});

test("the sample sees both ends of a large file, and all of a small one", async () => {
  const bytes = Buffer.alloc(300_000);
  const sample = await sampleOf(new Blob([bytes]));
  for (const [at, differs] of [
    [0, true],
    [299_999, true],
    [65_535, true],
    [150_000, false],
  ]) {
    const changed = Buffer.from(bytes);
    changed[at] = 1;
    assert.equal((await sampleOf(new Blob([changed]))) !== sample, differs, `byte ${at}`);
  }
  assert.notEqual(await sampleOf(new Blob(["a"])), await sampleOf(new Blob(["b"])));
});

test("the same file: name and size, then date or both ends", async () => {
  const photo = file("p.jpg", TEXT, 1000);
  const memo = { lastModified: 1000, sample: await sampleOf(photo) };
  const upload = { name: "p.jpg", size: TEXT.length, lastModified: null };
  assert.equal(await isSameFile(photo, upload, memo), true);
  assert.equal(await isSameFile(file("p.jpg", TEXT, 9), upload, memo), true, "the same photo with a new date");
  assert.equal(await isSameFile(file("p.jpg", TEXT.toUpperCase(), 9), upload, memo), false);
  assert.equal(await isSameFile(file("q.jpg", TEXT, 1000), upload, memo), false);
  assert.equal(await isSameFile(file("p.jpg", `${TEXT}!`, 1000), upload, memo), false);
  assert.equal(await isSameFile(file("p.jpg", TEXT, 9), upload), true, "nothing more is known");
  assert.equal(await isSameFile(file("p.jpg", TEXT, 9), { ...upload, lastModified: 8 }), false);
  const blocks = [[0, 4], [10, 8]].map(([offset, length]) => ({ offset, length, hash: `sha256:${sha256Hex(Buffer.from(TEXT.slice(offset, offset + length)))}` }));
  assert.equal(await isSameFile(file("copy of p.jpg", TEXT, 9), { ...upload, lastModified: 8 }, undefined, blocks), true, "what has arrived tells");
  const other = file("p.jpg", `${TEXT.slice(0, 12)}X${TEXT.slice(13)}`, 1000);
  assert.equal(await isSameFile(other, upload, undefined, blocks), false, "whatever name and date say");
});

test("without a database the memory lasts as long as the page, and keeps accounts apart", async () => {
  const memory = await openMemory({
    open() {
      throw new DOMException("refused", "SecurityError");
    },
  });
  assert.ok(memory instanceof MemoryInPage);
  await memory.put({ taskId: "1", accountId: "anna" });
  await memory.put({ taskId: "2", accountId: "berta" });
  assert.deepEqual(
    (await memory.all("anna")).map(({ taskId }) => taskId),
    ["1"],
  );
  await memory.remove("1");
  assert.deepEqual(await memory.all("anna"), []);
});

test("after a reload only the missing chunks are sent, and the row stays the same", async () => {
  const server = new FakeServer();
  const before = setUp(server);
  const stuck = gate();
  server.onChunk = (index) => (index >= 3 ? stuck.passed : undefined);
  before.uploader.add([{ file: file("boat.txt", TEXT), folder: "/Songs" }]);
  await until(before.store, () => rowOf(before.store)?.durable === 30);
  before.uploader.clear(); // the page goes
  stuck.open();
  const sent = server.chunksOf("task1").length;

  const { store, uploader, memory, taken } = setUp(server);
  const [memo] = await before.memory.all("anna");
  await memory.put(memo);
  const observed = new ObservedUploads({ store });
  const open = { taskId: "task1", fileName: "boat.txt", fileSize: TEXT.length, folder: "/Songs", status: "InProgress" };
  observed.seed([{ ...open, chunksUploaded: 3, chunksCount: 5 }], { isOurs: () => true, isDriven: () => false });
  const { key, state, durable } = rowOf(store);
  assert.equal(state, "needs-file");
  assert.ok(durable > 0);

  assert.equal(await uploader.adopt(key, file("other.txt", TEXT.toUpperCase())), false);
  assert.match(rowOf(store).error, /“other.txt” is not the file/);
  assert.equal(await uploader.adopt(key, file("boat.txt", TEXT)), true);
  assert.deepEqual(taken, [["task1", key]]);
  await until(store, () => rowOf(store)?.state === "done");
  assert.deepEqual(server.chunksOf("task1").slice(sent).toSorted(), [3, 4]);
  assert.equal(rowOf(store).key, key);
  assert.deepEqual(await memory.all("anna"), [], "what is done is forgotten");
});

test("dropping the same file again goes on with its upload, also when that was paused", async () => {
  const server = new FakeServer();
  const before = setUp(server);
  const stuck = gate();
  server.onChunk = (index) => (index >= 3 ? stuck.passed : undefined);
  before.uploader.add([{ file: file("boat.txt", TEXT), folder: "/" }]);
  await until(before.store, () => rowOf(before.store)?.durable === 30);
  before.uploader.pause(rowOf(before.store).key);
  stuck.open();
  const sent = server.chunksOf("task1").length;

  const { store, uploader, taken } = setUp(server);
  uploader.add([{ file: file("boat.txt", TEXT), folder: "/" }]);
  await until(store, () => rowOf(store)?.state === "done");
  assert.equal(taken[0][0], "task1");
  assert.deepEqual(server.chunksOf("task1").slice(sent).toSorted(), [3, 4]);
});

test("the same file dropped twice is one row", async () => {
  const { server, store, uploader } = setUp();
  const stuck = gate();
  server.onChunk = () => stuck.passed;
  uploader.add([{ file: file("boat.txt", TEXT), folder: "/" }]);
  await until(store, () => server.underWay === 3);
  uploader.add([{ file: file("boat.txt", TEXT), folder: "/" }]);
  await until(store, () => store.uploads.size === 1 && rowOf(store).key === "own-2");
  stuck.open();
  await until(store, () => rowOf(store)?.state === "done");
  assert.equal(server.tasks.size, 1);
});

const upload = (fields) => ({
  taskId: "t",
  fileName: "far.mov",
  fileSize: 1000,
  status: "InProgress",
  chunksCount: 10,
  chunksUploaded: 2,
  ...fields,
});

function watch() {
  const store = new Store();
  const clock = { now: 1_000_000 };
  return { store, clock, observed: new ObservedUploads({ store, now: () => clock.now }) };
}

test("another device's upload is shown with its rate, asks for its file when silent, and ends", async () => {
  const { store, clock, observed } = watch();
  observed.handleEvent("task.created", { taskId: "t" });
  assert.equal(store.uploads.size, 0, "it may be our own, answered a moment later");
  observed.handleEvent("upload.progress", upload({ chunksUploaded: 2 }));
  assert.deepEqual([rowOf(store).state, rowOf(store).note], ["sending", ""], "whose it is was not looked up yet");
  await until(store, () => rowOf(store).note === "From another device");
  clock.now += 1000;
  observed.handleEvent("upload.progress", upload({ chunksUploaded: 4 }));
  const view = rowOf(store);
  assert.deepEqual(
    [view.state, view.note, view.durable, view.rate, view.secondsLeft],
    ["sending", "From another device", 400, 200, 3],
  );
  clock.now += 21_000;
  observed.tick();
  assert.equal(rowOf(store).state, "needs-file");
  observed.handleEvent("upload.progress", upload({ chunksUploaded: 5 }));
  assert.equal(rowOf(store).state, "sending");
  observed.handleEvent("task.paused", { taskId: "t" });
  assert.equal(rowOf(store).state, "paused");
  observed.handleEvent("task.completed", { taskId: "t", results: { fileId: "f" } });
  assert.deepEqual([rowOf(store).state, rowOf(store).fileId, rowOf(store).durable], ["done", "f", 1000]);
  observed.clearFinished();
  assert.equal(store.uploads.size, 0);
});

test("our own upload after a reload asks for its file at once, whatever its last chunks still report", () => {
  const { store, clock, observed } = watch();
  observed.seed([upload({ lastActivity: new Date(clock.now).toISOString() })], { isOurs: () => true, isDriven: () => false });
  assert.equal(rowOf(store).state, "needs-file");
  clock.now += 500;
  observed.handleEvent("upload.progress", upload({ chunksUploaded: 3 }));
  assert.deepEqual([rowOf(store).state, rowOf(store).durable], ["needs-file", 300]);
  clock.now += 5000;
  observed.handleEvent("upload.progress", upload({ chunksUploaded: 4 }));
  assert.deepEqual([rowOf(store).state, rowOf(store).note], ["sending", "From another tab"]);
});

test("another page's upload is told apart, and asks for its file as soon as that page is gone", async () => {
  const store = new Store();
  let close;
  const closed = new Promise((resolve) => (close = resolve));
  const observed = new ObservedUploads({ store, isOurs: async () => true, left: () => closed });
  observed.seed([upload({})], { isOurs: () => true, isHeld: () => true, isDriven: () => false });
  assert.deepEqual([rowOf(store).state, rowOf(store).note], ["sending", "From another tab"]);
  observed.handleEvent("upload.progress", upload({ chunksUploaded: 3 }));
  assert.equal(rowOf(store).durable, 300, "it is no echo of our own");
  close();
  await until(store, () => rowOf(store).state === "needs-file");
});

test("the server's list is the truth: what is not in it any more goes, what is driven here is left alone", () => {
  const { store, observed } = watch();
  observed.seed([upload({ taskId: "a" }), upload({ taskId: "b" })], { isOurs: () => true, isDriven: () => false });
  assert.equal(store.uploads.size, 2);
  observed.seed([upload({ taskId: "b" }), upload({ taskId: "c" })], { isOurs: () => true, isDriven: (taskId) => taskId === "c" });
  assert.deepEqual(
    [...store.uploads.values()].map(({ taskId }) => taskId),
    ["b"],
  );
  observed.clear();
  assert.equal(store.uploads.size, 0);
});
