// The store and what feeds it: events, pages of a list, sentences for screen readers, sums, rates, retries, requests.

import "./english.mjs";

import assert from "node:assert/strict";
import { test } from "node:test";
import { Announcer } from "../../../assets/core/announcer.js";
import { createApi, Problem } from "../../../assets/core/api.js";
import { ChunkPlan } from "../../../assets/core/chunk-plan.js";
import { Pager } from "../../../assets/core/pager.js";
import { RateMeter, Tempo } from "../../../assets/core/rate.js";
import { canRetry, retryDelay } from "../../../assets/core/retry.js";
import { Store } from "../../../assets/core/store.js";
import { applyPacket } from "../../../assets/core/sync.js";
import { totals, uploadView } from "../../../assets/core/upload-view.js";

function listen(store) {
  const heard = [];
  for (const topic of ["account", "quota", "connection", "uploads", "upload", "tasks", "task", "files", "links"]) {
    store.addEventListener(topic, ({ key }) => heard.push(key ? `${topic} ${key}` : topic));
  }
  return heard;
}

test("the store tells what changed, and is silent when nothing did", () => {
  const store = new Store();
  const heard = listen(store);
  store.set("connection", "online");
  store.set("connection", "online");
  store.putUpload({ key: "a" });
  store.putUpload({ key: "a", sent: 1 });
  store.removeUpload("a");
  store.removeUpload("a");
  assert.deepEqual(heard, ["connection", "uploads a", "upload a", "uploads a"]);
});

test("a newer revision reopens a task that is tried again, an older one changes nothing", () => {
  const store = new Store();
  store.putTask({ taskId: "a", status: "Failed", rev: 5 });
  store.putTask({ taskId: "a", status: "InProgress", rev: 4 });
  assert.equal(store.tasks.get("a").status, "Failed");
  store.putTask({ taskId: "a", status: "InProgress", rev: 6 });
  assert.equal(store.tasks.get("a").status, "InProgress");
  store.putTask({ taskId: "a", progress: 1, rev: 5 });
  assert.equal(store.tasks.get("a").progress, undefined);
});

test("a task that has ended is not reopened by a late event, but keeps learning", () => {
  const store = new Store();
  store.putTask({ taskId: "t", status: "InProgress", name: "Upload File" });
  store.putTask({ taskId: "t", status: "Completed", progress: 100 });
  store.putTask({ taskId: "t", status: "InProgress", progress: 90 });
  store.putTask({ taskId: "t", results: { fileId: "f" } });
  assert.deepEqual(store.tasks.get("t"), {
    taskId: "t",
    status: "Completed",
    name: "Upload File",
    progress: 100,
    results: { fileId: "f" },
  });
});

test("why a verb was refused stays until the task moves", () => {
  const store = new Store();
  const problem = () => store.tasks.get("t").problem;
  const refuse = () => store.putTask({ taskId: "t", problem: "Not now." });
  store.putTask({ taskId: "t", status: "InProgress", rev: 1 });
  refuse();
  store.putTask({ taskId: "t", status: "InProgress", rev: 1 });
  assert.equal(problem(), "Not now.");
  store.putTask({ taskId: "t", status: "InProgress", rev: 2 });
  assert.equal(problem(), null);
  refuse();
  store.putTasks([{ taskId: "t", status: "Completed", rev: 2 }]);
  assert.equal(problem(), null);
});

