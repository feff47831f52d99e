// What is done with files in a real browser against a real server: tags, archives, the trash, search, tasks; Recent and
// tiles; a server that fails, and German. `node browser/file-work.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { FilesWorld } from "./files-world.mjs";
import { ARTIFACTS, photograph } from "./harness.mjs";

const world = new FilesWorld();
const { faults, bar, dialog, go, holds, menu, names, put, row, toast } = world;
let page, browser, context, server;

before(async () => {
  await world.open();
  ({ page, browser, context, server } = world);
  await put("boats.md", "/Photos/2026/Old harbour", "# Boats\n\nTwo of them.", "text/markdown");
  for (const number of ["1", "2", "2 (2)", "10"]) await put(`harbour-${number}.txt`, "/Photos/2026", `picture ${number}`);
  await put("a name that goes on and on until nobody reads it any more, and then goes on a little further still.txt", "/Photos/2026");
  await put("table.csv", "/Photos/2026", "name,count\nboat,2\n", "text/csv");
  await put("letter.txt", "/Letters", "Dear all");
  await put("top.txt", "/", "<b>not bold</b>");
  await world.signIn();
  await go("#/files/Photos/2026");
});

after(() => world.close());

test("work on files", (t) =>
  world.walk(t, [
    ["tags are given to many", tags],
    ["many are downloaded as one archive", downloadsMany],
    ["deleted rows are gone at once and come back; the trash is emptied", usesTrash],
    ["search finds by words below the folder, and says when there is nothing", searches],
    ["archives, passwords and formats are tasks whose fields come from the server", operates],
    ["what changed last is in Recent", seesRecent],
    ["tiles show the same rows", showsTiles],
    ["details tell of what is chosen, or has the focus, or is around", tellsDetails],
    ["a failing server is told in place, with a way to try again", tellsFailure],
    ["in German too", speaksGerman],
  ]));

async function tags() {
  await row("harbour-10.txt").locator(".pick").click();
  await row("table.csv").locator(".pick").click();
  await page.locator("selection-bar").getByRole("button", { name: "More actions" }).click();
  await page.locator("context-menu [data-verb=tag]").click();
  await page.getByLabel("New tag").fill("sea");
  await page.keyboard.press("Enter");
  await page.getByLabel("New tag").fill("summer");
  await photograph(page, "files-tags");
  await isClean(page, "the tags");
  await dialog().getByRole("button", { name: "Save" }).click();
  await row("table.csv").getByText("summer").waitFor();
  await row("harbour-10.txt").getByText("sea").waitFor();
  await page.keyboard.press("Escape");
}

async function downloadsMany() {
  await row("harbour-10.txt").locator(".pick").click();
  await row("Old harbour").locator(".pick").click();
  const [mixed] = await Promise.all([page.waitForEvent("download"), bar("download").click()]);
  assert.equal(mixed.suggestedFilename(), "2026.zip");
  await row("Old harbour").locator(".pick").click();
  await row("table.csv").locator(".pick").click();
  const [many] = await Promise.all([page.waitForEvent("download"), bar("download").click()]);
  assert.equal(many.suggestedFilename(), "2026.zip");
  await page.keyboard.press("Escape");
  await row("Old harbour").click({ button: "right" });
  const [folder] = await Promise.all([page.waitForEvent("download"), page.locator("context-menu [data-verb=download]").click()]);
  assert.equal(folder.suggestedFilename(), "Old harbour.zip");
}

async function usesTrash() {
  const all = await names("/Photos/2026");
  await row("harbour-10.txt").locator(".open").focus();
  await page.keyboard.press("Delete");
  await row("harbour-10.txt").waitFor({ state: "detached", timeout: 1000 });
  await photograph(page, "files-undo");
  await toast("Moved harbour-10.txt to the trash").getByRole("button", { name: "Undo" }).click();
  await row("harbour-10.txt").waitFor();
  await row("Old harbour").locator(".pick").click();
  await row("table.csv").locator(".pick").click();
  await bar("trash").click();
  await toast("Moved 2 items to the trash").getByRole("button", { name: "Undo" }).click();
  await row("Old harbour").waitFor();
  await holds("/Photos/2026", all);
  await holds("/Photos/2026/Old harbour", ["boats.md"]);
  for (const name of ["harbour-1.txt", "harbour-2 (2).txt", "harbour-10.txt"]) await row(name).locator(".pick").click();
  await bar("trash").click();
  await toast("Moved 3 items to the trash").waitFor();
  await page.getByRole("link", { name: "Trash" }).click();
  await page.getByText("still count towards your storage").waitFor();
  await row("harbour-10.txt").waitFor();
  await photograph(page, "trash");
  await isClean(page, "the trash");
  await menu("harbour-10.txt", "restore");
  await holds("/Photos/2026", all.filter((name) => !["harbour-1.txt", "harbour-2 (2).txt"].includes(name)));
  await row("harbour-2 (2).txt").locator(".open").focus();
  await page.keyboard.press("Delete");
  await dialog().getByText("Delete “harbour-2 (2).txt” for good?").waitFor();
  await photograph(page, "trash-purge");
  await dialog().getByRole("button", { name: "Delete for good" }).click();
  await row("harbour-2 (2).txt").waitFor({ state: "detached" });
  faults.forgive("404"); // a server without a route for the whole trash gets a task instead
  await page.getByRole("button", { name: "Empty trash" }).click();
  await dialog().getByRole("button", { name: "Delete for good" }).click();
  await page.getByRole("heading", { name: "The trash is empty" }).waitFor();
  faults.forgive();
  await isClean(page, "an empty trash");
}

