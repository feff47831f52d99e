// The client in browsers that give no handles of files and have rules of their own: sending, going on after a reload, every
// place, and a clean sign-out. The other walks are in Chromium. Walked by firefox.mjs and webkit.mjs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { ACCOUNT, Server, sha256, until } from "./harness.mjs";

const MB = 1_000_000;
const PLACES = ["recent", "shares", "trash", "tasks", "usage", "settings/profile", "settings/notifications", "settings/factor", "admin/accounts", "admin/pools", "admin/audit", "admin/health", "files"];

let server, browser;

/** @param {string} name @param {() => Promise<import("./driven.mjs").Driven>} start @param {boolean} hasBars scrollbars take room */
export const walkIn = (name, start, hasBars) =>
  test(name, async (t) => {
    server = await Server.start({ DRIVE_LIMITS_ENABLED: "false" });
    try {
      await server.setUp();
      browser = await start();
      await walk(t, name, hasBars);
    } finally {
      await browser?.close();
      await server.remove();
    }
  });

async function walk(t, browserName, hasBars) {
  const steps = { "signs in": signsIn, "sends, hashing beside it": sends, "asks for the same file after a reload, and goes on": goesOn, "asks for what was still in line": asksForLine, "shows every place": showsPlaces, "stands headings above their columns, whether or not a scrollbar is beside them": () => aligns(hasBars), "signs out": signsOut };
  for (const [name, step] of Object.entries(steps)) {
    let isDone = false;
    await t.test(name, async () => {
      await step();
      assert.deepEqual(await browser.evaluate(() => globalThis.faults ?? []), [], "the page complains");
      isDone = true;
    });
    if (!isDone) return browser.photograph(`${browserName}-${name.replaceAll(/\W+/g, "-")}`);
  }
}

/** Opens the page and keeps what goes wrong in it. */
async function open() {
  await browser.go(`${server.url}/`);
  await browser.evaluate(() => {
    globalThis.faults = [];
    for (const type of ["error", "unhandledrejection", "securitypolicyviolation"]) {
      addEventListener(type, (event) => faults.push(`${type}: ${event.message ?? event.reason ?? event.violatedDirective}`));
    }
  });
}

/** Leaves while something is sent, although the page warns. */
async function reopen() {
  await browser.go("about:blank");
  await open();
  await browser.shows("file-view");
}

async function signsIn() {
  await open();
  await browser.shows("sign-in");
  await browser.type("sign-in input[name=name]", ACCOUNT.name);
  await browser.type("sign-in input[name=password]", ACCOUNT.password);
  await browser.click("sign-in button[type=submit]");
  await browser.shows("file-view");
}

const send = (files) => browser.type("input[data-role=upload]", [files].flat().join("\n"));
const hashOf = async (name) => (await server.ask("GET", `/api/files?q=${encodeURIComponent(name)}`)).find((file) => file.name === name)?.hash;

async function sends() {
  const file = await server.file("harbour.bin", 40 * MB);
  await send(file);
  await browser.shows("upload-row[data-state=done]", "harbour.bin", 60_000);
  await browser.shows("upload-row", "Verified");
  assert.equal(await hashOf("harbour.bin"), `sha256:${await sha256(file)}`);
}

async function goesOn() {
  const file = await server.file("lighthouse.bin", 400 * MB);
  await send(file);
  const begun = async () => (await server.ask("GET", "/api/files/upload/tasks?status=InProgress"))[0];
  await browser.shows("upload-row[data-state=sending]", "lighthouse.bin");
  await until(async () => (await begun())?.chunksUploaded >= 5, "5 chunks are stored");
  await reopen();
  await browser.shows("upload-row[data-state=needs-file]", "lighthouse.bin");
  const { taskId, chunksUploaded } = await begun();
  assert.ok(chunksUploaded >= 5);
  await browser.type("upload-row[data-state=needs-file] input[type=file]", file);
  await browser.shows("upload-row[data-state=done]", "lighthouse.bin", 120_000);
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
  await browser.shows("upload-group[data-state=needs-file]", "Needs the same files");
  assert.ok((await stored()).length < 60, "it was interrupted");
  await browser.type("upload-group[data-state=needs-file] input[type=file]", files.join("\n"));
  await browser.shows("upload-row[data-state=done]", "card 60.txt", 60_000);
  await browser.evaluate(async () => {
    while (document.querySelector("upload-row:not([data-state=done]), upload-group")) await new Promise((resolve) => setTimeout(resolve, 50));
  });
  const names = await stored();
  assert.deepEqual([names.length, new Set(names).size], [60, 60], "each is there once");
}

async function showsPlaces() {
  for (const place of PLACES) {
    await browser.evaluate((to) => void (location.hash = `#/${to}`), place);
    const [view] = place.split("/");
    await browser.shows(view === "tasks" ? "task-list" : view === "files" ? "file-view" : view === "shares" ? "shares-view, link-list" : `${view}-view`);
  }
  await browser.photograph(`${browser.constructor.name.toLowerCase()}-files`);
}

async function aligns(hasBars) {
  const [heading, row, bar] = await browser.evaluate(() => {
    const right = (selector) => document.querySelector(selector).getBoundingClientRect().right;
    const scroller = document.querySelector("file-list .scroller");
    return [right("file-list .heading .size"), right("file-row .size"), scroller.offsetWidth - scroller.clientWidth];
  });
  assert.equal(bar > 0, hasBars, "a scrollbar takes room");
  assert.ok(Math.abs(heading - row) < 1, `${heading} and ${row}`);
}

async function signsOut() {
  await browser.click("account-menu button");
  await browser.evaluate(() => [...document.querySelectorAll("account-menu button")].find((one) => one.textContent.includes("Sign out")).click());
  await browser.shows("sign-in");
  const held = await browser.evaluate(async () => (await fetch("/api/account")).status);
  assert.equal(held, 401);
}
