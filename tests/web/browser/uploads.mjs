// Walks through uploading as people do it: a folder with all that is in it, a reload and a crash in the middle, names that
// are taken, bytes that are there already, all at once. `node browser/uploads.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, mkdir, open, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { photograph, sha256, slowDown, until, World } from "./harness.mjs";

const MB = 1_000_000;

const world = new World();
const { faults } = world;
let server, page;

before(async () => {
  ({ server, page } = await world.open());
});

after(() => world.close());

const ask = (where) => page.evaluate(async (url) => (await fetch(url)).json(), where);
const row = (name, on = page) => on.locator("upload-row", { hasText: name });
const group = (name) => page.locator("upload-group", { hasText: name });
const inState = (locator, state, options) => locator.and(page.locator(`[data-state=${state}]`)).waitFor(options);
const send = (files) => page.setInputFiles("input[data-role=upload]", files);

async function countOf(folder) {
  return page.evaluate(async (where) => {
    const answer = await fetch(`/api/files?folder=${encodeURIComponent(where)}&deep=true&limit=1`);
    return Number(answer.headers.get("x-total"));
  }, folder);
}

/** So many small files in folders within folders. */
async function folder(name, count, bytes) {
  const root = path.join(server.folder, "files", name);
  for (let at = 0; at < count; at++) {
    const inside = path.join(root, `day ${at % 7}`, at % 2 ? "morning" : "evening");
    await mkdir(inside, { recursive: true });
    await writeFile(path.join(inside, `picture ${at}.jpg`), randomBytes(bytes));
  }
  return root;
}

const steps = [];
const step = (name, run) => steps.push([name, run]);

step("a folder of 300 files goes on after a reload, and keeps its shape", async () => {
  await world.signIn();
  await page.getByRole("heading", { name: "No files yet" }).waitFor();
  const root = await folder("holiday", 300, 40_000);
  await slowDown(page, 4 * MB);
  await page.setInputFiles("input[data-role=upload-folder]", root);
  await group("holiday").waitFor();
  assert.equal(await page.locator("upload-tray > .list > *").count(), 1, "300 files are one row");
  await until(async () => (await countOf("/holiday")) > 40, "40 files stored");
  await group("holiday").getByRole("button", { name: "Show the files of holiday" }).click();
  await group("holiday").locator("upload-row").first().waitFor();
  await photograph(page, "uploads-folder");
  await isClean(page, "the tray, opened");
  faults.forgive("ERR_");
  await page.reload();
  await inState(group("holiday"), "needs-file");
  faults.forgive();
  await photograph(page, "uploads-folder-needed");
  const before = await countOf("/holiday");
  assert.ok(before < 300, "it was interrupted");
  await group("holiday").locator("input[type=file]").first().setInputFiles(root);
  await inState(group("holiday"), "done", { timeout: 120_000 });
  assert.equal(await countOf("/holiday"), 300, "each is there once");
  const [one] = await ask(`/api/files?folder=${encodeURIComponent("/holiday/day 3/morning")}&sortBy=name&sortDescending=false`);
  assert.equal(one.hash, `sha256:${await sha256(path.join(root, "day 3/morning", one.name))}`);
});

step("a folder goes on when the server is killed and comes back", async () => {
  const root = await folder("crash", 60, 400_000);
  await slowDown(page, 6 * MB);
  await page.setInputFiles("input[data-role=upload-folder]", root);
  await until(async () => (await countOf("/crash")) > 5, "some are stored");
  faults.forgive("ERR_", "WebSocket", "502", "503", "409");
  await server.stop("SIGKILL");
  await inState(group("crash"), "waiting");
  await page.locator("connection-bar").waitFor();
  await server.run();
  await inState(group("crash"), "done", { timeout: 120_000 });
  await group("crash").getByRole("link", { name: "Show the folder crash" }).click();
  await page.getByRole("heading", { name: "crash", level: 1 }).waitFor();
  await page.goBack();
  await page.locator("connection-bar").waitFor({ state: "hidden" });
  faults.forgive();
  assert.equal(await countOf("/crash"), 60);
});

step("names that are taken are asked about before anything is sent", async () => {
  const again = path.join(server.folder, "again");
  await mkdir(again, { recursive: true });
  const names = ["a harbour.txt", "b dunes.txt", "c lighthouse.txt"];
  const files = names.map((name) => path.join(again, name));
  for (const file of files) await writeFile(file, "the first one");
  await send(files);
  await until(async () => (await countOf("/")) === 363, "all three stored");
  const DATE = 1_760_000_000;
  for (const file of files) await writeFile(file, "the second, which is longer");
  for (const file of files) await utimes(file, DATE, DATE);
  await send(files);
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "3 files are there already" }).waitFor();
  await photograph(page, "uploads-conflict");
  await isClean(page, "the question about names");
  await dialog.getByText("Skip").click();
  await dialog.getByRole("button", { name: "Continue" }).click();
  await dialog.getByText("“b dunes.txt”").waitFor();
  await dialog.getByText("Replace").click();
  await dialog.getByRole("button", { name: "Continue" }).click();
  await dialog.getByText("“c lighthouse.txt”").waitFor();
  await dialog.getByText("Keep both").click();
  await dialog.getByRole("button", { name: "Continue" }).click();
  await inState(row("c lighthouse (2).txt"), "done");
  await inState(row("b dunes.txt"), "done");
  const stored = async () => (await ask("/api/files?folder=/")).map(({ name, size }) => `${name} ${size}`).sort();
  await until(async () => (await stored()).length === 4, "the replaced one is gone");
  assert.deepEqual(await stored(), ["a harbour.txt 13", "b dunes.txt 27", "c lighthouse (2).txt 27", "c lighthouse.txt 13"]);
  assert.deepEqual((await ask("/api/files?trashed=true")).map(({ name }) => name), ["b dunes.txt"], "it is in the trash");
  await send([files[1]]);
  await row("b dunes.txt").getByText("Already here").waitFor();
  await row("b dunes.txt").getByRole("button", { name: "Share b dunes.txt" }).click();
  await dialog.getByRole("button", { name: "Share", exact: true }).click();
  await until(async () => (await ask("/api/bundles")).length === 1, "it has a link");
  await page.getByRole("dialog").locator("input[readonly]").waitFor();
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
  // The same size and date, and other bytes.
  await writeFile(files[1], "the third, which is as long");
  await utimes(files[1], DATE, DATE);
  await send([files[1]]);
  await inState(row("b dunes (2).txt"), "done");
  assert.deepEqual((await stored()).filter((one) => one.startsWith("b ")), ["b dunes (2).txt 27", "b dunes.txt 27"]);
});