async function searches() {
  await go("#/files/Photos");
  await row("2026").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("harbour");
  await row("boats.md").waitFor(); // its folder bears the word
  await row("Old harbour").waitFor();
  await page.getByText("Results for “harbour” in Photos and below").waitFor();
  await photograph(page, "files-search");
  await isClean(page, "results");
  await page.getByRole("searchbox", { name: "Search in Photos" }).fill("letter");
  await page.getByRole("heading", { name: "Nothing found for “letter”" }).waitFor();
  await photograph(page, "files-nothing-found");
  await page.getByRole("link", { name: "Search everywhere" }).click();
  await row("letter.txt").waitFor();
  await page.goBack();
  await page.goBack();
  await row("2026").click();
  await row("table.csv").waitFor();
}

async function operates() {
  await row("table.csv").locator(".pick").click();
  await row("Old harbour").locator(".pick").click();
  await bar("compress").click();
  await page.getByLabel("Format").selectOption("tar.gz");
  assert.equal(await page.getByLabel("Name of the archive").inputValue(), "2026.tar.gz");
  await page.getByLabel("Format").selectOption("zip");
  await photograph(page, "files-compress");
  await isClean(page, "compressing");
  await dialog().getByRole("button", { name: "Compress" }).click();
  await row("2026.zip").waitFor();
  await menu("2026.zip", "extract");
  await dialog().getByRole("button", { name: "Extract" }).click();
  await toast("2026.zip").last().waitFor();
  await page.locator('file-row[data-name="2026"][data-kind=folder]').waitFor();
  await menu("table.csv", "convert");
  await page.getByLabel("Format").selectOption("json");
  await photograph(page, "files-convert");
  await dialog().getByRole("button", { name: "Convert" }).click();
  await row("table.json").waitFor();
  await menu("table.json", "encrypt");
  await page.getByLabel("Password", { exact: true }).fill("salt water 7");
  await page.getByLabel("Repeat the password").fill("sweet water 7");
  await dialog().getByRole("button", { name: "Encrypt" }).click();
  assert.equal(await page.getByLabel("Repeat the password").evaluate((input) => input.validationMessage), "The two passwords differ.");
  await page.getByLabel("Repeat the password").fill("salt water 7");
  await photograph(page, "files-encrypt");
  await isClean(page, "encrypting");
  await dialog().getByRole("button", { name: "Encrypt" }).click();
  await row("table.json").getByRole("img", { name: "Encrypted" }).waitFor();
  faults.forgive("403");
  await row("table.json").click();
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await page.keyboard.press("Enter");
  await dialog().getByRole("alert").waitFor();
  await page.getByLabel("Password", { exact: true }).fill("salt water 7");
  await photograph(page, "files-unlock");
  await page.keyboard.press("Enter");
  await dialog().getByText('"boat"').waitFor();
  await page.keyboard.press("Escape");
  await menu("table.json", "decrypt");
  await page.getByLabel("Password", { exact: true }).fill("wrong");
  await dialog().getByRole("button", { name: "Decrypt" }).click();
  await dialog().locator(".field-error").waitFor();
  assert.ok(await page.getByLabel("Password", { exact: true }).evaluate((field) => field === document.activeElement), "the wrong field has the focus");
  faults.forgive();
  await page.getByLabel("Password", { exact: true }).fill("salt water 7");
  await dialog().getByRole("button", { name: "Decrypt" }).click();
  await row("table.json").getByRole("img", { name: "Encrypted" }).waitFor({ state: "detached" });
}

