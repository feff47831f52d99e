// How files come together before they are sent, and how chunks adapt to the line.

import "./english.mjs";

import assert from "node:assert/strict";
import { test } from "node:test";
import { Awake } from "../../../assets/core/awake.js";
import { ChunkLimit } from "../../../assets/core/chunk-limit.js";
import { Problem } from "../../../assets/core/api.js";
import { findConflicts, isAlike } from "../../../assets/core/conflicts.js";
import { freeName, storable } from "../../../assets/core/names.js";
import { findCopy } from "../../../assets/core/find-copy.js";
import { filesOfEntry, filesOfHandle, filesOfPicker } from "../../../assets/core/folder-reader.js";
import { lead } from "../../../assets/core/leader.js";
import { Pace } from "../../../assets/core/pace.js";
import { Store } from "../../../assets/core/store.js";
import { uploadView } from "../../../assets/core/upload-view.js";
import { factsOf, statusWords, verbsOf } from "../../../assets/core/task-view.js";
import { constantsOf, fieldsOf, parametersOf, variantsOf } from "../../../assets/core/schema.js";

const fileEntry = (name) => ({ isFile: true, name, file: (give) => give({ name }) });

/** A folder whose reader answers in portions of a hundred, as browsers do. */
function folderEntry(name, children) {
  const createReader = () => {
    let at = 0;
    return { readEntries: (give) => give(children.slice(at, (at += 100))) };
  };
  return { isFile: false, isDirectory: true, name, createReader };
}

test("a dropped folder of more than 10,000 files is read to its end, and keeps its shape", async () => {
  const days = Array.from({ length: 45 }, (_, day) => folderEntry(`day ${day}`, Array.from({ length: 250 }, (_, at) => fileEntry(`${at}.jpg`))));
  let told = 0;
  const { items: found } = await filesOfEntry(folderEntry("holiday", [fileEntry("list.txt"), ...days]), "/Photos", (count) => (told = count));
  assert.equal(found.length, 1 + 45 * 250);
  assert.equal(told, found.length);
  assert.equal(found[0].folder, "/Photos/holiday");
  assert.equal(found.at(-1).folder, "/Photos/holiday/day 44");
  assert.equal((await filesOfEntry(folderEntry("top", [fileEntry("a")]), "/")).items[0].folder, "/top");
});

test("what cannot be read is told, and so are folders without files", async () => {
  const broken = { isFile: true, name: "x", file: (_, fail) => fail(new Error("gone")) };
  const locked = { isFile: false, name: "private", createReader: () => ({ readEntries: (_, fail) => fail(new Error("no leave")) }) };
  const { items, lost, empty } = await filesOfEntry(folderEntry("f", [broken, fileEntry("y"), locked, folderEntry("none", [])]), "/");
  assert.deepEqual([items.length, lost, empty], [1, [{ name: "x", folder: "/f" }, { name: "private", folder: "/f" }], ["/f/none"]]);
});

test("remembered and chosen folders give the same places", async () => {
  const handle = (name, kind, children = []) => ({ name, kind, getFile: async () => ({ name }), values: async function* () { yield* children; } });
  const top = handle("trip", "directory", [handle("a", "file"), handle("sub", "directory", [handle("b", "file")])]);
  assert.deepEqual((await filesOfHandle(top, "/x")).items.map(({ file, folder }) => `${folder} ${file.name}`), ["/x/trip a", "/x/trip/sub b"]);
  const shut = { name: "shut", kind: "directory", values: async function* () { throw new Error("no leave"); } };
  const gone = { name: "gone", kind: "file", getFile: async () => Promise.reject(new Error("gone")) };
  const { lost, empty } = await filesOfHandle(handle("trip", "directory", [shut, gone, handle("none", "directory")]), "/x");
  assert.deepEqual([lost, empty], [[{ name: "shut", folder: "/x/trip" }, { name: "gone", folder: "/x/trip" }], ["/x/trip/none"]]);
  const picked = filesOfPicker([{ name: "b", webkitRelativePath: "trip/sub/b" }], "/x");
  assert.deepEqual([picked.name, picked.items[0].folder], ["trip", "/x/trip/sub"]);
});

test("taken names: few are asked for one by one, folders as a whole", async () => {
  const asked = [];
  const stored = [{ id: "1", name: "a.txt", folder: "/f", size: 1 }, { id: "2", name: "b 3", folder: "/f/g", size: 1 }];
  const api = { files: async (query) => (asked.push(query), { items: stored.filter(({ name }) => (query.name ?? name) === name), total: 2 }) };
  const one = { file: new File(["x"], "a.txt"), folder: "/f" };
  const alone = await findConflicts(api, [one]);
  assert.equal(alone.met.get(one).id, "1");
  assert.deepEqual(asked, [{ folder: "/f", name: "a.txt", limit: 1 }]);
  assert.deepEqual([await alone.isTaken("/f", "a.txt"), await alone.isTaken("/f", "a (2).txt")], [true, false]);
  asked.length = 1;
  const many = Array.from({ length: 20 }, (_, at) => ({ file: new File([""], `b ${at}`), folder: at % 2 ? "/f/g" : "/f" }));
  const { met, isTaken } = await findConflicts(api, many);
  assert.deepEqual([...met.values()].map(({ id }) => id), ["2"]);
  assert.deepEqual([await isTaken("/f/g", "b 3"), await isTaken("/f/g", "b 3 (2)")], [true, false]);
  assert.deepEqual(asked.slice(1).map(({ folder, deep }) => [folder, deep]), [["/f", true]]);
});

