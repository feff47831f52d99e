// The client in Firefox, which gives no handles of files and has rules of its own: sending, going on after a reload, every
// place, and a clean sign-out. The other walks are in Chromium. `node browser/firefox.mjs`; FIREFOX is its binary, for the
// rest see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ACCOUNT, Server, sha256, until } from "./harness.mjs";
import { Firefox } from "./marionette.mjs";

const MB = 1_000_000;
const PLACES = ["recent", "shares", "trash", "tasks", "usage", "settings/profile", "settings/notifications", "settings/factor", "admin/accounts", "admin/pools", "admin/audit", "admin/health", "files"];

let server, firefox;

before(async () => {
  server = await Server.start({ DRIVE_LIMITS_ENABLED: "false" });
  await server.setUp();
  firefox = await Firefox.start(process.env.FIREFOX ?? "firefox-esr");
});

after(async () => {
  await firefox?.close();
  await server.remove();
});

test("firefox", async (t) => {
  const steps = { "signs in": signsIn, "sends, hashing beside it": sends, "asks for the same file after a reload, and goes on": goesOn, "asks for what was still in line": asksForLine, "shows every place": showsPlaces, "stands headings above their columns, with a scrollbar beside them": aligns, "signs out": signsOut };
  for (const [name, step] of Object.entries(steps)) {
    let isDone = false;
    await t.test(name, async () => {
      await step();
      assert.deepEqual(await firefox.evaluate(() => globalThis.faults ?? []), [], "the page complains");
      isDone = true;
    });
    if (!isDone) return firefox.photograph(`firefox-${name.replaceAll(/\W+/g, "-")}`);
  }
});

/** Opens the page and keeps what goes wrong in it. */
async function open() {
  await firefox.go(`${server.url}/`);
  await firefox.evaluate(() => {
    globalThis.faults = [];
    for (const type of ["error", "unhandledrejection", "securitypolicyviolation"]) {
      addEventListener(type, (event) => faults.push(`${type}: ${event.message ?? event.reason ?? event.violatedDirective}`));
    }
  });
}

/** Leaves while something is sent, although the page warns. */
async function reopen() {
  await firefox.go("about:blank");
  await open();
  await firefox.shows("file-view");
}

async function signsIn() {
  await open();
  await firefox.shows("sign-in");
  await firefox.type("sign-in input[name=name]", ACCOUNT.name);
  await firefox.type("sign-in input[name=password]", ACCOUNT.password);
  await firefox.click("sign-in button[type=submit]");
  await firefox.shows("file-view");
}

const send = (files) => firefox.type("input[data-role=upload]", [files].flat().join("\n"));
const hashOf = async (name) => (await server.ask("GET", `/api/files?q=${encodeURIComponent(name)}`)).find((file) => file.name === name)?.hash;

async function sends() {
  const file = await server.file("harbour.bin", 40 * MB);
  await send(file);
  await firefox.shows("upload-row[data-state=done]", "harbour.bin", 60_000);
  await firefox.shows("upload-row", "Verified");
  assert.equal(await hashOf("harbour.bin"), `sha256:${await sha256(file)}`);
}

async function goesOn() {
  const file = await server.file("lighthouse.bin", 400 * MB);
  await send(file);
  const begun = async () => (await server.ask("GET", "/api/files/upload/tasks?status=InProgress"))[0];
  await firefox.shows("upload-row[data-state=sending]", "lighthouse.bin");
  await until(async () => (await begun())?.chunksUploaded >= 5, "5 chunks are stored");
  await reopen();
  await firefox.shows("upload-row[data-state=needs-file]", "lighthouse.bin");
  const { taskId, chunksUploaded } = await begun();
  assert.ok(chunksUploaded >= 5);
  await firefox.type("upload-row[data-state=needs-file] input[type=file]", file);
  await firefox.shows("upload-row[data-state=done]", "lighthouse.bin", 120_000);
  assert.equal((await server.ask("GET", `/api/files/upload/progress/${taskId}`)).status, "Completed", "it is the same upload");
  assert.equal(await hashOf("lighthouse.bin"), `sha256:${await sha256(file)}`);
}

async function asksForLine() {
  const files = [];
  for (let at = 1; at <= 60; at++) files.push(await server.file(`card ${at}.txt`, 900_000));
  const stored = async () => (await server.ask("GET", "/api/files?q=card&limit=100")).map(({ name }) => name);
  await send(files);
  await until(async () => (await stored()).length >= 3, "some are stored");
  await reopen();
  await firefox.shows("upload-group[data-state=needs-file]", "Needs the same files");
  assert.ok((await stored()).length < 60, "it was interrupted");
  await firefox.type("upload-group[data-state=needs-file] input[type=file]", files.join("\n"));
  await firefox.shows("upload-row[data-state=done]", "card 60.txt", 60_000);
  await firefox.evaluate(async () => {
    while (document.querySelector("upload-row:not([data-state=done]), upload-group")) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  const names = await stored();
  assert.deepEqual([names.length, new Set(names).size], [60, 60], "each is there once");
}

async function showsPlaces() {
  for (const place of PLACES) {
    await firefox.evaluate((to) => void (location.hash = `#/${to}`), place);
    const [view] = place.split("/");
    await firefox.shows(view === "tasks" ? "task-list" : view === "files" ? "file-view" : view === "shares" ? "shares-view, link-list" : `${view}-view`);
  }
  await firefox.photograph("firefox-files");
}

async function aligns() {
  const [heading, row, bar] = await firefox.evaluate(() => {
    const right = (selector) => document.querySelector(selector).getBoundingClientRect().right;
    const scroller = document.querySelector("file-list .scroller");
    return [right("file-list .heading .size"), right("file-row .size"), scroller.offsetWidth - scroller.clientWidth];
  });
  assert.ok(bar > 0, "there is a scrollbar");
  assert.ok(Math.abs(heading - row) < 1, `${heading} and ${row}`);
}

async function signsOut() {
  await firefox.click("account-menu button");
  await firefox.evaluate(() => [...document.querySelectorAll("account-menu button")].find((one) => one.textContent.includes("Sign out")).click());
  await firefox.shows("sign-in");
  const held = await firefox.evaluate(async () => (await fetch("/api/account")).status);
  assert.equal(held, 401);
}
