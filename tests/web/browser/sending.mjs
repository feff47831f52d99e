// Sends as people do: what was dropped goes on by itself after a reload, one page of several takes over from another,
// pictures come from the clipboard and the camera, hundreds of files in one folder, a proxy in between that refuses, cuts
// off and slows down, and a sign-in that ends in the middle. `node browser/sending.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { drop, photograph, sha256, slowDown, until, World } from "./harness.mjs";
import { startProxy } from "./proxy.mjs";

const MB = 1_000_000;
/** Some folders hold more than the hundred that a browser tells at a time. Ten thousand are in measure.mjs. */
const MANY = 160;
const IN_ONE = 120;

const world = new World();
const { faults } = world;
let server, page;
/** Chunks that the server took, as "task index", of all pages. */
const taken = [];

before(async () => {
  const options = { permissions: ["clipboard-read", "clipboard-write", "screen-wake-lock"] };
  ({ server, page } = await world.open({ settings: { DRIVE_LIMITS_ENABLED: "false" }, options }));
  world.context.on("response", (response) => {
    const chunk = /\/upload\/chunk\/([^/]+)\/(\d+)$/.exec(response.url());
    if (chunk && response.ok()) taken.push(`${chunk[1]} ${chunk[2]}`);
  });
  await world.signIn();
});

after(() => world.close());

test("sending", (t) =>
  world.walk(t, [
    ["a dropped file goes on by itself after a reload", resumesDropped],
    ["so does a dropped folder, in the folder it was dropped on", resumesFolder],
    ["single files that were still in line go on by themselves too, each stored once", resumesLine],
    ["what cannot be opened again is asked for in one row", asksForLine],
    ["of two pages one sends, both show it; when it is closed the other goes on", handsOver],
    ["what a page that does not lead leaves in line, the leading one sends", takesFromFollower],
    ["the screen stays on while something is sent, and no longer", staysAwake],
    ["a pasted picture gets a name, a pasted file keeps its own", pastes],
    ["a phone takes a photo", takesPhoto],
    ["hundreds of files in nested folders are one row, and the page stays quick", dropsHundreds],
    ["a proxy that refuses large bodies, or cuts them off, gets smaller ones", meetsProxy],
    ["a proxy that asks for patience gets it", waits],
    ["a sign-in that ends in the middle loses nothing", losesNothing],
  ]));

const row = (name, on = page) => on.locator("upload-row", { hasText: name });
const group = (name, on = page) => on.locator("upload-group", { hasText: name });
const inState = (locator, state, options) => locator.and(locator.page().locator(`[data-state=${state}]`)).waitFor(options);
const found = async (name) => (await server.ask("GET", `/api/files?${new URLSearchParams({ q: name })}`)).find((file) => file.name === name);
const arrived = async (file) => assert.equal((await found(path.basename(file)))?.hash, `sha256:${await sha256(file)}`);
const countOf = (folder) => page.evaluate(async (where) => Number((await fetch(where)).headers.get("x-total")), `/api/files?${new URLSearchParams({ folder, deep: "true", limit: "1" })}`);

/** Waits until the server has so many chunks more. */
function more(count) {
  const wanted = taken.length + count;
  return until(async () => taken.length >= wanted, `${count} more chunks`);
}

const sentOnce = () => assert.equal(new Set(taken).size, taken.length, "no chunk was sent twice");

/** Reloads while requests are under way. */
async function reload() {
  faults.forgive("ERR_", "409");
  await page.reload();
  await page.locator("file-list").waitFor();
}

async function resumesDropped() {
  const file = await server.file("dropped.bin", 40 * MB);
  await slowDown(page, 20 * MB);
  await drop(page, [file]);
  await inState(row("dropped.bin"), "sending");
  await more(2);
  await reload();
  await inState(row("dropped.bin"), "done");
  await row("dropped.bin").getByText("Verified").waitFor();
  faults.forgive();
  await arrived(file);
  sentOnce();
}

