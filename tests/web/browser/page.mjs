// Walks through the page in a real browser against a real server: set-up, an upload interrupted in every way we know,
// resuming, pausing, downloading, a second tab, plain http, the keyboard. `node browser/page.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ACCOUNT, photograph, sha256, slowDown, until, World } from "./harness.mjs";

const MB = 1_000_000;
const BIG = 200 * MB;

const world = new World();
const { faults } = world;
let server, context, page;
/** Chunks the server took, as "task index", in order. */
const taken = [];

before(async () => {
  ({ server, context, page } = await world.open({ settings: { DRIVE_SERVER_ALLOWED_HOSTS: "drive.test" }, isSetUp: false }));
  page.on("response", (response) => {
    const chunk = /\/upload\/chunk\/([^/]+)\/(\d+)$/.exec(response.url());
    if (chunk && response.ok()) taken.push(`${chunk[1]} ${chunk[2]}`);
  });
});

after(() => world.close());

const row = (name) => page.locator("upload-row", { hasText: name });
const inState = (name, state, options) =>
  row(name)
    .and(page.locator(`[data-state=${state}]`))
    .waitFor(options);
const send = (files) => page.setInputFiles("input[type=file][data-role=upload]", files);

/** Waits until so many per cent of the upload are stored. */
async function stored(name, percent) {
  const text = await row(name).locator("progress-bar").elementHandle();
  await page.waitForFunction(
    ([bar, wanted]) => Number(/(\d+) per cent stored/.exec(bar.getAttribute("aria-valuetext"))?.[1]) >= wanted,
    [text, percent],
  );
}

const taskOf = (name) => row(name).getAttribute("data-task");
const ask = (path) => page.evaluate(async (url) => (await fetch(url)).json(), path);

test("the page", (t) =>
  world.walk(t, [
    ["sets up the first account", setsUp],
    ["resumes after a reload with the same file, sending only what is missing", resumesAfterReload],
    ["pauses and resumes, at the server too", pausesAndResumes],
    ["downloads what was uploaded", downloads],
    ["goes on when the server was killed and came back", survivesServer],
    ["shows an upload of another tab", showsOthers],
    ["says in the row why an upload failed, and recovers", showsFailure],
    ["shows a script's task live, and tries a failed one again", drivesTasks],
    ["names every control, and can be walked by keyboard", isAccessible],
    ["works on plain http, where the browser has no digest", worksInsecurely],
    ["signs out and in", signsOutAndIn],
  ]));

async function setsUp() {
  faults.forgive("401"); // asking who is signed in, before anybody is
  await page.goto(server.setupUrl);
  await page.getByRole("heading", { name: "Welcome to Drive" }).waitFor();
  await photograph(page, "set-up");
  await world.enter();
  await page.getByRole("heading", { name: "No files yet" }).waitFor();
  assert.ok(!page.url().includes("setup"), "the code is gone from the address");
  await photograph(page, "empty");
  faults.forgive();
}

async function resumesAfterReload() {
  const file = await server.file("holiday.mp4", BIG);
  const other = await server.file("other.bin", 3 * MB);
  let faster = await slowDown(page, 40 * MB);
  await send(file);
  await stored("holiday.mp4", 30);
  assert.match(await page.title(), /^\d+ % · Files · Drive$/);
  const taskId = await taskOf("holiday.mp4");
  faults.forgive("ERR_"); // requests that the reload cuts off
  await page.reload();
  await inState("holiday.mp4", "needs-file");
  faults.forgive();
  await photograph(page, "needs-file");
  const before = new Set((await ask(`/api/files/upload/resume/${taskId}`)).uploadedChunks);
  assert.ok(before.size > 3, `only ${before.size} chunks were stored before the reload`);

  await row("holiday.mp4").locator("input[type=file]").setInputFiles(other);
  await row("holiday.mp4").getByText("is not the file").waitFor();
  const already = taken.length;
  faster = await slowDown(page, 40 * MB);
  await row("holiday.mp4").locator("input[type=file]").setInputFiles(file);
  await stored("holiday.mp4", 60);
  const sent = taken.slice(already);
  assert.ok(sent.length > 0 && sent.every((chunk) => chunk.startsWith(`${taskId} `)), "the same upload goes on");
  assert.ok(
    sent.every((chunk) => !before.has(Number(chunk.split(" ")[1]))),
    "no stored chunk is sent again",
  );
  await faster(200 * MB);
}

