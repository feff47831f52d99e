// What a page leaves unsent when it goes: single files still in line, and folders.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Intake } from "../../../assets/core/intake.js";
import { LeftBehind } from "../../../assets/core/left-behind.js";
import { Holds } from "../../../assets/core/leader.js";
import { ObservedUploads } from "../../../assets/core/observed-uploads.js";
import { createUploadCommands } from "../../../assets/core/upload-commands.js";
import { FakeServer, file, gate, problem, rowOf, setUp, until } from "./fakes.mjs";

const NAMES = ["one.txt", "two.txt", "three.txt", "four.txt", "five.txt", "six.txt"];
const NOBODY = new Set();

/** A page of anna's browser; `memory` is what an earlier one left. */
async function page(server, { memos = [], stored = [], decide = async () => null } = {}) {
  const around = setUp(server, { wholeBytes: 100 });
  const { store, uploader, memory } = around;
  store.account = { id: "anna" };
  await memory.putAll(memos);
  const asked = [];
  const files = async (query) => {
    if (around.refuse-- > 0) throw problem(401, "NOT_SIGNED_IN");
    asked.push(query);
    const items = stored.filter(({ name, folder }) => (query.name ?? name) === name && (query.deep ? folder.startsWith(query.folder) : folder === query.folder));
    return { items, total: items.length };
  };
  const api = { ...server.transport(), files };
  const holds = new Holds();
  const left = new LeftBehind({ store, send: (items) => intake.send(items), uploader, memory, holds });
  const observed = new ObservedUploads({ store });
  const made = [];
  const makeFolder = async (path) => void made.push(path);
  const intake = new Intake({ api: { ...api, makeFolder }, uploader, left, decide });
  const commands = createUploadCommands({ uploader, observed, store, api, left, intake });
  return Object.assign(around, { left, commands, asked, made, memos: () => memory.all("anna") });
}

/** A file that can be opened again, as far as `may` says. */
const handleOf = (one, may = "granted") => ({ kind: "file", getFile: async () => one, queryPermission: async () => may, requestPermission: async () => "granted" });
const rows = (store) => [...store.uploads.values()].map(({ name, state, asksFor }) => [name, state, asksFor]);
const allDone = (store) => () => store.uploads.size > 0 && [...store.uploads.values()].every(({ state }) => state === "done");
const names = (server) => [...server.whole.values()].map(({ folder, fileName }) => `${folder}/${fileName}`).toSorted();

/** The first page took six files in; four were on their way when it went, and one of them was stored. */
async function wentAway(server, items) {
  const first = await page(server);
  const [arrived, stuck] = [gate(), gate()];
  server.before = (_, { fileName }) => (fileName === "one.txt" ? undefined : stuck.passed);
  server.onChunk = () => (arrived.open(), stuck.passed);
  await first.commands.add(items);
  await arrived.passed;
  const memos = await first.memos();
  first.uploader.clear();
  server.before = server.onChunk = () => {};
  return memos;
}

test("single files in line go on by themselves where they can be opened, and each is stored once", async () => {
  const server = new FakeServer();
  const items = NAMES.map((name) => ({ file: file(name, name), folder: "/Post", handle: handleOf(file(name, name)) }));
  const memos = await wentAway(server, items);
  assert.equal(memos.length, 6);
  const { store, left, memos: kept } = await page(server, { memos });
  left.show(memos, new Set([memos[0].waiting.batch]));
  assert.deepEqual(rows(store), [], "another page sends them");
  left.show(memos, NOBODY);
  left.show(memos, NOBODY);
  assert.deepEqual(rows(store), [["one.txt and 5 more", "needs-file", "files"]]);
  await left.openAll(memos);
  await until(store, allDone(store));
  assert.deepEqual(names(server), NAMES.map((name) => `/Post/${name}`).toSorted());
  assert.deepEqual(rows(store), NAMES.map((name) => [name, "done", null]));
  assert.deepEqual(await kept(), []);
});