/** So many small files in folders within folders. */
async function folder(name, count, bytes) {
  const root = path.join(server.folder, "files", name);
  for (let at = 0; at < count; at += IN_ONE) {
    const inside = path.join(root, `week ${at % 3}`, `day ${at}`);
    await mkdir(inside, { recursive: true });
    for (let one = at; one < Math.min(count, at + IN_ONE); one++) await writeFile(path.join(inside, `picture ${one}.jpg`), randomBytes(bytes));
  }
  return root;
}

async function resumesFolder() {
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Attic");
  await page.keyboard.press("Enter");
  const target = page.locator('file-row[data-name="Attic"]');
  await target.waitFor();
  await slowDown(page, 3 * MB);
  await drop(page, [await folder("letters", 120, 100_000)], target);
  await group("letters").waitFor();
  await until(async () => (await countOf("/Attic/letters")) > 20, "20 files stored");
  await reload();
  await slowDown(page, 100 * MB);
  await inState(group("letters"), "done");
  faults.forgive();
  assert.equal(await countOf("/Attic/letters"), 120, "each is there once");
  sentOnce();
}

/** So many single files, none of which is there yet. */
async function letters(kind, count) {
  const files = [];
  for (let at = 1; at <= count; at++) files.push(await server.file(`${kind} ${at}.txt`, 100_000));
  return files;
}

const inBox = async (kind) => (await server.ask("GET", `/api/files?${new URLSearchParams({ q: kind, limit: "100" })}`)).map(({ name }) => name);

/** Small files go one request each, so the line is mostly what the server knows nothing of. */
async function resumesLine() {
  await slowDown(page, 2 * MB);
  await drop(page, await letters("postcard", 30));
  await until(async () => (await inBox("postcard")).length > 3, "some are stored");
  await reload();
  assert.ok((await inBox("postcard")).length < 25, "it was interrupted");
  await slowDown(page, 100 * MB);
  await inState(row("postcard 30.txt"), "done");
  await until(async () => (await page.locator("upload-row:not([data-state=done])").count()) === 0, "no row is left to do");
  faults.forgive();
  const names = await inBox("postcard");
  assert.deepEqual([names.length, new Set(names).size], [30, 30], "each is there once");
}

async function asksForLine() {
  await slowDown(page, 1 * MB);
  const files = await letters("stamp", 20);
  await page.setInputFiles("input[data-role=upload]", files);
  await until(async () => (await inBox("stamp")).length > 1, "some are stored");
  await reload();
  const asking = page.locator("upload-group[data-state=needs-file]");
  await asking.getByText("Needs the same files").waitFor();
  await photograph(page, "sending-line");
  await slowDown(page, 100 * MB);
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), asking.getByRole("button", { name: /^Choose files/ }).click()]);
  assert.equal(chooser.isMultiple(), true);
  await chooser.setFiles(files);
  await asking.waitFor({ state: "detached" });
  await inState(row("stamp 20.txt"), "done");
  await until(async () => (await inBox("stamp")).length >= 20, "all are stored");
  faults.forgive();
  const names = await inBox("stamp");
  assert.deepEqual([names.length, new Set(names).size], [20, 20], "each is there once");
}

async function handsOver() {
  const other = await world.context.newPage();
  await faults.watch(other);
  await other.goto(server.url);
  await other.locator("upload-tray").waitFor({ state: "attached" });
  const file = await server.file("shared.bin", 40 * MB);
  await slowDown(page, 8 * MB);
  await drop(page, [file]);
  await inState(row("shared.bin"), "sending");
  await inState(row("shared.bin", other), "sending");
  await row("shared.bin", other).getByText(/From another (tab|device)/).waitFor();
  await more(1);
  faults.forgive("ERR_", "409");
  const since = Date.now();
  await page.close({ runBeforeUnload: false });
  page = world.page = other;
  await inState(row("shared.bin"), "done");
  faults.forgive();
  assert.ok(Date.now() - since < 15_000, `it went on after ${Date.now() - since} ms`);
  await row("shared.bin").getByText("Verified").waitFor();
  await arrived(file);
  sentOnce();
}