async function tellsDetails() {
  await go("#/files/Photos/2026");
  await row("table.csv").waitFor();
  const panel = page.locator("details-panel");
  const info = page.locator("file-view .info");
  const told = (text) => panel.getByRole("heading", { name: text, exact: true }).waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await info.click();
  await told("2026");
  await row("table.csv").locator(".open").focus();
  await told("table.csv");
  await panel.getByText(/sha256:[0-9a-f]{64}/).waitFor();
  await page.keyboard.press("ArrowDown");
  await told("table.json");
  for (const name of ["table.csv", "2026.zip"]) await row(name).locator(".pick").click();
  await told("2 selected");
  await photograph(page, "files-details-sum");
  await isClean(page, "the details of several");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await menu("table.csv", "rename");
  await page.locator(".name-field:focus").waitFor();
  await page.keyboard.type("list");
  await page.keyboard.press("Enter");
  await told("list.csv");
  await toast("Renamed to list.csv").getByRole("button", { name: "Undo" }).click();
  await told("table.csv");
  await go("#/files/Letters");
  await told("letter.txt");
  await info.click();
  await panel.waitFor({ state: "hidden" });
  // In the trash there is nothing to ask the server about.
  await put("also here.txt", "/Letters");
  const [gone] = await server.ask("GET", world.list("/Letters"));
  await server.ask("DELETE", `/api/files/${gone.id}`);
  await go("#/trash");
  await page.locator(`trash-view file-row[data-name="${gone.name}"] .open`).focus();
  await page.keyboard.press("Enter");
  await page.locator("trash-view details-panel").getByRole("heading", { name: gone.name }).waitFor();
  await page.waitForTimeout(300); // in which it would be asked about
  await page.locator("trash-view details-panel").getByRole("button", { name: "Close" }).click();
  await go("#/files/Nowhere/at all");
  await page.getByRole("heading", { name: "There is no folder “at all”" }).waitFor();
  await photograph(page, "files-missing");
  await isClean(page, "a folder that is not there");
  await page.getByRole("link", { name: "Go to Files" }).click();
  await row("Photos").waitFor();
}

async function seesRecent() {
  await page.getByRole("link", { name: "Recent" }).click();
  const recent = page.locator("recent-view file-row"); // the folder that was left shows the file too
  await recent.and(page.locator('[data-name="table.json"]')).waitFor();
  assert.equal(await recent.first().getAttribute("data-name"), "table.json");
  await photograph(page, "recent");
  await isClean(page, "Recent");
}

async function showsTiles() {
  await go("#/files/Photos/2026");
  await row("table.csv").waitFor();
  await page.getByRole("button", { name: "Tiles" }).click();
  await page.locator("file-tile[data-name='table.csv']").waitFor();
  const box = await row("table.csv").locator(".pick").boundingBox();
  const beside = await page.evaluate(([x, y]) => document.elementFromPoint(x, y).className, [box.x + box.width + 7, box.y + box.height + 7]);
  assert.equal(beside, "pick", "a finger hits the box");
  await row("table.csv").locator(".open").focus();
  await page.keyboard.press("ArrowLeft");
  await page.keyboard.press("Space");
  await photograph(page, "files-tiles");
  await isClean(page, "tiles");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.locator("file-row").first().waitFor();
}

async function tellsFailure() {
  faults.forgive("503");
  await page.route("**/api/files?*", (route) => route.fulfill({ status: 503, body: "" }));
  await go("#/files/Letters");
  await page.getByRole("heading", { name: "The files could not be loaded" }).waitFor();
  await photograph(page, "files-failed");
  await page.unroute("**/api/files?*");
  await page.getByRole("button", { name: "Try again" }).click();
  await row("letter.txt").waitFor();
  await page.route("**/api/files/*", (route) => route.fulfill({ status: 503, body: "" }));
  await row("letter.txt").locator(".open").focus();
  await page.keyboard.press("Delete");
  await toast("letter.txt: The server answered with an error (503)").waitFor();
  await row("letter.txt").waitFor();
  await page.unroute("**/api/files/*");
  faults.forgive();
}

async function speaksGerman() {
  const other = await world.newPage({ locale: "de-DE", storageState: await context.storageState() });
  await other.goto(`${server.url}/#/files/Photos/2026`);
  await other.locator('file-row[data-name="table.csv"]').click({ button: "right" });
  await other.getByRole("menuitem", { name: "Umbenennen" }).waitFor();
  await other.screenshot({ path: `${ARTIFACTS}files-german.png` });
  await other.context().close();
}