test("where the browser wants leave for that, it is asked for when the person says so", async () => {
  const server = new FakeServer();
  const items = NAMES.map((name) => ({ file: file(name, name), folder: "/", handle: handleOf(file(name, name), "prompt") }));
  const memos = await wentAway(server, items);
  const { store, left } = await page(server, { memos });
  left.show(memos, NOBODY);
  await left.openAll(memos);
  const [{ key, state }] = store.uploads.values();
  assert.equal(state, "needs-file");
  assert.equal(await left.open(key), true);
  await until(store, allDone(store));
  assert.equal(server.whole.size, 6);
});

test("elsewhere they are chosen again, some now and some later; others are refused", async () => {
  const server = new FakeServer();
  const memos = await wentAway(server, NAMES.map((name) => ({ file: file(name, name), folder: "/" })));
  const { store, left, commands, memos: kept } = await page(server, { memos });
  left.show(memos, NOBODY);
  const { key } = rowOf(store, "one.txt and 5 more");
  assert.equal(await left.open(key), false);
  await left.choose(key, { name: "", items: [{ file: file("one.txt", "another text") }, { file: file("seven.txt", "seven") }] });
  assert.match(rowOf(store, "one.txt and 5 more").error, /None of these/);
  const stuck = gate();
  server.before = () => stuck.passed;
  await left.choose(key, { name: "", items: NAMES.slice(0, 3).map((name) => ({ file: file(name, name) })) });
  await left.choose(key, { name: "", items: NAMES.slice(0, 5).map((name) => ({ file: file(name, name) })) });
  assert.equal([...store.uploads.values()].filter(({ driven }) => driven).length, 5, "none is taken twice");
  stuck.open();
  await until(store, () => rowOf(store, "five.txt")?.state === "done");
  assert.deepEqual([rowOf(store, "six.txt").state, rowOf(store, "six.txt").asksFor], ["needs-file", "files"]);
  await commands.run("cancel", key);
  assert.equal(rowOf(store, "six.txt"), undefined);
  await until(store, allDone(store));
  assert.deepEqual(await kept(), []);
  assert.equal(server.whole.size, 5);
});

test("what was cancelled does not come back", async () => {
  const server = new FakeServer();
  const first = await page(server);
  const stuck = gate();
  server.before = () => stuck.passed;
  await first.commands.add(NAMES.map((name) => ({ file: file(name, name), folder: "/" })));
  await first.commands.run("cancel", rowOf(first.store, "six.txt").key);
  await first.commands.run("cancel", rowOf(first.store, "one.txt").key);
  const memos = await first.memos();
  assert.deepEqual(memos.map(({ name }) => name), NAMES.slice(1, 5));
  stuck.open();
});

test("a larger one is remembered by its task as soon as it has one, with what it replaces", async () => {
  const server = new FakeServer();
  const old = { id: "old", name: "long.txt", folder: "/", size: 1, metadata: {} };
  const first = await page(server, { stored: [old], decide: async () => ["replace"] });
  const arrived = gate();
  server.onChunk = () => (arrived.open(), new Promise(() => {}));
  await first.commands.add([{ file: file("long.txt", "x".repeat(200)), folder: "/" }]);
  await arrived.passed;
  const [memo, ...others] = await first.memos();
  assert.deepEqual([memo.taskId, memo.replaces, memo.waiting, others], ["task1", "old", undefined, []]);
});

test("a folder asks for itself, and sends only what is not stored", async () => {
  const server = new FakeServer();
  const memos = [{ taskId: "folder-1", accountId: "anna", folderOf: { name: "Post", folder: "/Attic" } }];
  const here = { id: "f", name: "one.txt", folder: "/Attic/Post", size: 7, metadata: { lastModified: 1000 } };
  const { store, left, asked } = await page(server, { memos, stored: [here] });
  left.show(memos, NOBODY);
  assert.deepEqual(rows(store), [["Post", "needs-file", "folder"]]);
  await left.openAll(memos);
  const items = ["one.txt", "two.txt"].map((name) => ({ file: file(name, name), folder: "/Attic/Post" }));
  await left.choose("folder-1", { name: "Other", items });
  assert.match(rowOf(store).error, /“Other” is not the folder/);
  await left.choose("folder-1", { name: "Post", items });
  await until(store, allDone(store));
  assert.deepEqual(names(server), ["/Attic/Post/two.txt"]);
  assert.deepEqual(asked.map(({ folder }) => folder), ["/Attic/Post", "/Attic/Post"]);
});

