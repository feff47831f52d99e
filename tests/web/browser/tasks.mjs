// Walks through the tasks as people do: looking, filtering, making one, many at once, what went wrong, on two devices and
// in two languages. `node browser/tasks.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { ARTIFACTS, photograph, until, World } from "./harness.mjs";

const MANY = 2400;
/** An account may have 1,000 open ones. */
const OPEN = 900;

const world = new World();
let server, page;

async function signedIn(options) {
  const other = await world.newPage(options);
  await world.signIn(other);
  return other;
}

before(async () => {
  ({ server, page } = await world.open());
  await world.signIn();
});

after(() => world.close());

const api = (...request) => server.ask(...request);

const card = (name, on = page) => on.locator("task-card", { hasText: name });
const inStatus = (locator, status) => locator.and(page.locator(`[data-status=${status}]`)).waitFor();
const filter = (name) => page.locator(`task-list [data-filter=${name}]`);
const total = (n) => page.locator("task-list .total", { hasText: new RegExp(`^${n.toLocaleString("en")} task`) }).waitFor();

const steps = [];
const step = (name, run) => steps.push([name, run]);

step("a place without tasks says so", async () => {
  await isClean(page, "files, empty");
  await page.getByRole("link", { name: "Tasks" }).click();
  await page.getByRole("heading", { name: "No tasks yet" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "main", "the focus went along");
  assert.equal(await page.title(), "Tasks · Drive");
  await photograph(page, "tasks-empty");
  await isClean(page, "no tasks");
});

step("a task is made from what the server offers, and its result is a link", async () => {
  for (const name of ["harbour one.txt", "harbour two.txt", "dunes.txt"]) await server.put(name, "/", `${name}, `.repeat(2000));
  await page.getByRole("button", { name: "New task" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What to do").selectOption("FileCompress");
  await dialog.getByLabel(/^Files/).fill("harbour");
  await dialog.getByRole("button", { name: "harbour one.txt" }).click();
  await dialog.getByLabel(/^Files/).fill("harbour");
  await dialog.getByRole("button", { name: "harbour two.txt" }).click();
  await dialog.getByText("More choices").click();
  await dialog.getByLabel(/^Name of the archive/).fill("sea.zip");
  await dialog.getByLabel("Name optional", { exact: true }).waitFor();
  await photograph(page, "tasks-new");
  await isClean(page, "the form of a task");
  await dialog.getByRole("button", { name: "Start" }).click();
  await dialog.waitFor({ state: "hidden" });
  await inStatus(card("sea.zip"), "Completed");
  await card("sea.zip").locator(".title").click();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("dialog").getByRole("link", { name: "sea.zip" }).click()]);
  assert.equal(download.suggestedFilename(), "sea.zip");
  await page.getByRole("dialog").getByText("Compression ratio").waitFor();
  await photograph(page, "tasks-result");
  await isClean(page, "a task's details");
  await page.keyboard.press("Escape");
});

step("results are called what the files are called", async () => {
  const [{ id: fileId }] = await api("GET", "/api/files?q=sea.zip");
  await api("POST", "/api/tasks", { type: "FileDecompress", parameters: { fileId, targetFolder: "/unpacked" } });
  await inStatus(card("Unpack sea.zip"), "Completed");
  await card("Unpack sea.zip").locator(".title").click();
  for (const name of ["harbour one.txt", "harbour two.txt"]) await page.getByRole("dialog").getByRole("link", { name }).waitFor();
  await page.keyboard.press("Escape");
});

step("a field that is missing or wrong is named, and what was typed stays", async () => {
  await page.getByRole("button", { name: "New task" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("What to do").selectOption("FileEncrypt");
  await dialog.getByRole("button", { name: "Start" }).click();
  await dialog.getByText("This is needed.").waitFor();
  await dialog.getByLabel(/^Files/).fill("dunes");
  await dialog.getByRole("button", { name: "dunes.txt" }).click();
  await dialog.getByLabel("Password").fill("short");
  await dialog.getByRole("button", { name: "Start" }).click();
  await dialog.getByText("At least 8 characters.").waitFor();
  await photograph(page, "tasks-wrong");
  await dialog.getByRole("button", { name: "Cancel" }).click();
});

step("what went wrong is told with its attempts, and tried again", async () => {
  const begun = Buffer.from("89504e470d0a1a0a0000000d494844520000001000000010080200000090916836000001f449444154789c", "hex"); // a PNG of 16 x 16 that breaks off
  const { id } = await server.put("broken picture.png", "/", begun, "image/png");
  await api("POST", "/api/tasks", { type: "FileConversion", parameters: { fileId: id, targetFormat: "jpg" } });
  const failed = card("Convert broken picture");
  await inStatus(failed, "Failed");
  await failed.locator(".title").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Attempts" }).waitFor();
  await photograph(page, "tasks-failed");
  await dialog.getByRole("button", { name: "Try again" }).click();
  await dialog.locator("ol li").nth(1).waitFor();
  await page.keyboard.press("Escape");
  await page.locator("lane-tiles").getByRole("button", { name: /^1 failed today/ }).click();
  await total(1);
  assert.match(page.url(), /#\/tasks\?status=today&lane=cpu$/);
  await photograph(page, "tasks-lane");
  await isClean(page, "tasks of one lane");
  await page.reload();
  await total(1);
  await page.goto(`${server.url}/#/files`);
  await page.locator("file-list").waitFor();
  await page.goBack();
  await total(1);
  await page.getByRole("button", { name: "Show other lanes than “Archives and conversions” too" }).click();
  assert.ok(await page.evaluate(() => document.activeElement.matches(".search")), "the focus stays in the filters");
  await filter("status").selectOption("");
  assert.ok(page.url().endsWith("#/tasks"));
  await filter("type").selectOption({ label: "Convert a file" });
  await total(1);
  await page.getByRole("link", { name: "Tasks" }).click();
  await card("into sea.zip").waitFor();
});

step("a notification leads to its task, loaded or not", async () => {
  await page.locator("notification-bell button").first().click();
  await page.locator("notification-list").getByRole("link", { name: /^Failed: Convert broken picture/ }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "Convert broken picture" }).waitFor();
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => location.hash === "#/tasks");
  assert.notEqual(await page.evaluate(() => document.activeElement.localName), "body");
  const [{ taskId }] = await api("GET", "/api/tasks?q=into%20sea.zip");
  await page.goto(`${server.url}/#task=${taskId}`);
  await dialog.getByRole("heading", { name: "Compress 2 files into sea.zip" }).waitFor();
  await page.keyboard.press("Escape");
  world.faults.forgive("404");
  await page.goto(`${server.url}/#/tasks/00000000-0000-7000-8000-000000000000`);
  await page.locator("toast-stack", { hasText: "There is no such task." }).getByRole("button").click();
  world.faults.forgive();
});

step("uploads are found by the name that they show", async () => {
  await page.getByRole("searchbox", { name: "Search by name" }).fill("dunes");
  await total(1);
  await card("dunes.txt").waitFor();
  await page.getByRole("searchbox", { name: "Search by name" }).fill("");
  await card("into sea.zip").waitFor();
});

step("a task that could not do all it was to do says so", async () => {
  const [gone, here] = [await server.put("gone.txt"), await server.put("here.txt")];
  await api("DELETE", `/api/files/${gone.id}`);
  const parameters = { operationType: "tag", targetIds: [gone.id, here.id], operationParameters: { add: ["sea"] } };
  await api("POST", "/api/tasks", { type: "BulkOperation", parameters });
  const partial = card("Tag 2 files");
  await partial.getByText("Done · 1 file failed").waitFor();
  assert.match(await partial.locator(":scope > svg use").getAttribute("href"), /#warning$/);
  await partial.locator(".title").click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("heading", { name: "1 file failed" }).waitFor();
  await photograph(page, "tasks-partial");
  await page.keyboard.press("Escape");
});

step("an administrator pauses a lane, and what waits there goes on later", async () => {
  const tile = page.locator("lane-tiles section", { hasText: "Archives and conversions" });
  await tile.getByRole("button", { name: "Pause the lane “Archives and conversions”" }).click();
  await tile.getByText("Paused").waitFor();
  const { id } = await server.put("to pack.txt");
  await api("POST", "/api/tasks", { type: "FileCompress", parameters: { fileIds: [id], outputFileName: "packed later.zip" } });
  await tile.getByRole("button", { name: /^1 waiting/ }).waitFor();
  await inStatus(card("packed later.zip"), "Pending");
  await isClean(page, "a paused lane");
  await photograph(page, "tasks-lane-paused");
  await tile.getByRole("button", { name: "Let the lane “Archives and conversions” go on" }).click();
  await inStatus(card("packed later.zip"), "Completed");
  await tile.getByText("Paused").waitFor({ state: "hidden" });
});

step("two devices of one account see each other's tasks live", async () => {
  const other = await signedIn({ viewport: { width: 390, height: 844 }, hasTouch: true });
  await other.getByRole("link", { name: "Tasks" }).click();
  const { taskId } = await api("POST", "/api/tasks", { type: "Custom", name: "Back-up of the attic" });
  await api("POST", `/api/tasks/${taskId}/progress`, { progress: 40, statusMessage: "part 2 of 4" });
  for (const device of [page, other]) await card("Back-up of the attic", device).getByText("40 % · part 2 of 4").waitFor();
  await card("Back-up of the attic", other).getByRole("button", { name: "Pause: Back-up of the attic" }).click();
  await inStatus(card("Back-up of the attic"), "Paused");
  await card("Back-up of the attic").getByRole("button", { name: "Resume: Back-up of the attic" }).click();
  await card("Back-up of the attic", other).and(other.locator("[data-status=InProgress]")).waitFor();
  await api("POST", `/api/tasks/${taskId}/complete`, {});
  for (const device of [page, other]) await card("Back-up of the attic", device).and(device.locator("[data-status=Completed]")).waitFor();
  await other.context().close();
});

step("one that waits is put before others", async () => {
  const [{ id }] = await api("GET", "/api/files?q=dunes");
  const parameters = { fileIds: [id], targetFolder: "/archive" };
  await api("POST", "/api/tasks", { type: "FileMove", name: "For tonight", runAt: "2099-01-01T02:00:00Z", parameters });
  await card("For tonight").locator(".title").click();
  await page.getByRole("dialog").getByLabel("Priority").selectOption("100");
  await until(async () => (await api("GET", "/api/tasks?q=tonight"))[0].priority === 100, "it comes first");
  await photograph(page, "tasks-priority");
  await page.keyboard.press("Escape");
  await card("For tonight").getByText(/planned for .*2099/).waitFor();
  await card("For tonight").getByRole("button", { name: "Cancel: For tonight" }).press("Enter");
  await inStatus(card("For tonight"), "Cancelled");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "For tonight", "the focus stays on the card");
  assert.ok(await card("For tonight").getByRole("button", { name: /Try again/ }).isHidden(), "the server tries again what failed, and nothing else");
});

step("one that waits says what for", async () => {
  const [task] = await api("GET", "/api/tasks?q=tonight");
  const waiting = { ...task, status: "Pending", errorCode: "POOL_OFFLINE", errorMessage: 'Pool "cold storage" is offline.', runAt: null, rev: task.rev + 1 };
  await page.route("**/api/tasks?*", (route) => route.fulfill({ json: [waiting], headers: { "x-total": "1" } }));
  await page.reload();
  await card("For tonight").getByText('Pool "cold storage" is offline.').waitFor();
  await page.unroute("**/api/tasks?*");
  await page.reload();
  await inStatus(card("For tonight"), "Cancelled");
});

step("thousands scroll, are filtered, and are changed at once", async () => {
  const make = async (from) => {
    for (let at = from; at < MANY; at += 8) {
      const { taskId } = await api("POST", "/api/tasks", { type: "Custom", name: `Sweep ${at} of the long row of rooms in the old house by the sea` });
      if (at < MANY - OPEN) await api("POST", `/api/tasks/${taskId}/complete`, {});
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, from) => make(from)));
  await filter("type").selectOption("Custom");
  await page.getByRole("searchbox", { name: "Search by name" }).fill("sweep");
  await total(MANY);
  assert.ok((await page.locator("task-card").count()) < 60, "only what is in view is drawn");
  await page.locator("task-card .title").first().focus();
  await page.keyboard.press("End");
  await page.locator(`task-card[aria-posinset="${MANY}"]`).waitFor();
  await page.waitForFunction((last) => document.activeElement.closest("task-card")?.ariaPosInSet === String(last), MANY);
  await page.keyboard.press("Home");
  await page.getByRole("checkbox", { name: "Select all that are loaded" }).check();
  await page.getByRole("button", { name: "Select all 2,400 that match" }).click();
  await photograph(page, "tasks-many");
  await isClean(page, "tasks, selected");
  await page.locator("task-list .selection").getByRole("button", { name: "Pause" }).click();
  await page.getByText("Pause 900 tasks?").waitFor();
  await page.getByRole("button", { name: "Yes, do it" }).click();
  await page.locator("task-list .total", { hasText: "900 tasks changed" }).waitFor({ timeout: 90_000 });
  await filter("status").selectOption("Paused");
  await total(OPEN);
  const second = page.locator("task-card[aria-posinset='2']");
  await page.locator("task-card[aria-posinset='1']").getByRole("checkbox").check();
  await second.getByRole("checkbox").check();
  await page.getByText("2 selected").waitFor();
  await page.locator("task-list .selection").getByRole("button", { name: "Cancel", exact: true }).first().click();
  await page.getByText("Cancel 2 tasks?").waitFor();
  await page.getByRole("button", { name: "Yes, do it" }).click();
  await total(OPEN - 2);
  await page.getByRole("searchbox", { name: "Search by name" }).fill("nothing of this name");
  await page.getByRole("heading", { name: "No task matches" }).waitFor();
  await page.getByRole("button", { name: "Show all tasks" }).click();
});

step("a verb counts those that it fits, and what could not be changed stays selected", async () => {
  const box = (name) => card(name).getByRole("checkbox").check();
  for (const name of ["Open one", "Open two", "Ended"]) {
    const { taskId } = await api("POST", "/api/tasks", { type: "Custom", name });
    if (name === "Ended") await api("POST", `/api/tasks/${taskId}/complete`, {});
  }
  for (const name of ["Open one", "Open two", "Ended"]) await box(name);
  const bar = page.locator("task-list .selection");
  await bar.getByRole("button", { name: "Cancel", exact: true }).first().click();
  await bar.getByText("Cancel 2 tasks? What is finished stays; the rest is not done. 1 had ended already.").waitFor();
  await page.route("**/api/tasks/cancel", async (route) => {
    const { taskIds } = route.request().postDataJSON();
    const results = taskIds.map((taskId) => ({ taskId, error: { code: "CONFLICT", message: "Not now." } }));
    await route.fulfill({ json: { matched: taskIds.length, succeeded: 0, dryRun: false, results } });
  });
  await bar.getByRole("button", { name: "Yes, do it" }).click();
  await bar.getByText("0 changed, 2 could not: Not now.").waitFor();
  await page.unroute("**/api/tasks/cancel");
  await until(async () => (await page.locator("task-card[data-selected]").count()) === 2, "what had ended is let go");
  await bar.getByRole("button", { name: "Cancel", exact: true }).first().click();
  await bar.getByRole("button", { name: "Yes, do it" }).click();
  await inStatus(card("Open two"), "Cancelled");
});

step("administrators see everybody's, and leave them alone", async () => {
  await api("POST", "/api/accounts", { name: "berta", password: "another long password" });
  const { accessToken } = await api("POST", "/api/auth/login", { name: "berta", password: "another long password" });
  await api("POST", "/api/tasks", { type: "Custom", name: "Berta's own work" }, accessToken);
  await filter("owner").selectOption("all");
  const hers = card("Berta's own work");
  await hers.getByText("berta", { exact: true }).waitFor();
  assert.equal(await hers.getByRole("button", { name: /^(Pause|Cancel)/ }).count(), 0);
  const master = page.getByRole("checkbox", { name: "Select all that are loaded" });
  await master.check();
  assert.ok(await master.isChecked() && !(await master.evaluate((box) => box.indeterminate)));
  await master.uncheck();
  await filter("owner").selectOption("");
  await hers.waitFor({ state: "detached" });
});

step("it speaks German, fits a narrow phone and a wide screen", async () => {
  const german = await signedIn({ locale: "de-DE" });
  await german.goto(`${server.url}/#/tasks`);
  await german.getByRole("button", { name: "Neue Aufgabe" }).waitFor();
  await german.locator("task-card[data-status=Paused]").first().waitFor();
  assert.equal(await german.evaluate(() => document.documentElement.lang), "de");
  await photograph(german, "tasks-german");
  await german.locator("account-menu .avatar").click();
  await german.getByRole("button", { name: "Abmelden" }).waitFor();
  await isClean(german, "the account's menu, in German");
  for (const width of [320, 3840]) {
    await german.setViewportSize({ width, height: width === 320 ? 640 : 2160 });
    for (const place of ["files", "tasks"]) {
      await german.goto(`${server.url}/#/${place}`);
      await german.locator(place === "files" ? "file-list" : "task-list").waitFor();
      const wide = await german.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${place} is ${wide} px too wide at ${width}`);
      await german.screenshot({ path: `${ARTIFACTS}${place}-${width}.png` });
    }
  }
  await german.context().close();
});

test("tasks", (t) => world.walk(t, steps));