async function takesFromFollower() {
  const follower = await world.context.newPage();
  await faults.watch(follower);
  await follower.goto(server.url);
  await follower.locator("upload-tray").waitFor({ state: "attached" });
  await slowDown(follower, 0.3 * MB);
  await drop(follower, await letters("ticket", 40));
  await until(async () => (await inBox("ticket")).length > 3, "some are stored");
  await page.waitForTimeout(6000); // the leading page looks every five seconds who sends
  faults.forgive("ERR_", "409");
  await follower.close({ runBeforeUnload: false });
  assert.ok((await inBox("ticket")).length < 40, "it was interrupted");
  await until(async () => (await inBox("ticket")).length >= 40, "all are stored", 30_000);
  faults.forgive();
  const names = await inBox("ticket");
  assert.deepEqual([names.length, new Set(names).size], [40, 40], "each is there once");
}

async function staysAwake() {
  await page.evaluate(() => {
    globalThis.held = [];
    const request = WakeLock.prototype.request;
    WakeLock.prototype.request = async function (type) {
      const lock = await request.call(this, type);
      held.push(lock);
      return lock;
    };
  });
  await slowDown(page, 10 * MB);
  await drop(page, [await server.file("awake.bin", 10 * MB)]);
  await page.waitForFunction(() => held.length === 1 && !held[0].released);
  await inState(row("awake.bin"), "sending");
  await inState(row("awake.bin"), "done");
  await page.waitForFunction(() => held.length === 1 && held[0].released);
}

async function pastes() {
  await page.evaluate(async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 60, height: 40 });
    canvas.getContext("2d").fillRect(0, 0, 30, 40);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
  });
  const session = await world.context.newCDPSession(page);
  const key = { key: "v", code: "KeyV", windowsVirtualKeyCode: 86, modifiers: 2 };
  await session.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...key, commands: ["paste"] }); // as the desktop has it
  await session.send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  const picture = page.locator("upload-row", { hasText: /Screenshot \d{4}-\d\d-\d\d.*\.png/ });
  await inState(picture, "done");
  // A file in the clipboard comes from the file manager, which there is none of here; the page gets it as an event.
  await page.evaluate(() => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File(["dear all"], "pasted letter.txt", { type: "text/plain" }));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
  });
  await inState(row("pasted letter.txt"), "done");
  assert.equal((await found("pasted letter.txt")).size, 8);
}

