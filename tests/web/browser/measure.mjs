// Measures the client on loopback: the first view, 1 GiB sent by the page beside the same without hashing and beside one
// plain request, 10,000 tasks and 100,000 files in their lists, 100,000 rows of the audit log, a dropped folder of 10,000 files, and the memory
// that 5 GiB take. Not part of tests/run. `node browser/measure.mjs [first] [tasks] [rows] [audit] [folder] [speed] [memory]`, see
// harness.mjs.

import { mkdir, open, readFile, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { drop, World } from "./harness.mjs";

const GIB = 2 ** 30;
const ROWS = Number(process.env.ROWS ?? 100_000);
const FILES = Number(process.env.FILES ?? 10_000);
const HASHING_OFF = 'export class Hasher { hash() { return Promise.reject(new Error("off")); } }';

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ["first", "tasks", "rows", "audit", "folder", "speed", "memory"];
const world = await new World().open({ settings: { DRIVE_LIMITS_ENABLED: "false", UPLOAD_MAX_CHUNK_SIZE: String(GIB), UPLOAD_DEFAULT_CHUNK_SIZE: String(5 << 20) } });
const { browser, context, page, server } = world;
context.setDefaultTimeout(550_000);
const say = (...words) => console.log(...words);

async function sparse(name, size) {
  const where = path.join(server.folder, name);
  await (await open(where, "w")).close();
  await truncate(where, size);
  return where;
}

/** What came by the wire, headers and all, before the first row stood. */
async function first() {
  await page.evaluate(() => fetch("/api/files/upload/direct?fileName=first.txt", { method: "PUT", body: "first" }));
  await page.addInitScript(() => {
    const look = (resolve) => (_, observer) => {
      if (document.querySelector("file-row .open") === null) return;
      observer.disconnect();
      resolve(performance.now());
    };
    window.stood = new Promise((resolve) => new MutationObserver(look(resolve)).observe(document, { childList: true, subtree: true }));
  });
  const session = await context.newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.setCacheDisabled", { cacheDisabled: true });
  const urls = new Map();
  const sizes = new Map();
  session.on("Network.requestWillBeSent", ({ requestId, request }) => urls.set(requestId, request.url));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(urls.get(requestId), encodedDataLength));
  const told = (list) => `${list.length} requests, ${(list.reduce((sum, size) => sum + size, 0) / 1000).toFixed(0)} kB`;
  for (let run = 0; run < 5; run++) {
    await page.goto("about:blank");
    sizes.clear();
    await page.goto(server.url);
    const { at, begun } = await page.evaluate(async () => {
      const moment = await window.stood;
      const early = performance.getEntriesByType("resource").filter(({ startTime }) => startTime <= moment);
      return { at: moment, begun: [location.href.replace(/#.*/, ""), ...early.map(({ name }) => name)] };
    });
    await page.waitForLoadState("networkidle");
    const early = [...sizes].filter(([url]) => begun.includes(url)).map(([, size]) => size);
    say(`first view: the first row stands after ${at.toFixed(0)} ms and ${told(early)}; ${told([...sizes.values()])} with what comes after it`);
  }
}

async function tasks() {
  const made = await page.evaluate(async () => {
    const post = (where, body) => fetch(where, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }).then((answer) => answer.json());
    const make = async (from) => {
      for (let at = from; at < 10_000; at += 6) {
        const { taskId } = await post("/api/tasks", { type: "Custom", name: `Task ${at}` });
        await post(`/api/tasks/${taskId}/complete`, {});
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(make));
    return (await fetch("/api/tasks?limit=1")).headers.get("x-total");
  });
  const began = performance.now();
  await page.goto(`${server.url}/#/tasks`);
  await page.locator("task-card[data-status=Completed]").first().waitFor();
  const painted = Math.round(performance.now() - began);
  say(`${made} tasks: first cards after ${painted} ms; ${await scrolled("task-list .scroller")}`);
}

/** Milliseconds between frames while a list is scrolled through: by jumps, and by a little at a time. */
const scrolled = async (selector) => {
  const told = [];
  for (const [what, px] of [["through", 0], ["by 100 px", 100], ["by 1000 px", 1000]]) {
    const { median, late, worst } = await page.evaluate(
      async ([where, step]) => {
        const scroller = [...document.querySelectorAll(where)].find((one) => one.checkVisibility());
        const gaps = [];
        scroller.scrollTop = 0;
        await new Promise((resolve) => setTimeout(resolve, 500));
        let last = performance.now();
        for (let at = 1; at <= 240; at++) {
          scroller.scrollTop = step ? at * step : (scroller.scrollHeight * at) / 240;
          await new Promise(requestAnimationFrame);
          gaps.push(performance.now() - last);
          last = performance.now();
        }
        gaps.sort((a, b) => a - b);
        return { median: gaps[120], late: gaps[228], worst: gaps[239] };
      },
      [selector, px],
    );
    told.push(`${what} ${median.toFixed(1)} / ${late.toFixed(1)} / ${worst.toFixed(1)}`);
  }
  return `frames in ms (median / 95 % / longest): ${told.join(", ")}`;
};

/** Files in one folder, in the list and as tiles. */
async function rows() {
  const put = async (from) => {
    for (let at = from; at < 1000; at += 6) await server.put(`picture ${at}.txt`, "/Rows", `${at}`);
  };
  await Promise.all([0, 1, 2, 3, 4, 5].map(put));
  for (let count = 1000; count < ROWS; count *= 2) {
    const { taskId } = await server.ask("POST", "/api/tasks", { type: "BulkOperation", parameters: { operationType: "copy", filter: { folder: "/Rows" }, operationParameters: { targetFolder: "/Rows" } } });
    for (let status = ""; status !== "Completed"; ({ status } = await server.ask("GET", `/api/tasks/${taskId}`))) await page.waitForTimeout(200);
  }
  await page.waitForTimeout(10_000); // the server puts its log in order
  const total = await page.evaluate(async () => (await fetch("/api/files?folder=/Rows&limit=1")).headers.get("x-total"));
  for (const look of ["list", "tiles"]) {
    await page.goto(`${server.url}/#/files/Rows`);
    await page.locator(":is(file-row, file-tile)[data-id]:visible").first().waitFor();
    if (look === "tiles") await page.getByRole("button", { name: "Tiles" }).click();
    say(`${total} files as ${look}: ${await scrolled("file-list .scroller")}`);
  }
}

/** A file that is changed so often leaves a row each time. */
async function audit() {
  const { id } = await server.put("busy.txt");
  const change = async (worker) => {
    for (let at = worker; at < ROWS; at += 8) await server.ask("PATCH", `/api/files/${id}`, { tags: [`tag ${at % 100}`] });
  };
  await Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(change));
  await page.goto("about:blank");
  const timed = async (what, act) => {
    const began = performance.now();
    await act();
    return `${what} ${(performance.now() - began).toFixed(0)} ms`;
  };
  const rows = page.locator("audit-page tbody tr");
  const answered = () => page.waitForResponse((answer) => answer.url().includes("/api/audit"));
  const choose = (label, value) => Promise.all([answered(), page.locator("audit-page").getByLabel(label).selectOption(value)]);
  const told = [
    await timed("the first rows stand after", async () => {
      await page.goto(`${server.url}/#/admin/audit`);
      await rows.first().waitFor();
    }),
    await timed("the next after", async () => {
      const count = await rows.count();
      await page.getByRole("button", { name: "Show more" }).click();
      await rows.nth(count).waitFor();
    }),
    await timed("one action of one row after", async () => {
      await choose("Action", "file.create");
      await page.waitForFunction(() => document.querySelectorAll("audit-page tbody tr").length === 1);
    }),
    await timed("an outcome that no row has after", async () => {
      await choose("Action", "");
      await choose("Outcome", "CONFLICT");
      await page.getByText("Nothing").waitFor();
    }),
  ];
  say(`${ROWS} rows of the audit log: ${told.join(", ")}`);
}

/** Small files in nested folders, some with more than the hundred entries that a browser tells at a time. */
async function folder() {
  const root = path.join(server.folder, "archive");
  for (let at = 0; at < FILES; at++) {
    const inside = path.join(root, `week ${at % 5}`, `day ${at % 50}`);
    if (at < 50) await mkdir(inside, { recursive: true });
    await writeFile(path.join(inside, `${at}.txt`), `file ${at}`);
  }
  await page.goto(`${server.url}/#/files`);
  await page.locator("upload-tray").waitFor({ state: "attached" });
  await page.evaluate(() => {
    globalThis.gaps = [];
    let last = performance.now();
    const look = (now) => {
      gaps.push(now - last);
      last = now;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  const began = performance.now();
  await drop(page, [root]);
  const row = page.locator("upload-group", { hasText: "archive" });
  await row.waitFor();
  const read = (performance.now() - began) / 1000;
  await row.and(page.locator("[data-state=done]")).waitFor({ timeout: 3_000_000 });
  const seconds = (performance.now() - began) / 1000;
  const total = await page.evaluate(async () => (await fetch("/api/files?folder=/archive&deep=true&limit=1")).headers.get("x-total"));
  const worst = await page.evaluate(() => Math.round(Math.max(...gaps)));
  say(`${total} of ${FILES} files of a dropped folder: one row after ${read.toFixed(1)} s, all there after ${seconds.toFixed(0)} s, ${(FILES / seconds).toFixed(0)} a second; the longest frame ${worst} ms`);
}

async function send(where, label) {
  const began = performance.now();
  await page.setInputFiles("input[data-role=upload]", where);
  await page.locator("upload-row[data-state=done]", { hasText: path.basename(where) }).waitFor();
  const seconds = (performance.now() - began) / 1000;
  say(`${label}: ${seconds.toFixed(1)} s, ${(GIB / 1e6 / seconds).toFixed(0)} MB/s`);
}

async function speed() {
  await page.goto(`${server.url}/#/files`);
  const names = ["hashed.bin", "unhashed.bin"];
  await send(await sparse(names[0], GIB), "1 GiB by the page");
  await page.route("**/core/hasher.js", (route) => route.fulfill({ contentType: "text/javascript", body: HASHING_OFF }));
  await page.reload();
  await page.unroute("**/core/hasher.js"); // a page with routes sends slowly
  await send(await sparse(names[1], GIB), "1 GiB by the page, without hashing");
  await page.reload();
  await page.evaluate(() => document.body.append(Object.assign(document.createElement("input"), { type: "file", id: "plain" })));
  await page.setInputFiles("#plain", await sparse("plain.bin", GIB));
  const { ms, status } = await page.evaluate(async () => {
    const [file] = document.querySelector("#plain").files;
    const began = performance.now();
    const { status: answered } = await fetch("/api/files/upload/direct?fileName=plain.bin", { method: "PUT", body: file, headers: { "content-type": "application/octet-stream" } });
    return { ms: performance.now() - began, status: answered };
  });
  say(`1 GiB in one request (${status}): ${(ms / 1000).toFixed(1)} s, ${(GIB / 1e3 / ms).toFixed(0)} MB/s`);
}

/** Memory that belongs to the page's process alone, in MB, and the heap of its scripts. */
async function memory() {
  const whole = await browser.newBrowserCDPSession();
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  const look = async () => {
    const { processInfo } = await whole.send("SystemInfo.getProcessInfo");
    let own = 0;
    for (const { id } of processInfo.filter(({ type }) => type === "renderer")) {
      const text = await readFile(`/proc/${id}/smaps_rollup`, "utf8").catch(() => "");
      const kb = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce((sum, [, number]) => sum + Number(number), 0);
      own = Math.max(own, kb / 1000);
    }
    const { metrics } = await session.send("Performance.getMetrics");
    return { own, heap: metrics.find(({ name }) => name === "JSHeapUsedSize").value / 1e6 };
  };
  await page.goto(`${server.url}/#/files`);
  await page.reload();
  await page.locator("file-view").waitFor();
  const before = await look();
  const file = await sparse("five.bin", 5 * GIB);
  const began = performance.now();
  await page.setInputFiles("input[data-role=upload]", file);
  const row = page.locator("upload-row", { hasText: "five.bin" });
  const seen = [];
  while ((await row.getAttribute("data-state")) !== "done") {
    seen.push(await look());
    await page.waitForTimeout(1000);
  }
  const usual = seen.map(({ own }) => own).sort((a, b) => a - b)[seen.length >> 1].toFixed(0);
  const most = (key) => Math.max(...seen.map((one) => one[key])).toFixed(0);
  say(`5 GiB in ${((performance.now() - began) / 1000).toFixed(0)} s: the page's own memory ${before.own.toFixed(0)} MB before, usually ${usual}, at most ${most("own")} MB; heap ${before.heap.toFixed(0)} MB, at most ${most("heap")} MB; ${seen.length} looks`);
}

try {
  await world.signIn();
  for (const what of wanted) await { first, tasks, rows, audit, folder, speed, memory }[what]();
} finally {
  await world.close();
}