const post = (names) => names.map((name) => ({ file: file(name, name), folder: "/Attic/Post", group: "folder-1", groupName: "Post" }));
const GROUP = [{ key: "folder-1", name: "Post", folder: "/Attic" }];
const other = (name) => ({ id: `old ${name}`, name, folder: "/Attic/Post", size: 99, hash: "sha256:0", metadata: {} });

test("answers for a folder outlive the page: nothing is asked twice, and what was skipped stays skipped", async () => {
  const server = new FakeServer();
  const stored = ["one.txt", "two.txt", "three.txt"].map(other);
  const first = await page(server, { stored, decide: async () => ["skip", "keepBoth", "replace"] });
  const stuck = gate();
  server.before = () => stuck.passed;
  await first.commands.add(post(NAMES), GROUP);
  const memos = await first.memos();
  first.uploader.clear(); // the page goes before anything is stored
  server.before = () => {};
  let asked = 0;
  const { store, left } = await page(server, { memos, stored, decide: async () => (asked++, null) });
  left.show(memos, NOBODY);
  await left.choose("folder-1", { name: "Post", items: post(NAMES) });
  await until(store, allDone(store));
  assert.equal(asked, 0);
  assert.deepEqual(names(server), ["five.txt", "four.txt", "six.txt", "three.txt", "two (2).txt"].map((name) => `/Attic/Post/${name}`));
  stuck.open();
});

test("a page that goes while its question is open has lost nothing: what is free is sent, the rest is asked again", async () => {
  const server = new FakeServer();
  const stored = [{ ...other("one.txt"), folder: "/" }];
  const first = await page(server, { stored, decide: () => new Promise(() => {}) });
  first.commands.add(NAMES.slice(0, 2).map((name) => ({ file: file(name, name), folder: "/" })));
  await until(first.store, () => rowOf(first.store, "two.txt")?.state === "done");
  const memos = await first.memos();
  assert.deepEqual(memos.map(({ name }) => name), ["one.txt"]);
  first.uploader.clear();
  const { store, left, memos: kept } = await page(server, { memos, stored, decide: async () => ["keepBoth"] });
  left.show(memos, NOBODY);
  const [{ key }] = store.uploads.values();
  await left.choose(key, { name: "", items: [{ file: file("one.txt", "one.txt") }] });
  await until(store, () => rowOf(store, "one (2).txt")?.state === "done");
  assert.deepEqual(await kept(), []);
});

test("the same things dropped twice are taken once, and names that cannot be stored are changed as little as needed", async () => {
  const server = new FakeServer();
  const { store, commands } = await page(server);
  const items = () => ["one.txt", "a\\b.txt", "Mu\u0308ller.txt"].map((name) => ({ file: file(name, name), folder: "/" }));
  await Promise.all([commands.add(items()), commands.add(items())]);
  await until(store, allDone(store));
  assert.deepEqual(names(server), ["//Müller.txt", "//a_b.txt", "//one.txt"]);
});

test("what seems to be here is known by its hash; another of the same size and date is kept beside it", async () => {
  const server = new FakeServer();
  const here = (name, hash) => ({ id: `of ${name}`, name, folder: "/", size: 4, hash, metadata: { lastModified: 1000 } });
  const stored = [here("same.txt", `sha256:${createHash("sha256").update("AAAA").digest("hex")}`), here("else.txt", "sha256:0")];
  const { store, commands } = await page(server, { stored });
  await commands.add([{ file: file("same.txt", "AAAA"), folder: "/" }, { file: file("else.txt", "BBBB"), folder: "/" }]);
  await until(store, allDone(store));
  assert.deepEqual(names(server), ["//else (2).txt"]);
  assert.deepEqual([rowOf(store, "same.txt").note, rowOf(store, "same.txt").fileId], ["Already here", "of same.txt"]);
});