async function takesPhoto() {
  const phone = await world.newPage({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  await world.signIn(phone);
  await phone.locator("side-bar .add").tap();
  const [chooser] = await Promise.all([phone.waitForEvent("filechooser"), phone.locator("side-bar").getByRole("button", { name: "Take a photo" }).tap()]);
  const camera = chooser.element();
  assert.deepEqual(await camera.evaluate((field) => [field.accept, field.getAttribute("capture")]), ["image/*", "environment"]);
  const file = await server.file("photo.jpg", 100_000);
  await chooser.setFiles(file);
  await phone.locator("upload-tray").getByText("1 file uploaded").waitFor();
  await photograph(phone, "sending-photo");
  await arrived(file);
  await phone.context().close();
}

async function dropsHundreds() {
  await slowDown(page, 500 * MB);
  await page.evaluate(() => {
    globalThis.longest = 0;
    let last = performance.now();
    const look = () => {
      const now = performance.now();
      globalThis.longest = Math.max(longest, now - last);
      last = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await drop(page, [await folder("archive", MANY, 20)]);
  await group("archive").waitFor();
  assert.equal(await page.locator("upload-tray > .list > upload-group").count(), 1);
  await page.getByRole("link", { name: "Tasks" }).click();
  await page.locator("task-list").waitFor();
  await page.getByRole("link", { name: "Files", exact: true }).click();
  await inState(group("archive"), "done", { timeout: 120_000 });
  assert.equal(await countOf("/archive"), MANY);
  const longest = await page.evaluate(() => longest);
  assert.ok(longest < 1000, `a frame took ${longest} ms`);
}

/** A page behind a proxy. @param {(request: import("node:http").IncomingMessage, response: object) => boolean} takes */
async function behind(takes, run) {
  const proxy = await startProxy(new URL(server.url).port, { takes: (request, response) => request.method === "PUT" && takes(request, response) });
  const other = await world.context.newPage();
  await faults.watch(other);
  await other.goto(`http://127.0.0.1:${proxy.address().port}/`);
  await other.locator("file-list").waitFor();
  try {
    await run(other);
  } finally {
    await other.close();
    proxy.closeAllConnections();
    proxy.close();
  }
}

async function meetsProxy() {
  const [refused, cut] = [[], []];
  const takes = (request, response) => {
    const size = Number(request.headers["content-length"]);
    if (size > 1 << 20) {
      refused.push(size);
      response.writeHead(413, { "content-type": "text/html" }).end("<h1>413 Request Entity Too Large</h1>");
      request.resume();
    } else if (size > 512 << 10) {
      cut.push(size);
      request.once("data", () => request.socket.resetAndDestroy());
    } else return false;
    return true;
  };
  await behind(takes, async (other) => {
    faults.forgive("413", "404", "409", "ERR_");
    const file = await server.file("proxied.bin", 9 * MB);
    await other.setInputFiles("input[data-role=upload]", file);
    await inState(row("proxied.bin", other), "done");
    await row("proxied.bin", other).getByText("Verified").waitFor();
    faults.forgive();
    await arrived(file);
    assert.ok(refused.length > 0 && refused.length <= 12, `${refused.length} were refused`);
    assert.ok(cut.length >= 3 && cut.length <= 12, `${cut.length} were cut off`);
    await other.setInputFiles("input[data-role=upload]", await server.file("learned.bin", 3 * MB));
    const before = refused.length + cut.length;
    await inState(row("learned.bin", other), "done");
    assert.equal(refused.length + cut.length, before, "the next file begins with what gets through");
  });
}

async function waits() {
  const asked = [];
  const takes = (request, response) => {
    asked.push({ url: request.url, at: Date.now(), isRefused: asked.length < 3 });
    if (!asked.at(-1).isRefused) return false;
    request.resume();
    response.writeHead(429, { "retry-after": "2", "content-type": "text/plain" }).end("Too many");
    return true;
  };
  await behind(takes, async (other) => {
    faults.forgive("429");
    await other.setInputFiles("input[data-role=upload]", await server.file("patience.bin", 16 * MB));
    await inState(row("patience.bin", other), "waiting");
    await inState(row("patience.bin", other), "done");
    faults.forgive();
  });
  const refused = asked.filter(({ isRefused }) => isRefused);
  for (const { url, at } of refused) {
    const [first] = asked.filter((other) => other.url === url && other.at > at);
    assert.ok(first.at - at >= 2000, `asked again after ${first.at - at} ms`);
  }
  assert.equal(asked.length, new Set(asked.map(({ url }) => url)).size + refused.length, "each was asked again once");
}

async function losesNothing() {
  await slowDown(page, 5 * MB);
  const file = await server.file("patient.bin", 16 * MB);
  await drop(page, [file]);
  await more(2);
  faults.forgive("401", "ERR_", "WebSocket", "409");
  const mine = (await page.evaluate(async () => (await fetch("/api/auth/sessions")).json())).find(({ current }) => current);
  await server.ask("DELETE", `/api/auth/sessions/${mine.id}`);
  await page.locator("sign-in").waitFor();
  await slowDown(page, 100 * MB);
  await world.enter(page);
  await inState(row("patient.bin"), "done");
  await row("patient.bin").getByText("Verified").waitFor();
  faults.forgive();
  await arrived(file);
  sentOnce();
}