test("packets reach the store", () => {
  const store = new Store();
  const heard = listen(store);
  const uploader = { handleEvent: (type, { taskId }) => taskId === "own" };
  const others = [];
  const observed = { handleEvent: (type) => others.push(type) };
  let resets = 0;
  const apply = (type, data) => applyPacket({ type, data }, { store, uploader, observed, onReset: () => resets++ });

  apply("hello", { streamId: "s" });
  apply("sync.snapshot", { tasks: [{ taskId: "x", status: "InProgress" }] });
  apply("task.created", { taskId: "own", name: "Upload File" });
  apply("task.progress", { taskId: "own", progress: 40, status: "InProgress" });
  apply("task.completed", { taskId: "own", results: {} });
  apply("task.paused", { taskId: "x" });
  apply("task.failed", { taskId: "unknown" });
  apply("quota.changed", { used: 5, reserved: 0, limit: 10 });
  apply("file.created", { file: {} });
  apply("sync.reset", { streamId: "s2", seq: 0 });
  assert.equal(heard.filter((topic) => topic === "files").length, 1);
  apply("folder.created", { folder: "/a" });
  apply("folder.deleted", { folder: "/a", count: 0 });
  apply("bundle.deleted", { bundleId: "b" });
  assert.equal(heard.filter((topic) => topic === "files").length, 4);
  apply("bundle.created", { bundleId: "b" });
  assert.equal(heard.at(-1), "links");

  assert.equal(store.tasks.get("own").status, "Completed");
  assert.equal(store.tasks.get("own").progress, 100);
  assert.equal(store.tasks.get("x").status, "Paused");
  assert.equal(store.tasks.has("unknown"), false, "a life-cycle event alone is no task to show");
  assert.deepEqual(store.quota, { used: 5, reserved: 0, limit: 10 });
  assert.ok(heard.includes("files"));
  assert.equal(resets, 1);
  assert.deepEqual(others, ["task.paused", "task.failed"]);
});

test("a list is loaded page by page, and old rows stay until new ones have come", async () => {
  const asked = [];
  let prefix = "old";
  const pager = new Pager({
    pageSize: 10,
    load: async ({ offset, limit, folder }) => {
      asked.push(offset);
      return { items: Array.from({ length: limit }, (_, i) => ({ id: `${prefix}${folder}${offset + i}` })), total: 95 };
    },
  });
  const changed = () => new Promise((resolve) => pager.addEventListener("change", resolve, { once: true }));
  pager.reset({ folder: "/a" });
  pager.want(5, 25);
  pager.want(0, 3); // already asked for
  await changed();
  await new Promise(setImmediate);
  assert.deepEqual(asked, [0, 10, 20]);
  assert.equal(pager.total, 95);
  assert.equal(pager.at(25).id, "old/a25");
  assert.equal(pager.at(30), undefined);

  prefix = "new";
  pager.refresh();
  assert.equal(pager.at(5).id, "old/a5");
  pager.want(5, 5);
  await changed();
  assert.equal(pager.at(5).id, "new/a5");

  pager.want(90, 94);
  pager.reset({ folder: "/b" });
  await new Promise(setImmediate);
  assert.equal(pager.total, null, "an answer to the old question does not count");
});

test("what is looked at now is loaded before what was scrolled past, and what is beyond the end is given up", async () => {
  const asked = [];
  let total = 900;
  const answers = [];
  const pager = new Pager({
    pageSize: 10,
    load: ({ offset, limit }) => {
      asked.push(offset);
      const items = Array.from({ length: Math.max(0, Math.min(limit, total - offset)) }, (_, i) => ({ id: `${offset + i}` }));
      return new Promise((resolve) => answers.push(() => resolve({ items, total })));
    },
  });
  const answer = async () => (answers.shift()(), await new Promise(setImmediate));
  for (let row = 0; row < 500; row += 50) pager.want(row, row + 9);
  pager.want(700, 749);
  assert.deepEqual(asked, [0, 50, 100], "no more at a time");
  while (answers.length > 0) await answer();
  assert.deepEqual(asked, [0, 50, 100, 700, 710, 720, 730, 740]);
  assert.equal(pager.at(745).id, "745");

  pager.refresh();
  total = 30;
  pager.want(700, 749);
  for (let turn = 0; turn < 10 && answers.length > 0; turn++) await answer();
  assert.equal(answers.length, 0);
  assert.equal(pager.total, 30);
  assert.deepEqual(asked.slice(8), [700, 710, 720]);
});

test("an empty list is asked for once", async () => {
  let calls = 0;
  const pager = new Pager({ load: async () => (calls++, { items: [], total: 0 }) });
  pager.addEventListener("change", () => pager.want(0, 0)); // as lists do
  pager.want(0, 0);
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  assert.deepEqual([calls, pager.total], [1, 0]);
});