test("a sign-in that ends while names are looked up loses nothing; of somebody else's nothing is taken", async () => {
  const server = new FakeServer();
  const first = await page(server);
  for (const [next, expected] of [["anna", ["//one.txt"]], ["ben", ["//one.txt"]]]) {
    first.refuse = 1;
    const adding = first.commands.add([{ file: file(next === "ben" ? "two.txt" : "one.txt", next), folder: "/" }]);
    first.uploader.setAccount(null);
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.equal(first.uploader.inLine().size, 0, "nothing stands in line without a name");
    first.uploader.setAccount(next);
    await adding;
    await new Promise((resolve) => setTimeout(resolve, 10));
    assert.deepEqual(names(server), expected, next);
  }
});

test("what cannot be read has a row that says so; folders without files are made", async () => {
  const server = new FakeServer();
  const { store, commands, made } = await page(server);
  const lost = [{ name: "private", folder: "/Attic/Post", group: "folder-1", groupName: "Post" }];
  await commands.add(post(["one.txt"]), GROUP, { lost, empty: ["/Attic/Post/none"] });
  await until(store, () => rowOf(store, "one.txt")?.state === "done");
  assert.match(rowOf(store, "private").error, /does not let the browser read/);
  assert.deepEqual(made, ["/Attic/Post/none"]);
  await commands.run("cancel", rowOf(store, "private").key);
  assert.equal(rowOf(store, "private"), undefined);
});

test("what was paused waits after a reload too, until the person says so", async () => {
  const server = new FakeServer();
  const first = await page(server);
  const stuck = gate();
  server.before = () => stuck.passed;
  await first.commands.add(post(NAMES), GROUP);
  await first.commands.runAll("pause", "folder-1");
  const memos = await first.memos();
  first.uploader.clear();
  stuck.open();
  const { store, left } = await page(server, { memos });
  left.show(memos, NOBODY);
  await left.openAll(memos);
  assert.deepEqual([rowOf(store).state, rowOf(store).isPaused], ["needs-file", true]);
  await left.choose("folder-1", { name: "Post", items: post(NAMES) });
  await until(store, allDone(store));
});

test("a folder that is cancelled leaves the tray as a whole, and it is said what is stored", async () => {
  const server = new FakeServer();
  const { store, commands } = await page(server);
  const stuck = gate();
  server.before = (_, { fileName }) => (fileName === "one.txt" ? undefined : stuck.passed);
  await commands.add(post(NAMES), GROUP);
  await until(store, () => rowOf(store, "one.txt")?.state === "done");
  assert.equal(await commands.runAll("cancel", "folder-1"), "Cancelled. 1 of 6 files of “Post” are stored.");
  assert.equal(store.uploads.size, 0);
  stuck.open();
});

/** Pages of one browser by way of messages, as on plain http. */
function channels(count) {
  const all = Array.from({ length: count }, () => new EventTarget());
  for (const own of all) {
    own.postMessage = (data) => {
      for (const other of all) if (other !== own) queueMicrotask(() => other.dispatchEvent(Object.assign(new Event("message"), { data })));
    };
  }
  return all;
}

test("without locks pages ask each other what they send", async () => {
  const [one, two, three] = channels(3).map((channel) => new Holds(undefined, channel));
  one.take("files-1");
  one.take("task-1");
  two.take("files-2");
  assert.deepEqual([...(await three.others())].sort(), ["files-1", "files-2", "task-1"]);
  assert.deepEqual([...(await one.others())], ["files-2"]);
  one.drop("files-1");
  assert.deepEqual([...(await two.others())], ["task-1"]);
  assert.deepEqual([...(await new Holds().others())], [], "nobody to ask");
});

test("a page hears when another one stops sending", async () => {
  const [here, there] = channels(2).map((channel) => new Holds(undefined, channel));
  let heard = 0;
  const left = new LeftBehind({ holds: here, onLeft: () => heard++ });
  there.take("files-1");
  await left.watch();
  await left.watch();
  assert.equal(heard, 0);
  there.dropAll();
  await left.watch();
  await left.watch();
  assert.equal(heard, 1);
});