step("what arrived tells on another device which file it is, whatever it is called there", async () => {
  const file = await server.file("voyage.mov", 30 * MB);
  await slowDown(page, 4 * MB);
  await send(file);
  const begun = async () => (await ask("/api/files/upload/tasks?status=InProgress,Paused"))[0];
  await until(async () => (await begun())?.chunksUploaded >= 2, "two chunks are stored");
  await row("voyage.mov").getByRole("button", { name: "Pause" }).click();
  await inState(row("voyage.mov"), "paused");
  const { taskId } = await begun();
  faults.forgive("ERR_");
  await page.reload();
  await inState(row("voyage.mov"), "needs-file");
  await row("voyage.mov").getByText("Paused").waitFor();
  const other = await world.newPage();
  faults.forgive("401");
  await other.goto(server.url);
  await world.enter(other);
  faults.forgive();
  const there = row("voyage.mov", other);
  await there.getByText("Paused").waitFor();
  await there.getByRole("button", { name: "Resume" }).click();
  await there.and(other.locator("[data-state=needs-file]")).waitFor();
  const { mtime } = await stat(file);
  const [impostor, copy] = ["voyage.mov", "copy of my voyage.mov"].map((name) => path.join(server.folder, "elsewhere", name));
  await mkdir(path.dirname(copy), { recursive: true });
  await copyFile(file, copy);
  await copyFile(file, impostor);
  const bytes = await open(impostor, "r+");
  await bytes.write(Buffer.alloc(8 * MB), 0, 8 * MB, 0);
  await bytes.close();
  await utimes(impostor, mtime, mtime);
  await there.locator("input[type=file]").setInputFiles(impostor);
  await there.getByText("is not the file this upload began with").waitFor();
  await there.locator("input[type=file]").setInputFiles(copy);
  await there.and(other.locator("[data-state=done]")).waitFor({ timeout: 60_000 });
  assert.equal((await ask(`/api/files/upload/progress/${taskId}`)).status, "Completed", "it is the same upload");
  const [stored] = await ask("/api/files?name=voyage.mov");
  assert.equal(stored.hash, `sha256:${await sha256(file)}`);
  await inState(row("voyage.mov"), "done");
  await other.context().close();
});

step("bytes that the drive has already are not sent to the end", async () => {
  const file = await server.file("original.bin", 60 * MB);
  await slowDown(page, 400 * MB);
  let chunks = 0;
  page.on("response", (response) => (chunks += /\/upload\/chunk\//.test(response.url()) && response.ok() ? 1 : 0));
  await send(file);
  await inState(row("original.bin"), "done", { timeout: 60_000 });
  const all = chunks;
  await page.reload();
  await slowDown(page, 5 * MB);
  chunks = 0;
  const twin = path.join(server.folder, "files", "twin.bin");
  await copyFile(file, twin);
  await utimes(twin, 1_700_000_000, 1_700_000_000);
  faults.forgive("409", "404");
  await send(twin);
  await inState(row("twin.bin"), "done", { timeout: 60_000 });
  assert.ok(chunks < all, `${chunks} of ${all} chunks were sent`);
  faults.forgive();
  const [stored] = await ask("/api/files?q=twin.bin");
  assert.equal(stored.hash, `sha256:${await sha256(file)}`);
});

step("all are paused, resumed and cancelled at once", async () => {
  await slowDown(page, 2 * MB);
  const files = [];
  for (const name of ["one.bin", "two.bin", "three.bin"]) files.push(await server.file(name, 8 * MB));
  await send(files);
  await inState(row("one.bin"), "sending");
  faults.forgive("409", "ERR_", "404");
  const verb = async (name) => {
    await page.getByRole("button", { name: "More for all uploads" }).click();
    await page.getByRole("button", { name, exact: true }).click();
  };
  await verb("Pause all");
  for (const name of ["one.bin", "two.bin", "three.bin"]) await inState(row(name), "paused");
  await page.getByText("3 uploads paused").waitFor();
  await photograph(page, "uploads-paused");
  await verb("Resume all");
  await inState(row("one.bin"), "sending");
  await verb("Cancel all…");
  await page.getByText("Cancel 3 uploads?").waitFor();
  await photograph(page, "uploads-cancel");
  await page.getByRole("button", { name: "Cancel them" }).click();
  await row("three.bin").waitFor({ state: "detached" });
  await row("one.bin").waitFor({ state: "detached" });
  faults.forgive();
});

test("uploads", (t) => world.walk(t, steps));
