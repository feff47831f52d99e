// The rules behind the file places: what a listing shows, what is selected, what may be done, what requests that makes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "../../../assets/core/api.js";
import { actionsFor, conversionsOf, sharedConversions } from "../../../assets/core/file-actions.js";
import { createFileCommands } from "../../../assets/core/file-commands.js";
import { Listing } from "../../../assets/core/listing.js";
import { Pager } from "../../../assets/core/pager.js";
import { isWithin, join, nameFault, parentOf, splitName } from "../../../assets/core/paths.js";
import { Pending } from "../../../assets/core/pending.js";
import { canPreview, previewKind } from "../../../assets/core/preview.js";
import { Selection } from "../../../assets/core/selection.js";
import { createFilesApi } from "../../../assets/core/files-api.js";
import { addWords } from "../../../assets/core/words.js";

const file = (id, more = {}) => ({ id, name: `${id}.txt`, folder: "/a", size: 1, contentType: "text/plain", tags: [], ...more });
const folder = (path, allBytes = 0) => ({ path, name: path.split("/").pop(), files: 0, bytes: 0, allFiles: 0, allBytes });
const place = { mode: "files", folder: "/", q: "", sort: "name", descends: false };
const verbs = (items, where) => actionsFor(items, { mode: "files", role: "user", ...where }).map(({ verb }) => verb);