async function pausesAndResumes() {
  faults.forgive("409"); // a chunk cut off by the pause may have arrived whole, and is then refused the second time
  await row("holiday.mp4").locator("[data-action=pause]").click();
  await inState("holiday.mp4", "paused");
  const taskId = await taskOf("holiday.mp4");
  await until(async () => (await ask(`/api/tasks/${taskId}`)).status === "Paused", "the server has paused it");
  const { uploadedChunks } = await ask(`/api/files/upload/resume/${taskId}`);
  await page.waitForTimeout(600);
  const later = await ask(`/api/files/upload/resume/${taskId}`);
  assert.deepEqual(later.uploadedChunks, uploadedChunks, "nothing arrives while paused");
  await photograph(page, "paused");
  await row("holiday.mp4").locator("[data-action=resume]").click();
  await inState("holiday.mp4", "done", { timeout: 120_000 });
  await row("holiday.mp4").getByText("Verified").waitFor();
  faults.forgive();
}

async function downloads() {
  const entry = page.locator('file-row[data-name="holiday.mp4"]');
  await entry.locator(".dots").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.locator("context-menu [data-verb=download]").click()]);
  assert.equal(download.suggestedFilename(), "holiday.mp4");
  const original = `${server.folder}/files/holiday.mp4`;
  assert.equal(await sha256(await download.path()), await sha256(original));
}

async function survivesServer() {
  const file = await server.file("harbour.tar", 60 * MB);
  await slowDown(page, 15 * MB);
  await send(file);
  await stored("harbour.tar", 20);
  faults.forgive("ERR_", "WebSocket", "502", "503");
  await server.stop("SIGKILL");
  await inState("harbour.tar", "waiting");
  await page.locator("connection-bar").waitFor();
  await photograph(page, "waiting");
  await server.run();
  await inState("harbour.tar", "done", { timeout: 90_000 });
  await row("harbour.tar").getByText("Verified").waitFor();
  await page.locator("connection-bar").waitFor({ state: "hidden" });
  faults.forgive();
}

async function showsOthers() {
  const file = await server.file("letters.zip", 40 * MB);
  const other = await context.newPage();
  await faults.watch(other);
  await other.goto(server.url);
  await other.locator("file-row").first().waitFor();
  await other.locator("upload-tray").waitFor({ state: "attached" }); // it comes after the list, and watches from then on
  const faster = await slowDown(page, 8 * MB);
  await send(file);
  const there = other.locator("upload-row", { hasText: "letters.zip" });
  await there.and(other.locator("[data-state=sending]")).waitFor();
  await there.getByText(/From another (tab|device)/).waitFor();
  await photograph(page, "sending");
  await faster(100 * MB);
  await there.and(other.locator("[data-state=done]")).waitFor();
  await other.locator('file-row[data-name="letters.zip"]').waitFor();
  await other.close();
}

async function showsFailure() {
  await page.route("**/api/files/upload/create", (route) =>
    route.fulfill({
      status: 403,
      json: {
        code: "QUOTA_EXCEEDED",
        message: "This file needs 3 MB and 1 MB is free. Delete something first.",
        status: 403,
        details: {},
      },
    }),
  );
  faults.forgive("403");
  await send(await server.file("late.bin", 3 * MB));
  await inState("late.bin", "failed");
  await row("late.bin").getByText("1 MB is free").waitFor();
  await photograph(page, "failed");
  await page.unroute("**/api/files/upload/create");
  faults.forgive();
  await row("late.bin").locator("[data-action=retry]").click();
  await inState("late.bin", "done");
}

/** A task of another program: told over REST, seen on the page without a reload. */
async function drivesTasks() {
  const post = (path, body) =>
    page.evaluate(
      async ([to, json]) => {
        const headers = { "content-type": "application/json" };
        const answer = await fetch(`/api/tasks${to}`, { method: "POST", headers, body: JSON.stringify(json) });
        return answer.json();
      },
      [path, body],
    );
  await page.getByRole("link", { name: "Tasks" }).click();
  const { taskId } = await post("", { type: "Custom", name: "Back-up of the attic" });
  const card = page.locator(`task-card[data-task="${taskId}"]`);
  await card.and(page.locator("[data-status=InProgress]")).waitFor();
  await post(`/${taskId}/progress`, { progress: 40, statusMessage: "part 2 of 4" });
  await card.getByText("40 % · part 2 of 4").waitFor();
  await post(`/${taskId}/fail`, { errorMessage: "The tape is full." });
  await card.getByText("The tape is full.").waitFor();
  await photograph(page, "task-failed");
  await card.getByRole("button", { name: "Try again: Back-up of the attic" }).click();
  await card.and(page.locator("[data-status=InProgress]")).waitFor();
  await post(`/${taskId}/complete`, {});
  await card.and(page.locator("[data-status=Completed]")).waitFor();
  await page.getByRole("link", { name: "Files", exact: true }).click();
}