test("a place that cannot be meets nothing, and keeps nothing else from being looked up", async () => {
  const refuse = ({ folder }) => (folder === "/too/deep" ? Promise.reject(new Problem({ status: 400, code: "INVALID_REQUEST", message: "deep" })) : { items: [{ id: "1", name: "a", folder }], total: 1 });
  const items = ["/too/deep", "/f"].map((folder) => ({ file: new File([""], "a"), folder }));
  const { met } = await findConflicts({ files: async (query) => refuse(query) }, items);
  assert.deepEqual([...met.keys()], [items[1]]);
});

test("the same file may be known by size and date, and a new name is free", async () => {
  const file = new File(["abc"], "a.txt", { lastModified: 1000 });
  assert.ok(isAlike(file, { size: 3, metadata: { lastModified: "1970-01-01T00:00:01.000Z" } }));
  assert.ok(!isAlike(file, { size: 4, metadata: { lastModified: "1970-01-01T00:00:01.000Z" } }));
  assert.ok(!isAlike(file, { size: 3, metadata: { lastModified: null } }));
  const taken = new Set(["a (2).tar", ".env (2)"]);
  assert.equal(await freeName("a.tar", (name) => taken.has(name)), "a (3).tar");
  assert.equal(await freeName(".env", async (name) => taken.has(name)), ".env (3)");
  const long = await freeName(`${"ü".repeat(125)}.jpeg`, () => false);
  assert.ok(Buffer.byteLength(long) <= 255 && long.endsWith("ü (2).jpeg"), long);
});

test("what no name may hold is replaced, and accents are put together", () => {
  const cases = [["a\\b.txt", "a_b.txt"], ["tab\tand\nline", "tab_and_line"], ["Mu\u0308ller.txt", "Müller.txt"], ["..", "_.."], [" ", "_"], ["\u202egpj.exe", "_gpj.exe"], ["usual name.txt", "usual name.txt"]];
  for (const [name, expected] of cases) assert.equal(storable(name), expected);
  const long = storable(`${"漢".repeat(120)}.txt`);
  assert.ok(Buffer.byteLength(long) <= 255 && long.endsWith("漢.txt"), long);
});

test("a copy is found by its size, in few questions", async () => {
  const all = Array.from({ length: 5000 }, (_, at) => ({ size: 10_000 - at, hash: `sha256:${at}` }));
  let asked = 0;
  const files = async ({ offset, limit }) => (asked++, { items: all.slice(offset, offset + limit), total: all.length });
  assert.equal((await findCopy(files, { size: 8000, hash: "2000" })).size, 8000);
  assert.ok(asked < 20, `${asked} questions`);
  assert.equal(await findCopy(files, { size: 8000, hash: "1" }), null);
  assert.equal(await findCopy(files, { size: 1, hash: "1" }), null);
  assert.equal(await findCopy(async () => ({ items: [], total: 0 }), { size: 1, hash: "1" }), null);
});

test("two to four chunks at a time, as the line takes them", () => {
  const pace = new Pace();
  assert.equal(pace.chunks, 3);
  pace.begin(0);
  for (let now = 100; now <= 5000; now += 100) pace.stored(now);
  assert.equal(pace.chunks, 4);
  for (let now = 10_000; now <= 90_000; now += 8000) pace.stored(now);
  assert.equal(pace.chunks, 2);
});

test("chunks are halved by a proxy's refusal, or when bodies are cut off while the line works", async () => {
  const limit = new ChunkLimit();
  const big = { chunkSize: 5 << 20, cuts: 1, answers: async () => {} };
  const proxy = { status: 413, code: "HTTP_413" };
  assert.ok(await limit.isTooLarge(proxy, big));
  assert.ok(!(await limit.isTooLarge({ status: 413, code: "FILE_TOO_LARGE" }, big)), "the server's own words are a refusal");
  assert.ok(!(await limit.isTooLarge({ status: 0, code: "NETWORK" }, big)), "once is chance");
  assert.ok(await limit.isTooLarge({ status: 0, code: "NETWORK" }, { ...big, cuts: 3 }));
  const away = async () => Promise.reject(new Error("no line"));
  assert.ok(!(await limit.isTooLarge({ status: 0, code: "NETWORK" }, { ...big, cuts: 3, answers: away })));
  for (let at = 0; at < 12; at++) limit.halve(limit.size ?? 5 << 20);
  assert.equal(limit.size, 64 << 10);
  assert.ok(!(await limit.isTooLarge(proxy, { ...big, chunkSize: limit.size })), "no endless halving");
});