test("a page that cannot be had is a problem, not a loop", async () => {
  let calls = 0;
  const pager = new Pager({
    load: async () => {
      calls++;
      throw new Error("no");
    },
  });
  pager.want(0, 0);
  await new Promise(setImmediate);
  pager.want(0, 0);
  assert.equal(pager.problem.message, "no");
  assert.equal(calls, 1);
  pager.refresh();
  pager.want(0, 0);
  assert.equal(calls, 2);
});

test("a screen reader hears the start, each quarter once, the end, and errors", () => {
  const store = new Store();
  const said = [];
  new Announcer(store, (sentence) => said.push(sentence));
  const put = (fields) => store.putUpload(uploadView({ key: "a", name: "boats.zip", size: 100, ...fields }));
  put({ state: "queued" });
  for (let sent = 0; sent <= 100; sent += 3) put({ state: "sending", sent });
  put({ state: "sending", sent: 40 }); // bytes in flight were lost
  put({ state: "sending", sent: 60 });
  put({ state: "done", sent: 100 });
  put({ key: "b", name: "late.txt", state: "sending" });
  put({ key: "b", name: "late.txt", state: "failed", error: "The disk is full." });
  put({ key: "b", name: "late.txt", state: "failed", error: "The disk is full." });
  assert.deepEqual(said, [
    "Uploading boats.zip.",
    "25 per cent uploaded.",
    "50 per cent uploaded.",
    "75 per cent uploaded.",
    "Uploaded boats.zip.",
    "Uploading late.txt.",
    "late.txt failed. The disk is full.",
  ]);
});

test("sums over rows", () => {
  const views = [
    { state: "sending", size: 100, sent: 50, durable: 25, rate: 10 },
    { state: "queued", size: 100 },
    { state: "failed", size: 900, sent: 10 },
    { state: "done", size: 50, sent: 50, durable: 50 },
  ].map(uploadView);
  const sum = totals(views);
  assert.deepEqual([sum.rows, sum.moving, sum.failed, sum.done], [4, 2, 1, 1]);
  assert.equal(sum.part, 100 / 250);
  assert.equal(sum.durablePart, 75 / 250);
  assert.deepEqual([sum.sent, sum.workDone, sum.workLeft], [100, 100_100, 200_150]);
  assert.equal(totals([]).part, 1);
});

test("the rate is the slope of the last seconds", () => {
  const meter = new RateMeter();
  assert.equal(meter.perSecond(0), 0);
  for (let at = 0; at <= 4000; at += 200) meter.add(at * 10, at);
  assert.equal(meter.perSecond(4000), 10_000);
  assert.equal(meter.secondsLeft(50_000, 4000), 5);
  for (let at = 4200; at <= 20_000; at += 200) meter.add(40_000, at);
  assert.equal(meter.perSecond(20_000), 0, "it stands still");
  assert.equal(meter.secondsLeft(50_000, 20_000), null);
});

test("many together: small files count by their number, what is told stays for a while", () => {
  const tempo = new Tempo();
  const at = (now, done, sending = 1) => tempo.measure({ sending, sent: done * 10, workDone: done * 1000, workLeft: (100 - done) * 1000 }, now);
  at(0, 0);
  for (let now = 200; now <= 5000; now += 200) at(now, now / 100);
  assert.deepEqual(at(5000, 50), { rate: 100, secondsLeft: 5.2 }, "as it was at 4.8 s");
  assert.deepEqual(at(5400, 54), { rate: 100, secondsLeft: 4.6 });
  assert.deepEqual(at(6000, 10), { rate: 0, secondsLeft: null }, "other uploads");
  assert.deepEqual(at(6200, 60, 0), { rate: 0, secondsLeft: null });
});

test("what is tried again, and after how long", () => {
  for (const status of [0, 401, 408, 423, 425, 429, 502, 503, 504])
    assert.equal(canRetry({ status }, 1000), true, `${status}`);
  for (const status of [400, 403, 404, 409, 413, 422, 507, undefined])
    assert.equal(canRetry({ status }, 1), false, `${status}`);
  assert.deepEqual([canRetry({ status: 500 }, 5), canRetry({ status: 500 }, 6)], [true, false]);
  assert.equal(canRetry({ status: 409, code: "CHUNK_IN_FLIGHT" }, 3), true);
  assert.equal(retryDelay(1, { random: () => 0 }), 250);
  assert.equal(retryDelay(1, { random: () => 1 }), 500);
  assert.equal(retryDelay(50, { random: () => 1 }), 30_000);
  assert.equal(retryDelay(1, { retryAfter: 2, random: () => 1 }), 2250);
});

