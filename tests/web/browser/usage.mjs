// The place "Usage" in a real browser: plots, their tables and files, the room, for oneself and for everybody.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { photograph } from "./harness.mjs";
import { Places } from "./places.mjs";

let places;
let page;

before(async () => {
  places = await Places.open({ DRIVE_ACCOUNTS_DEFAULT_QUOTA_BYTES: "40000000" });
  ({ page } = places);
});

after(() => places?.close());

const plot = (name) => page.locator(`usage-plot[data-plot=${name}]`);

test("an empty drive says so, and leads to the files", async () => {
  await places.go("usage");
  await places.heading("Nothing is stored yet").waitFor();
  await photograph(page, "usage-empty");
  await places.check("usage, empty");
});

test("what comes in is shown by itself", async () => {
  const sizes = [["harbour.jpg", "image/jpeg", 9_000_000], ["film.mp4", "video/mp4", 12_000_000], ["notes.txt", "text/plain", 1200], ["report.pdf", "application/pdf", 2_400_000], ["old.bin", "x-thing/none", 3_000_000]];
  for (const [name, type, size] of sizes) await places.server.put(name, "/", Buffer.alloc(size, name), type);
  const [old] = await places.ask("GET", "/api/files?q=old");
  await places.ask("DELETE", `/api/files/${old.id}`);
  await places.ask("POST", "/api/files/upload/create", { fileName: "later.iso", fileSize: 5_000_000 });
  await plot("type").locator("text", { hasText: "Videos" }).waitFor();
  await page.locator("usage-quota dd", { hasText: "5.0 MB" }).waitFor();
});

test("the room tells files, trash, what uploads reserve, and what is free", async () => {
  const words = (await page.locator("usage-quota").innerText()).replace(/\s+/g, " ");
  assert.match(words, /Files 23 MB/);
  assert.match(words, /Trash 3\.0 MB/);
  assert.match(words, /Reserved 5\.0 MB/);
  assert.match(words, /Free 8\.6 MB/);
  assert.match(await page.locator("usage-quota svg.room").getAttribute("aria-label"), /Files: 23 MB\. Trash: 3\.0 MB/);
});

test("plots say what they show without colour and without eyes", async () => {
  const label = await plot("type").locator("svg.drawing").getAttribute("aria-label");
  assert.match(label, /^By type\. Videos: 12 MB · \d+ %\. Pictures: 9\.0 MB/);
  assert.match(await plot("tasks").locator("svg.drawing").getAttribute("aria-label"), /Done: 5/);
  assert.match(await plot("month").locator("svg.drawing").getAttribute("aria-label"), /26 MB/);
  const [long, track] = await Promise.all([".bar", ".track"].map((part) => plot("type").locator(part).first().getAttribute("width")));
  const part = /Videos: 12 MB · (\d+) %/.exec(label)[1] / 100;
  assert.ok(Math.abs(long / track - part) < 0.02, `the bar of ${part} fills ${long / track} of its track`);
  await photograph(page, "usage");
  await places.check("usage");
});

test("how fast uploads were is drawn, with its table", async () => {
  const { taskId } = await places.ask("POST", "/api/files/upload/create", { fileName: "slow.bin", fileSize: 2_000_000 });
  await places.ask("PUT", `/api/files/upload/chunk/${taskId}/0`, Buffer.alloc(2_000_000, 1));
  await places.ask("POST", `/api/files/upload/complete/${taskId}`, {});
  await plot("speed").locator("rect.bar").waitFor();
  assert.match(await plot("speed").locator("svg.drawing").getAttribute("aria-label"), /^Speed of uploads by day\. .+: .+B\/s/);
  await plot("speed").getByRole("button", { name: "Show as table: Speed of uploads by day" }).click();
  const row = await plot("speed").getByRole("table").locator("td").allInnerTexts();
  assert.deepEqual(row.slice(0, 2), ["1", "2.0 MB"]);
  await plot("speed").getByRole("button", { name: /Show as plot/ }).click();
});

test("another quota shows at once, here and at the side", async () => {
  const { id } = await places.ask("GET", "/api/account");
  const quota = (quotaBytes) => places.ask("PATCH", `/api/accounts/${id}`, { quotaBytes });
  await quota(80_000_000);
  for (const shown of ["usage-quota .lead", "side-bar quota-meter p"]) await page.locator(shown, { hasText: "of 80 MB" }).waitFor();
  await quota(0);
  await page.locator("side-bar quota-meter p", { hasText: "of 0 bytes" }).waitFor();
  await quota(40_000_000);
  await page.locator("usage-quota .lead", { hasText: "of 40 MB" }).waitFor();
});

test("each plot is a table too, by keyboard", async () => {
  await plot("type").getByRole("button", { name: "Show as table: By type" }).focus();
  await page.keyboard.press("Enter");
  const table = plot("type").getByRole("table");
  await table.waitFor();
  assert.deepEqual(await table.getByRole("row", { name: /Pictures/ }).locator("td").allInnerTexts(), ["1", "9.0 MB", "9.0 MB"]);
  await plot("month").getByRole("button", { name: /Show as table/ }).click();
  await photograph(page, "usage-tables");
  await places.check("usage as tables");
  await plot("type").getByRole("button", { name: "Show as plot: By type" }).click();
  assert.ok(await plot("type").locator("svg.drawing").isVisible());
});

test("a plot and everything can be saved as CSV", async () => {
  const save = async (button) => {
    const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
    return [download.suggestedFilename(), await readFile(await download.path(), "utf8")];
  };
  const [name, text] = await save(plot("type").getByRole("button", { name: "Save as CSV: By type" }));
  assert.equal(name, "usage-type.csv");
  assert.equal(text.split("\r\n")[0], "Type,Files,Size,Charged");
  assert.ok(text.includes("Videos,1,12000000,12000000\r\n"));
  const [all, rows] = await save(page.getByRole("link", { name: "Everything as CSV" }));
  assert.equal(all, "usage.csv");
  assert.match(rows, /^account_id,account,pool,type,month/);
});

test("administrators see one other, or everybody", async () => {
  await places.ask("POST", "/api/accounts", { name: "ben", password: "another good one" });
  await page.reload();
  const list = page.getByLabel("Account", { exact: true });
  await list.selectOption({ label: "Everybody" });
  await plot("account").locator("text", { hasText: "ben" }).waitFor();
  assert.match(await plot("tasks").locator("svg.drawing").getAttribute("aria-label"), /Done: 6/);
  await photograph(page, "usage-everybody");
  await list.selectOption({ label: "ben" });
  await places.heading("Nothing is stored yet").waitFor();
});

test("an error is told in its place, with a way on", async () => {
  await page.route("**/api/usage*", (route) => route.fulfill({ status: 500, contentType: "application/json", body: '{"code":"DATABASE_ERROR","message":"The database is away.","status":500,"details":{}}' }));
  places.faults.forgive("500");
  await page.getByLabel("Account", { exact: true }).selectOption({ label: "My account" });
  await page.getByText("The database is away.").waitFor();
  await page.unroute("**/api/usage*");
  await page.getByRole("button", { name: "Try again" }).click();
  await plot("type").locator("text", { hasText: "Videos" }).waitFor();
  places.faults.forgive();
});

test("the page showed no fault", () => assert.deepEqual(places.faults.list, []));