async function isAccessible() {
  await page.getByRole("link", { name: "Tasks" }).click();
  await page.locator("task-card[data-status=Completed]").first().waitFor();
  await photograph(page, "tasks");
  await page.getByRole("link", { name: "Files", exact: true }).click();
  await page.locator('file-row[data-name="late.bin"]').waitFor();
  const nameless = await page.evaluate(() =>
    [...document.querySelectorAll("button, a, input, select, [role=progressbar], [role=region]")]
      .filter((node) => node.checkVisibility())
      .filter((node) => !(node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length))
      .map((node) => node.outerHTML.slice(0, 120)),
  );
  assert.deepEqual(nameless, []);
  await page.locator("file-row a[download]").first().focus();
  await page.keyboard.press("ArrowDown");
  const focused = await page.evaluate(() => document.activeElement.closest("file-row")?.getAttribute("aria-rowindex"));
  assert.equal(focused, "3", "the arrow moved to the second file");
  const spoken = page.locator("live-region");
  assert.equal(await spoken.getAttribute("aria-live"), "polite");
}

async function worksInsecurely() {
  const plain = await world.newPage();
  faults.forgive("401");
  await plain.goto(`http://drive.test:${new URL(server.url).port}/`);
  assert.equal(await plain.evaluate(() => isSecureContext), false);
  await world.enter(plain);
  await plain.locator("file-row").first().waitFor();
  await plain.setInputFiles("input[data-role=upload]", await server.file("plain.bin", 12 * MB));
  const there = plain.locator("upload-row", { hasText: "plain.bin" });
  await there.getByText("Verified").waitFor();
  await leavesInsecurely(plain);
  faults.forgive();
}

/** Without the browser's locks pages ask each other who sends. */
async function leavesInsecurely(plain) {
  const files = [];
  for (let at = 1; at <= 40; at++) files.push(await server.file(`plain ${at}.txt`, 100_000));
  await slowDown(plain, MB / 10);
  await plain.setInputFiles("input[data-role=upload]", files);
  await plain.locator("upload-row[data-state=sending]").first().waitFor();
  const twin = await plain.context().newPage();
  await twin.goto(plain.url());
  await twin.locator("upload-tray").waitFor({ state: "attached" });
  await twin.waitForTimeout(6000); // it looks every five seconds
  assert.equal(await twin.locator("upload-tray > .list > *").count(), 0, "nothing is asked for that another page sends");
  await plain.close({ runBeforeUnload: false });
  await twin.locator("upload-group[data-state=needs-file]").getByText("Needs the same files").waitFor();
  await twin.context().close();
}

async function signsOutAndIn() {
  const other = await context.newPage();
  await faults.watch(other);
  const sockets = [];
  for (const one of [page, other]) one.on("websocket", (socket) => sockets.push(socket));
  await Promise.all([page.reload(), other.goto(server.url)]);
  await until(async () => sockets.length === 2, "both pages listen");
  faults.forgive("401", "WebSocket"); // what the browser itself says of it
  await page.getByRole("button", { name: "New folder" }).click();
  await page.locator("dialog input:focus").fill("Secret");
  await page.keyboard.press("Enter");
  await page.locator('file-row[data-name="Secret"]').waitFor();
  await page.evaluate(() => (location.hash = "#/files/Secret"));
  await page.evaluate(() => document.querySelector("side-bar").act("toast", { tone: "danger", text: "Secret plan could not be moved." }));
  await page.getByText("Secret plan").first().waitFor();
  await page.locator("account-menu .avatar").click();
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.locator("sign-in").waitFor();
  assert.deepEqual([await page.getByText("Secret").count(), new URL(page.url()).hash], [0, ""], "nothing tells what was seen before");
  await other.locator("sign-in").waitFor();
  await until(async () => sockets.every((socket) => socket.isClosed()), "the sockets are closed");
  await other.close();
  faults.forgive("401");
  await page.fill("input[name=name]", ACCOUNT.name);
  await page.fill("input[name=password]", "wrong password");
  await page.click("sign-in button[type=submit]");
  await page.locator("sign-in [role=alert]").waitFor();
  await photograph(page, "sign-in");
  await page.fill("input[name=password]", ACCOUNT.password);
  await page.click("sign-in button[type=submit]");
  await page.locator("bread-crumb h1", { hasText: "Secret" }).waitFor(); // for the same person it goes on there
  faults.forgive();
}