test("the plan of chunks keeps count through losses", () => {
  const plan = new ChunkPlan({ size: 25, chunkSize: 10, chunksCount: 3, uploadedChunks: [1] });
  assert.equal(plan.durable, 10);
  assert.deepEqual([plan.take(), plan.take(), plan.take()], [0, 2, undefined]);
  assert.deepEqual(plan.range(2), [20, 25]);
  plan.progress(2, 900);
  assert.equal(plan.sent, 15, "never more than the chunk");
  plan.stored(2);
  assert.deepEqual([plan.durable, plan.sent, plan.isComplete], [15, 15, false]);
  plan.dropFlying();
  plan.stored(0); // a late answer of a request that was given up
  assert.equal(plan.durable, 15);
  assert.equal(plan.take(), 0);
  plan.stored(0);
  assert.equal(plan.isComplete, true);
  plan.require([2, 2]);
  assert.equal(plan.durable, 20);
  assert.equal(plan.take(), 2);
});

const answer = (status, body, headers = {}) => new Response(body, { status, headers });

test("requests: what only reads is not waited for without end, and whoever gives up first is told apart", async () => {
  const asked = [];
  const silent = (_, { method, signal }) => (asked.push(method), new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason))));
  const api = createApi({ fetch: silent, patienceMs: 10 });
  const alive = setInterval(() => {}, 1000); // node does not wait for the timers of signals
  await assert.rejects(api.quota(), { status: 0, code: "NETWORK" });
  await assert.rejects(api.files({}, AbortSignal.timeout(1)), { name: "TimeoutError" });
  const sent = api.createUpload({}).then(assert.fail, assert.fail);
  const wait = new Promise((resolve) => setTimeout(resolve, 30));
  await Promise.race([sent, wait]);
  clearInterval(alive);
  assert.deepEqual(asked, ["GET", "GET", "POST"]);
});

test("requests: bodies, queries, errors", async () => {
  const calls = [];
  let next;
  let signedOut = 0;
  const api = createApi({
    fetch: async (url, options) => {
      calls.push([options.method, url, options.body]);
      if (next instanceof Error) throw next;
      return next;
    },
    onSignedOut: () => signedOut++,
  });

  next = answer(200, "[1,2]", { "X-Total": "7" });
  assert.deepEqual(await api.files({ folder: undefined, limit: 2 }), { items: [1, 2], total: 7 });
  assert.deepEqual(calls[0], ["GET", "/api/files?limit=2", undefined]);

  next = answer(202, '{"taskId":"t"}');
  assert.equal(await api.completeUpload("a/b"), null);
  assert.equal(calls[1][1], "/api/files/upload/complete/a%2Fb");

  next = answer(403, '{"code":"QUOTA_EXCEEDED","message":"Too much.","status":403,"details":{"limit":5}}', {
    "Retry-After": "3",
  });
  await assert.rejects(api.createUpload({}), {
    name: "Problem",
    code: "QUOTA_EXCEEDED",
    message: "Too much.",
    retryAfter: 3,
    details: { limit: 5 },
  });

  next = answer(502, "<html>bad gateway</html>");
  await assert.rejects(api.quota(), { status: 502, code: "HTTP_502" });

  next = new TypeError("fetch failed");
  await assert.rejects(api.account(), { status: 0, code: "NETWORK" });

  next = answer(401, "{}");
  await assert.rejects(api.quota(), { status: 401 });
  assert.equal(signedOut, 1);
  next = answer(401, '{"code":"WRONG","message":"Wrong."}');
  await assert.rejects(api.signIn("a", "b"), { message: "Wrong." });
  assert.equal(signedOut, 1, "a wrong password ends no session");
  assert.ok(Problem.network() instanceof Error);
});