test("one page leads; where there are no locks, each does", async () => {
  const waiting = [];
  const locks = { request: (_, run) => new Promise(() => waiting.push(run)) };
  let led = 0;
  lead(locks, () => led++);
  lead(locks, () => led++);
  assert.equal(led, 0);
  waiting[0]();
  assert.equal(led, 1);
  lead(undefined, () => led++);
  assert.equal(led, 2);
});

test("a schema becomes fields, and answers become parameters", () => {
  const schema = {
    required: ["fileIds"],
    properties: {
      level: { type: "integer", minimum: 0, maximum: 9, default: 6 },
      password: { type: "string", format: "password" },
      keepOriginal: { type: "boolean", default: false },
      verify: { type: "boolean", default: true },
      add: { type: "array", items: { type: "string" } },
      fileIds: { type: "array", items: { type: "string", format: "uuid" }, title: "Files" },
      targetPoolId: { type: "string", format: "uuid" },
      format: { enum: ["zip", "tar"], default: "zip" },
      options: { type: "object", properties: { quality: { type: "integer" } } },
    },
  };
  const fields = fieldsOf(schema);
  assert.deepEqual(fields.map(({ name, kind }) => `${name} ${kind}`), ["fileIds ids", "level number", "password password", "keepOriginal boolean", "verify boolean", "add words", "targetPoolId id", "format enum", "options object"]);
  assert.equal(fields.find(({ name }) => name === "targetPoolId").of, "pool");
  assert.equal(fields.find(({ name }) => name === "keepOriginal").title, "Keep original");
  const given = { fileIds: ["a"], level: "6", password: "", keepOriginal: true, verify: false, add: "sea, , sand", targetPoolId: "", format: "tar", options: { quality: "" } };
  assert.deepEqual(parametersOf(fields, given), { fileIds: ["a"], keepOriginal: true, verify: false, add: ["sea", "sand"], format: "tar" });
});

test("a schema with several forms lets one choose, and keeps what is fixed to itself", () => {
  const schema = { oneOf: [{ title: "Check", properties: { handler: { const: "verifyFiles" }, folder: { type: "string" } } }, { title: "Yours", properties: { handler: false } }] };
  const [check, yours] = variantsOf(schema);
  assert.deepEqual([check.title, yours.title], ["Check", "Yours"]);
  assert.deepEqual(fieldsOf(check.schema).map(({ name }) => name), ["folder"]);
  assert.deepEqual(constantsOf(check.schema), { handler: "verifyFiles" });
  assert.deepEqual([fieldsOf(yours.schema), constantsOf(yours.schema)], [[], {}]);
});

test("the screen stays on while this page sends, and no longer", async () => {
  const store = new Store();
  const locks = [];
  const request = async () => {
    const lock = { released: false, release: async () => (lock.released = true) };
    locks.push(lock);
    return lock;
  };
  const awake = new Awake({ store, request });
  const put = async (fields) => {
    store.putUpload(uploadView({ key: "a", name: "a", size: 1, ...fields }));
    await awake.look();
    await new Promise(setImmediate);
  };
  await put({ state: "sending", driven: false, remote: true });
  assert.equal(locks.length, 0, "another device's upload is not ours");
  await put({ state: "sending", driven: true });
  await put({ state: "sending", driven: true, sent: 1 });
  assert.deepEqual(locks.map(({ released }) => released), [false]);
  locks[0].released = true; // the page was hidden
  await awake.look();
  await new Promise(setImmediate);
  assert.equal(locks.length, 2);
  await put({ state: "done", driven: true });
  assert.equal(locks[1].released, true);
});

test("an upload that ends while the browser is asked leaves no screen on; a refusal is not asked again with each chunk", async () => {
  const store = new Store();
  const put = (fields) => store.putUpload(uploadView({ key: "a", name: "a", size: 1, driven: true, ...fields }));
  let give;
  const lock = { released: false, release: async () => (lock.released = true) };
  new Awake({ store, request: () => new Promise((resolve) => (give = () => resolve(lock))) });
  put({ state: "sending" });
  put({ state: "done" });
  give();
  await new Promise(setImmediate);
  assert.equal(lock.released, true);
  let asked = 0;
  const awake = new Awake({ store, request: () => Promise.reject(++asked) });
  for (const sent of [0, 0.5]) {
    put({ state: "sending", sent });
    await new Promise(setImmediate);
  }
  assert.equal(asked, 1);
  await awake.look();
  assert.equal(asked, 2, "the page is in front again");
});

test("a task says what it could not do and how far it came, and offers what the server takes", () => {
  const ended = { itemsDone: 10, itemsTotal: 24, type: "FileMove" };
  assert.equal(statusWords({ status: "Completed", results: { movedCount: 2, failedCount: 1 } }), "Done · 1 file failed");
  assert.equal(statusWords({ status: "Completed", results: { verifiedCount: 2, corruptCount: 0 } }), "Done");
  assert.equal(factsOf({ ...ended, status: "Cancelled" }), "10 of 24 items");
  assert.equal(factsOf({ ...ended, status: "Completed" }), "");
  const verbs = ["Failed", "Cancelled", "Expired", "Completed"].map((status) => verbsOf({ ...ended, status }));
  assert.deepEqual(verbs, [["retry"], [], [], []]);
});
