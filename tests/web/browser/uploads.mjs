// Walks through uploading as people do it: a folder with all that is in it, a reload and a crash in the middle, names that
// are taken, one page beside another, a proxy that takes no large bodies. `node browser/uploads.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { ARTIFACTS, Faults, launch, photograph, Server, sha256, slowDown } from "./harness.mjs";

const MB = 1_000_000;
const ACCOUNT = { name: "anna", password: "correct horse battery" };

let server;
let browser;
let context;
let page;
const faults = new Faults();

before(async () => {
  server = await Server.start();
  browser = await launch();
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(30_000);
  page = await context.newPage();
  await faults.watch(page);
});

after(async () => {
  await browser?.close();
  await server?.remove();
});

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

async function until(condition, what, ms = 60_000) {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await condition()) return;
    await page.waitForTimeout(150);
  }
  assert.fail(`never happened: ${what}`);
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
  faults.forgive("401");
  await page.goto(server.setupUrl);
  await page.fill("input[name=name]", ACCOUNT.name);
  await page.fill("input[name=password]", ACCOUNT.password);
  await page.click("sign-in button[type=submit]");
  await page.getByRole("heading", { name: "No files yet" }).waitFor();
  faults.forgive();
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
  for (const file of files) await writeFile(file, "the second, which is longer");
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
});

step("a proxy that refuses large bodies makes chunks smaller", async () => {
  const refused = [];
  await page.route("**/upload/chunk/**", async (route) => {
    const size = route.request().postDataBuffer()?.length ?? 0;
    if (size <= 1 << 20) return route.continue();
    refused.push(size);
    await route.fulfill({ status: 413, contentType: "text/html", body: "<h1>413 Request Entity Too Large</h1>" });
  });
  faults.forgive("413", "404", "409");
  await slowDown(page, 200 * MB);
  const file = await server.file("proxied.bin", 9 * MB);
  await send(file);
  await inState(row("proxied.bin"), "done", { timeout: 60_000 });
  await row("proxied.bin").getByText("Verified").waitFor();
  assert.ok(refused.length > 0 && refused.length <= 12, `${refused.length} were refused`);
  await page.unroute("**/upload/chunk/**");
  faults.forgive();
});

step("bytes that the drive has already are not sent to the end", async () => {
  const file = await server.file("original.bin", 60 * MB);
  await slowDown(page, 400 * MB);
  await send(file);
  await inState(row("original.bin"), "done", { timeout: 60_000 });
  await page.reload();
  await slowDown(page, 5 * MB); // 60 MB would take 12 s
  const twin = path.join(server.folder, "files", "twin.bin");
  const { copyFile } = await import("node:fs/promises");
  await copyFile(file, twin);
  await utimes(twin, 1_700_000_000, 1_700_000_000);
  faults.forgive("409", "404");
  const began = Date.now();
  await send(twin);
  await inState(row("twin.bin"), "done", { timeout: 60_000 });
  assert.ok(Date.now() - began < 9000, `it took ${Date.now() - began} ms`);
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

step("signing out elsewhere asks to sign in, and loses nothing", async () => {
  await slowDown(page, 3 * MB);
  await send(await server.file("patient.bin", 12 * MB));
  await inState(row("patient.bin"), "sending");
  faults.forgive("401", "ERR_", "WebSocket", "409");
  await page.evaluate(() => fetch("/api/auth/logout", { method: "POST" }));
  await page.locator("sign-in").waitFor();
  await isClean(page, "the door");
  await slowDown(page, 100 * MB);
  await page.fill("input[name=name]", ACCOUNT.name);
  await page.fill("input[name=password]", ACCOUNT.password);
  await page.click("sign-in button[type=submit]");
  await inState(row("patient.bin"), "done", { timeout: 60_000 });
  await row("patient.bin").getByText("Verified").waitFor();
  faults.forgive();
});

test("uploads", async (t) => {
  for (const [name, run] of steps) {
    let passed = false;
    await t.test(name, async () => {
      try {
        await run();
        assert.deepEqual(faults.list, [], "faults on the page");
        passed = true;
      } catch (error) {
        await page.screenshot({ path: `${ARTIFACTS}uploads-failure.png` }).catch(() => {});
        throw error;
      }
    });
    if (!passed) return; // later steps stand on this one
  }
});