/** A listing over as many files as said; `asked` are the queries that came. */
function listingOf(total, tree = []) {
  const asked = [];
  const load = async (query) => {
    asked.push(query);
    const length = Math.max(0, Math.min(query.limit, total - query.offset));
    return { items: Array.from({ length }, (_, at) => file(`f${query.offset + at}`)), total };
  };
  const pending = new Pending();
  return { asked, listing: new Listing({ pager: new Pager({ load, pending }), pending, loadFolders: async () => tree }) };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

test("folders of the present folder come before its files, in the order of people", async () => {
  const tree = [folder("/"), folder("/b 10", 5), folder("/b 2", 9), folder("/b 2/inner"), folder("/a")];
  const { listing, asked } = listingOf(250, tree);
  listing.show(place);
  assert.equal(listing.total, null, "not before both are known");
  listing.want(0, 0);
  await settled();
  assert.equal(listing.total, 253);
  assert.deepEqual([0, 1, 2, 3].map((at) => listing.at(at).name), ["a", "b 2", "b 10", "f0.txt"]);
  assert.deepEqual(asked[0], { folder: "/", sortBy: "name", sortDescending: false, offset: 0, limit: 100 });
  assert.equal((await listing.between(1, 252)).length, 252, "rows that were not here are loaded");
  listing.show({ ...place, sort: "size", descends: true });
  assert.deepEqual(listing.folders.map(({ name }) => name), ["b 2", "b 10", "a"]);
});

test("a search finds folders by their words, below the present one only", async () => {
  const { listing, asked } = listingOf(0, [folder("/Sea"), folder("/Photos"), folder("/Photos/Old sea"), folder("/Photos/Hills")]);
  listing.show({ ...place, folder: "/Photos", q: "SEA old" });
  listing.want(0, 0);
  await settled();
  assert.deepEqual(listing.folders.map(({ path }) => path), ["/Photos/Old sea"]);
  assert.deepEqual(asked[0], { folder: "/Photos", deep: true, q: "SEA old", sortBy: "name", sortDescending: false, offset: 0, limit: 100 });
});

test("the trash and what is recent have an order of their own and no folders", async () => {
  const { listing, asked } = listingOf(1, [folder("/a")]);
  for (const mode of ["trash", "recent"]) {
    listing.show({ ...place, mode });
    listing.want(0, 0);
    await settled();
    assert.equal(listing.total, 1);
  }
  assert.deepEqual(asked.map(({ sortBy, trashed, folder: where }) => [sortBy, trashed, where]), [["deletedAt", true, undefined], ["updatedAt", undefined, undefined]]);
});

test("what is removed or renamed shows at once, in every answer until it is settled, and as it was when it fails", async () => {
  const { listing } = listingOf(3, [folder("/x"), folder("/y")]);
  const shown = () => Array.from({ length: listing.total }, (_, at) => listing.at(at)?.name);
  const look = async () => {
    listing.refresh();
    listing.want(0, 5);
    await settled();
  };
  listing.show(place);
  listing.want(0, 3);
  await settled();
  const renamed = listing.patch(folder("/x"), { name: "z", path: "/z" });
  const other = listing.patch(file("f1"), { name: "other" });
  assert.deepEqual(shown(), ["y", "z", "f0.txt", "other", "f2.txt"]);
  const removed = listing.remove([folder("/y"), file("f0")]);
  await look();
  assert.deepEqual(shown(), ["z", "other", "f2.txt"], "whatever the server says meanwhile");
  removed.undo([file("f0")]);
  assert.deepEqual(shown(), ["z", "f0.txt", "other", "f2.txt"]);
  removed.undo();
  other.undo();
  renamed.settle();
  assert.deepEqual(shown(), ["y", "z", "f0.txt", "f1.txt", "f2.txt"]);
  await look();
  assert.deepEqual(shown(), ["x", "y", "f0.txt", "f1.txt", "f2.txt"], "what is asked for later is right by itself");
  listing.addFolder("/new");
  assert.deepEqual(listing.folders.map(({ name }) => name), ["new", "x", "y"]);
});

test("thousands that go away leave no gaps where they were not loaded", async () => {
  const { listing } = listingOf(500);
  listing.show({ ...place, folder: "/a" });
  listing.want(0, 0);
  await settled();
  const all = Array.from({ length: 500 }, (_, at) => file(`f${at}`));
  const some = listing.remove(all.filter((_, at) => at % 2 === 0));
  assert.equal(listing.total, 250);
  assert.equal(listing.at(1).name, "f3.txt");
  listing.remove(all.filter((_, at) => at % 2 === 1));
  assert.equal(listing.total, 0);
  some.undo();
  assert.equal(listing.total, 250);
});

test("another order keeps the rows until the new ones come", async () => {
  const { listing, asked } = listingOf(3);
  listing.show(place);
  listing.want(0, 0);
  await settled();
  listing.show({ ...place, sort: "size" });
  assert.equal(listing.total, 3);
  assert.equal(listing.isWhole, false);
  listing.want(0, 0);
  await settled();
  assert.equal(asked.at(-1).sortBy, "size");
  assert.equal(listing.isWhole, true);
});

test("a listing that fails says so and recovers", async () => {
  let works = false;
  const pager = new Pager({ load: async () => ({ items: [], total: 0 }) });
  const loadFolders = async () => {
    if (!works) throw new Error("no");
    return [];
  };
  const listing = new Listing({ pager, loadFolders });
  listing.show(place);
  listing.want(0, 0);
  await settled();
  assert.equal(listing.problem.message, "no");
  works = true;
  listing.refresh();
  listing.want(0, 0);
  await settled();
  assert.equal(listing.problem, null);
  assert.equal(listing.total, 0);
});

test("a selection keeps the newest facts and tells of changes only", () => {
  const selection = new Selection();
  let told = 0;
  selection.addEventListener("change", () => told++);
  selection.toggle(file("a"));
  assert.equal(selection.anchor, "a");
  selection.renew(file("a", { name: "new" }));
  selection.renew(file("b"));
  assert.deepEqual(selection.list().map(({ name }) => name), ["new"]);
  selection.drop([file("b")]);
  assert.equal(told, 1);
  selection.toggle(file("a"));
  selection.clear();
  assert.equal(told, 2);
});

test("actions follow the kinds of files, the place and the role", () => {
  assert.deepEqual(verbs([]), []);
  assert.deepEqual(verbs([file("a")], { role: "guest" }), ["open", "download", "details"]);
  assert.ok(verbs([file("a")]).includes("encrypt") && !verbs([file("a")]).includes("decrypt"));
  assert.ok(verbs([file("a", { isEncrypted: true })]).includes("decrypt"));
  assert.ok(!verbs([file("a", { isEncrypted: true }), file("b")]).includes("decrypt"));
  assert.ok(verbs([file("a", { contentType: "application/zip" })]).includes("extract"));
  assert.ok(verbs([file("a", { name: "x.TAR.gz", contentType: "application/octet-stream" })]).includes("extract"));
  assert.ok(!verbs([file("a"), file("b")]).includes("rename"));
  assert.ok(!verbs([folder("/a")]).includes("tag"), "folders have no tags");
  assert.ok(!verbs([file("a")]).includes("pool") && verbs([file("a")], { pools: 2 }).includes("pool"));
  assert.deepEqual(verbs([file("a"), file("b")], { mode: "trash" }), ["restore", "purge"]);
  assert.deepEqual(verbs([file("a")], { mode: "trash", role: "guest" }), ["details"]);
});

test("formats are those that all chosen files can become", () => {
  assert.deepEqual(conversionsOf({ name: "a.md", contentType: "text/markdown" }), ["html"]);
  const [picture, table] = [{ name: "a.png", contentType: "image/png" }, { name: "t.csv", contentType: "text/csv" }];
  assert.ok(sharedConversions([picture, picture]).includes("webp"));
  assert.deepEqual(sharedConversions([picture, table]), []);
  assert.deepEqual(sharedConversions([{ ...picture, isEncrypted: true }]), []);
});

test("what can be shown, and how", () => {
  assert.equal(previewKind({ contentType: "image/png" }), "image");
  assert.equal(previewKind({ contentType: "image/svg+xml" }), "text", "a picture that could act is shown as its text");
  assert.equal(previewKind({ contentType: "application/json" }), "text");
  assert.equal(previewKind({ contentType: "application/pdf" }), "pdf");
  assert.equal(previewKind({ contentType: "text/markdown" }), "markdown");
  assert.equal(previewKind({ contentType: "application/zip" }), null);
  assert.equal(canPreview({ contentType: "image/png", isEncrypted: true }), false);
});

test("paths and names", () => {
  assert.equal(join("/", "a"), "/a");
  assert.equal(parentOf("/a"), "/");
  assert.equal(parentOf("/a/b"), "/a");
  assert.ok(isWithin("/a/b", "/a") && isWithin("/a", "/a") && !isWithin("/ab", "/a"));
  assert.deepEqual(splitName("a.tar.gz"), ["a.tar", ".gz"]);
  assert.deepEqual(splitName(".profile"), [".profile", ""]);
  assert.equal(nameFault(" "), "nameMissing");
  assert.equal(nameFault("a/b"), "nameSlash");
  assert.equal(nameFault("ä".repeat(128)), "nameLong");
  assert.equal(nameFault("ok"), null);
});

/** Commands over a server that answers from a table, and the requests that came. */
function commandsOver(answers) {
  const asked = [];
  const call = async (method, path, { body, query } = {}) => {
    asked.push([`${method} ${path}`, body ?? query]);
    const answer = answers[`${method} ${path}`];
    const found = typeof answer === "function" ? answer(body ?? query) : answer;
    if (found instanceof Error) throw found;
    return { data: found ?? {}, headers: new Headers() };
  };
  const store = { putTask() {}, filesChanged() {} };
  return { asked, run: createFileCommands({ api: { call, files() {}, send() {} }, store }) };
}

const tasks = {
  "POST /api/tasks": { taskId: "t" },
  "GET /api/tasks/t/wait": { taskId: "t", status: "Completed", results: { failed: [] } },
};
const takenName = new Problem({ status: 409, code: "NAME_TAKEN", message: "taken" });

test("one file is moved at once, many by a task, and names that are taken come back", async () => {
  const { asked, run } = commandsOver({ ...tasks, "GET /api/files": [file("z", { name: "b.txt" })], "PATCH /api/files/c": takenName });
  assert.deepEqual((await run.move({ items: [file("a")], folder: "/to" })).conflicts, []);
  assert.deepEqual(asked, [["PATCH /api/files/a", { folder: "/to", name: undefined, onConflict: undefined }]]);
  assert.deepEqual((await run.move({ items: [file("c")], folder: "/to" })).conflicts.map(({ id }) => id), ["c"]);
  const { conflicts } = await run.move({ items: [file("a"), file("b"), file("d")], folder: "/to" });
  assert.deepEqual(conflicts.map(({ id }) => id), ["b"]);
  const task = asked.find(([request]) => request === "POST /api/tasks")[1];
  assert.deepEqual(task, { type: "FileMove", parameters: { fileIds: ["a", "d"], targetFolder: "/to" } });
  asked.length = 0;
  await run.move({ items: conflicts, folder: "/to", onConflict: "keepBoth" });
  assert.deepEqual(asked, [["PATCH /api/files/b", { folder: "/to", name: undefined, onConflict: "keepBoth" }]]);
});

test("the way back takes what went, by its old name, and brings what was replaced", async () => {
  const there = file("z", { name: "b.txt", folder: "/to" });
  const answers = { "GET /api/files": [there], "PATCH /api/files/b": ({ folder: to }) => file("b", { folder: to }) };
  const { asked, run } = commandsOver(answers);
  const { back } = await run.move({ items: [file("b")], folder: "/to", onConflict: "replace" });
  asked.length = 0;
  await run["put-back"](back);
  assert.deepEqual(asked.map(([request]) => request), ["PATCH /api/files/b", "POST /api/files/z/restore"]);
  assert.deepEqual(asked[0][1], { folder: "/a", name: "b.txt", onConflict: "keepBoth" });
  const forGood = commandsOver({ ...answers, "GET /api/files": ({ trashed }) => (trashed ? [] : [there]) });
  assert.equal((await forGood.run.move({ items: [file("b")], folder: "/to", onConflict: "replace" })).back, null, "the other is gone for good");
});

test("a folder that was put together with another leaves it as it was", async () => {
  let isMoved = false;
  const files = () => (isMoved ? [file("own"), file("in", { name: "x (2).txt", folder: "/to/Box" })] : [file("in", { name: "x.txt", folder: "/Box" })]);
  const tree = () => ["/", "/to", "/to/Box", ...(isMoved ? ["/to/Box/empty"] : ["/Box", "/Box/empty"])].map((path) => folder(path));
  const move = ({ onConflict }) => (onConflict ? ((isMoved = true), {}) : takenName);
  const { asked, run } = commandsOver({ "GET /api/files": files, "GET /api/folders": tree, "POST /api/folders/move": move });
  const wish = { items: [folder("/Box")], folder: "/to" };
  assert.equal((await run.move(wish)).conflicts.length, 1);
  const { back } = await run.move({ ...wish, onConflict: "keepBoth" });
  asked.length = 0;
  await run["put-back"](back);
  const made = asked.filter(([request]) => !request.startsWith("GET"));
  assert.deepEqual(made, [
    ["POST /api/folders", { path: "/Box" }],
    ["POST /api/folders", { path: "/Box/empty" }],
    ["PATCH /api/files/in", { folder: "/Box", name: "x.txt", onConflict: "keepBoth" }],
    ["DELETE /api/folders", { path: "/to/Box/empty" }],
  ]);
});

test("a folder is copied with its empty folders; beside itself under a free name, over another only when asked", async () => {
  const tree = ["/", "/Box", "/Box/empty", "/Box (2)", "/to", "/to/Box"].map((path) => folder(path));
  const { asked, run } = commandsOver({ ...tasks, "GET /api/files": [file("in", { folder: "/Box" })], "GET /api/folders": tree });
  const made = () => asked.filter(([request]) => request === "POST /api/folders").map(([, { path }]) => path);
  await run.copy({ items: [folder("/Box")], folder: "/" });
  assert.deepEqual(made(), ["/Box (3)", "/Box (3)/empty"]);
  assert.equal(asked.find(([request]) => request === "POST /api/tasks")[1].parameters.operationParameters.targetFolder, "/Box (3)");
  asked.length = 0;
  assert.equal((await run.copy({ items: [folder("/Box")], folder: "/to" })).conflicts.length, 1);
  assert.deepEqual(made(), []);
  await run.copy({ items: [folder("/Box")], folder: "/to", onConflict: "keepBoth" });
  assert.deepEqual(made(), ["/to/Box", "/to/Box/empty"]);
});

test("deleting answers with what puts everything back", async () => {
  const { asked, run } = commandsOver({ ...tasks, "GET /api/files": [file("in")], "GET /api/folders": ["/", "/x", "/x/empty", "/xy"].map((path) => folder(path)) });
  const back = await run.trash({ items: [folder("/x"), file("a"), file("b")] });
  assert.deepEqual(back, { files: ["a", "b", "in"], folders: ["/x", "/x/empty"] });
  assert.ok(asked.some(([request, query]) => request === "DELETE /api/folders" && query.path === "/x"));
  asked.length = 0;
  await run.restore(back);
  assert.deepEqual(asked.map(([request]) => request), ["POST /api/folders", "POST /api/folders", "POST /api/tasks", "GET /api/tasks/t/wait"]);
  assert.deepEqual(asked[2][1].parameters.targetIds, ["a", "b", "in"]);
});

test("a task's failure is thrown, also of one of its files", async () => {
  const failed = { ...tasks, "GET /api/tasks/t/wait": { taskId: "t", status: "Failed", errorMessage: "The disk is full." } };
  await assert.rejects(commandsOver(failed).run.purge({ items: [file("a"), file("b")] }), /The disk is full/);
  const partly = { ...tasks, "GET /api/tasks/t/wait": { taskId: "t", status: "Completed", results: { failed: [{ name: "b", errorMessage: "gone" }] } } };
  await assert.rejects(commandsOver(partly).run.purge({ items: [file("a"), file("b")] }), /b: gone/);
});

test("a server without a route for the whole trash empties it by a task", async () => {
  const none = new Problem({ status: 404, code: "ROUTE_NOT_FOUND", message: "no" });
  const { asked, run } = commandsOver({ ...tasks, "DELETE /api/trash": none });
  await run["empty-trash"]();
  assert.equal(asked[1][1].parameters.operationType, "purge");
  const other = commandsOver({ "DELETE /api/trash": new Problem({ status: 500, code: "DATABASE_ERROR", message: "no" }) });
  await assert.rejects(other.run["empty-trash"](), { code: "DATABASE_ERROR" });
});

test("a folder with more files than one action takes is never taken in part", async () => {
  addWords("files", { tooManyAtOnce: "At most {n}." });
  const page = Array.from({ length: 10_001 }, (_, at) => file(`f${at}`));
  const { asked, run } = commandsOver({ ...tasks, "GET /api/files": page, "GET /api/folders": [] });
  await assert.rejects(run.operate({ type: "FileCompress", items: [folder("/x")], parameters: {} }), /At most 10,000/);
  assert.ok(!asked.some(([request]) => request === "POST /api/tasks"));
  const back = await run.trash({ items: [folder("/x")] });
  assert.equal(back.files, null, "it is deleted, but cannot be put back at once");
  await assert.rejects(run.restore(back), /At most/);
});

test("the end of a task is waited for in rounds, and no longer than a minute", async () => {
  const wait = async (states) => {
    let asked = 0;
    const { waitForTask } = createFilesApi({ call: async () => ({ data: { status: states[Math.min(asked++, states.length - 1)] } }) });
    return [(await waitForTask("t")).status, asked];
  };
  assert.deepEqual(await wait(["InProgress", "Completed"]), ["Completed", 2]);
  assert.deepEqual(await wait(["Failed"]), ["Failed", 1]);
  assert.deepEqual(await wait(["InProgress"]), ["InProgress", 3]);
});
