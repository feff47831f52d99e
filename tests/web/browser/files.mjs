// Lives in the file places of the page in a real browser against a real server: folders, choosing, menus, looking, new names,
// moving, names that are taken; by mouse, keyboard and touch. `node browser/files.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { FilesWorld } from "./files-world.mjs";
import { ARTIFACTS, photograph } from "./harness.mjs";

const GUEST = { name: "gustav", password: "correct horse battery" };

const world = new FilesWorld();
const { faults, bar, chosen, dialog, focused, go, holds, isFocused, menu, put, row, toast } = world;
let page, browser, context, server;

before(async () => {
  await world.open();
  ({ page, browser, context, server } = world);
  await put("boats.md", "/Photos/2026/Harbour", "# Boats\n\nTwo of them.", "text/markdown");
  for (const number of [1, 2, 3, 10]) await put(`harbour-${number}.txt`, "/Photos/2026", `picture ${number}`);
  await put("a name that goes on and on until nobody reads it any more, and then goes on a little further still.txt", "/Photos/2026");
  await put("table.csv", "/Photos/2026", "name,count\nboat,2\n", "text/csv");
  await put("letter.txt", "/Letters", "Dear all");
  await put("top.txt", "/", "<b>not bold</b>");
  await put("red.png", "/Photos", await world.picture(), "image/png");
  await put("words.txt", "/Photos", "so that there is something to see next");
});

after(() => world.close());

test("the file places", (t) =>
  world.walk(t, [
    ["folders stand first, and are walked into and out of", walksFolders],
    ["rows are chosen by box, Ctrl, Shift, Space, all and none", chooses],
    ["a menu and a sheet of shortcuts tell what can be done", showsMenus],
    ["a file is looked at, and its details", looks],
    ["a picture stands in its row and tile, the sign of its kind until it is there", showsPictures],
    ["names change in place, and back", renames],
    ["a name that is taken asks: keep both, replace, or neither", asksOnConflict],
    ["rows move by the picker with the keyboard alone, and back", movesByPicker],
    ["rows are cut, copied, pasted and dragged", pastesAndDrags],
    ["a phone chooses by a long press", choosesByTouch],
    ["of a deep folder's way the ends can be read, and a menu has the rest", goesDeep],
    ["guests see and take, and change nothing", guestsOnlyRead],
  ]));

async function walksFolders() {
  await world.signIn();
  await row("Photos").waitFor();
  assert.deepEqual(await page.locator("file-row").evaluateAll((rows) => rows.map((one) => one.dataset.name)), ["Letters", "Photos", "top.txt"]);
  await row("Photos").click();
  await row("2026").click();
  await row("Harbour").waitFor();
  await photograph(page, "files");
  await isClean(page, "a folder");
  await page.keyboard.press("Backspace");
  await row("2026").waitFor();
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByLabel("Name", { exact: true }).fill("2026");
  await page.getByRole("button", { name: "Create" }).click();
  await dialog().getByText("There is a folder “2026” here already").waitFor();
  await photograph(page, "files-new-folder");
  await isClean(page, "the dialog for a new folder");
  await page.getByLabel("Name", { exact: true }).fill("2027");
  await page.keyboard.press("Enter");
  await row("2027").click();
  await page.getByRole("heading", { name: "Nothing in 2027 yet" }).waitFor();
  await isClean(page, "an empty folder");
  await page.locator("bread-crumb a", { hasText: "Photos" }).click();
  await row("2026").click();
  await row("harbour-10.txt").waitFor();
}

async function chooses() {
  await row("harbour-1.txt").locator(".pick").click();
  await chosen("harbour-1.txt");
  await row("harbour-10.txt").click({ modifiers: ["Shift"] });
  await chosen("harbour-1.txt", "harbour-2.txt", "harbour-3.txt", "harbour-10.txt");
  await row("harbour-2.txt").click({ modifiers: ["Control"] });
  await page.locator("selection-bar", { hasText: "3 selected" }).waitFor();
  await photograph(page, "files-selected");
  await isClean(page, "a selection");
  await page.keyboard.press("Escape");
  await page.locator("selection-bar").waitFor({ state: "hidden" });
  await row("harbour-1.txt").locator(".open").focus();
  await page.keyboard.press("Space");
  await page.keyboard.press("Shift+ArrowDown");
  await page.locator("selection-bar", { hasText: "2 selected" }).waitFor();
  assert.equal(await focused(), "harbour-2.txt");
  await page.keyboard.press("Control+a");
  await page.locator("selection-bar", { hasText: "7 selected" }).waitFor();
  await page.keyboard.press("Escape");
}

async function showsMenus() {
  await row("table.csv").click({ button: "right" });
  await page.locator("context-menu [data-verb=convert]").waitFor();
  await photograph(page, "files-menu");
  await isClean(page, "a menu");
  await page.keyboard.press("Escape");
  await page.waitForFunction(() => document.activeElement.closest("file-row")?.dataset.name === "table.csv");
  await page.keyboard.press("Shift+F10");
  await page.locator("context-menu [data-verb=open]:focus").waitFor();
  await page.keyboard.press("d"); // Download, Details, Delete
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Escape");
  await row("table.csv").locator(".dots").click();
  await page.locator("context-menu [data-verb=encrypt]").waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await dialog().getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
  await photograph(page, "files-shortcuts");
  await isClean(page, "the shortcuts");
  await page.keyboard.press("Escape");
}

async function looks() {
  await row("Harbour").click();
  await row("boats.md").locator(".open").focus();
  await page.keyboard.press("Enter");
  await dialog().locator("article").getByText("Two of them.").waitFor();
  await photograph(page, "files-preview");
  await isClean(page, "a preview");
  await page.keyboard.press("Escape");
  assert.equal(await focused(), "boats.md", "the focus is back");
  await page.locator("bread-crumb a", { hasText: "Photos" }).click();
  const asked = [];
  page.on("request", (request) => request.url().includes("inline=true") && asked.push(request.url()));
  const { x, y } = await row("red.png").locator(".open").boundingBox();
  await page.mouse.move(x + 4, y + 4);
  await page.mouse.down();
  await page.waitForFunction(() => performance.getEntriesByType("resource").some(({ name }) => name.endsWith("inline=true")));
  assert.equal(await dialog().count(), 0);
  await page.mouse.up();
  await page.waitForFunction(() => document.querySelector("preview-dialog img")?.naturalWidth === 300);
  assert.equal(asked.length, 1, "it was asked for when the button went down, and once");
  await dialog().getByText("1 of 2").waitFor();
  await photograph(page, "files-picture");
  await page.keyboard.press("ArrowRight");
  await dialog().getByText("so that there is something to see next").waitFor();
  await page.keyboard.press("Escape");
  await go("#/files/Photos/2026/Harbour");
  await menu("boats.md", "details");
  const panel = page.locator("details-panel");
  await panel.getByText(/sha256:[0-9a-f]{64}/).waitFor();
  await photograph(page, "files-details");
  await isClean(page, "the details");
  await row("boats.md").locator(".pick").check();
  for (const width of [900, 1024, 1280]) {
    await page.setViewportSize({ width, height: 800 });
    const right = (await panel.boundingBox()).x;
    for (const part of ["selection-bar", ".tools > :last-child", "file-row"]) {
      const { x, width: wide } = await page.locator(`file-view ${part}:visible`).last().boundingBox();
      assert.ok(x + wide <= right, `${part} at ${width} px: ${x + wide} of ${right}`);
    }
    const { width: name } = await row("boats.md").locator(".open").boundingBox();
    assert.ok(name > 50, `the name is ${name} px wide at ${width} px`);
  }
  await row("boats.md").locator(".pick").uncheck();
  await panel.getByRole("button", { name: "Close" }).click();
  await page.keyboard.press("Alt+ArrowUp");
  await row("harbour-1.txt").waitFor();
}

async function goesDeep() {
  const levels = Array.from({ length: 20 }, (_, at) => `Level${at + 1}`);
  await put("deep.txt", `/${levels.join("/")}`, "deep");
  await go(`#/files/${levels.join("/")}`);
  await row("deep.txt").waitFor();
  const steps = page.locator("bread-crumb li:visible");
  assert.deepEqual((await steps.allInnerTexts()).filter(Boolean), ["Files", "Level19", "Level20"]);
  assert.ok((await page.locator("search-box").boundingBox()).width >= 180);
  await page.getByRole("button", { name: "Folders in between" }).click();
  await photograph(page, "files-deep");
  await isClean(page, "the folders in between");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Folders in between" }).press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Level2", exact: true }).waitFor();
  await isFocused("Level3"); // where one came from
  await page.locator("bread-crumb a", { hasText: "Files" }).click();
  await row("Level1").waitFor();
}

/** As if the server had made thumbnails: of one there is none after all. */
async function showsPictures() {
  await page.route("**/api/files?*", async (route) => {
    const answer = await route.fetch();
    const files = await answer.json();
    await route.fulfill({ response: answer, json: files.map((file) => ({ ...file, hasThumbnail: true })) });
  });
  const body = await world.picture();
  let isSent;
  const sent = new Promise((resolve) => (isSent = resolve));
  const { id } = (await server.ask("GET", "/api/files?q=red.png"))[0];
  faults.forgive("404");
  await page.route("**/thumbnail?*", async (route) => {
    if (!route.request().url().includes(id)) return route.fulfill({ status: 404, body: "" });
    await sent;
    return route.fulfill({ body, contentType: "image/png" });
  });
  await go("#/files/Photos");
  const icon = row("red.png").locator(".picture .icon");
  await row("red.png").locator("img").waitFor({ state: "attached" });
  assert.equal(await icon.isVisible(), true);
  isSent();
  await row("red.png").locator("img[data-there]").waitFor();
  assert.equal(await icon.isVisible(), false);
  await photograph(page, "files-thumbnails");
  await page.getByRole("button", { name: "Tiles" }).click();
  await page.locator("file-tile img[data-there]").waitFor();
  await photograph(page, "files-thumbnail-tiles");
  await go("#/files/Photos/2026");
  await page.locator('file-tile[data-name="harbour-1.txt"]').waitFor();
  await page.waitForFunction(() => !document.querySelector("file-tile img")); // none came
  await page.getByRole("button", { name: "List", exact: true }).click();
  await page.unroute("**/api/files?*");
  await page.unroute("**/thumbnail?*");
  await go("#/files/Photos/2026/Harbour");
  await row("boats.md").waitFor();
  await page.keyboard.press("Alt+ArrowUp");
  await row("harbour-1.txt").waitFor();
  faults.forgive();
}

async function renames() {
  await row("harbour-1.txt").locator(".open").focus();
  await page.keyboard.press("F2");
  const field = page.getByLabel("New name for harbour-1.txt");
  await field.waitFor();
  assert.equal(await field.evaluate((input) => input.value.slice(input.selectionStart, input.selectionEnd)), "harbour-1");
  await page.keyboard.type("pier");
  await photograph(page, "files-rename");
  await page.keyboard.press("Enter");
  await row("pier.txt").waitFor();
  await toast("Renamed to pier.txt").getByRole("button", { name: "Undo" }).click();
  await row("harbour-1.txt").waitFor();
  await menu("Harbour", "rename");
  await page.locator(".name-field:focus").waitFor();
  await page.keyboard.type("Old harbour");
  await page.keyboard.press("Enter");
  await toast("Renamed to Old harbour").waitFor();
  await row("Old harbour").click();
  await row("boats.md").waitFor();
  await page.keyboard.press("Backspace");
}

async function asksOnConflict() {
  faults.forgive("409");
  await row("harbour-1.txt").locator(".open").focus();
  await page.keyboard.press("F2");
  await page.locator(".name-field:focus").waitFor();
  await page.keyboard.type("harbour-2");
  await page.keyboard.press("Enter");
  await dialog().getByText("“harbour-2.txt” is in 2026 already").waitFor();
  await photograph(page, "files-conflict");
  await isClean(page, "a conflict");
  await dialog().getByRole("button", { name: "Continue" }).click();
  await row("harbour-2 (2).txt").waitFor();
  await put("harbour-2.txt", "/Letters", "an older one");
  await put("harbour-3.txt", "/Letters", "an older one");
  for (const name of ["harbour-2.txt", "harbour-3.txt", "harbour-10.txt"]) await row(name).locator(".pick").click();
  await bar("move").click();
  await page.locator('[role=treeitem][data-path="/Letters"]').click();
  await page.getByRole("button", { name: "Move here" }).click();
  await dialog().getByText("2 names are taken in Letters").waitFor();
  await dialog().getByLabel("Replace").check();
  await dialog().getByRole("button", { name: "Continue" }).click();
  await toast("Moved 3 items to Letters").waitFor();
  await holds("/Letters", ["harbour-2.txt", "harbour-3.txt", "harbour-10.txt", "letter.txt"]);
  await toast("Moved 3 items").getByRole("button", { name: "Undo" }).click();
  await row("harbour-10.txt").waitFor();
  await holds("/Letters", ["harbour-2.txt", "harbour-3.txt", "letter.txt"]); // those that made room are back
  for (const name of ["harbour-2.txt", "harbour-3.txt"]) {
    const [{ url }] = (await server.ask("GET", world.list("/Letters"))).filter((file) => file.name === name);
    assert.equal(await page.evaluate(async (where) => (await fetch(where)).text(), url), "an older one");
  }
  faults.forgive();
}

async function movesByPicker() {
  await row("harbour-3.txt").locator(".open").focus();
  await page.keyboard.press("Space");
  await page.locator("selection-bar", { hasText: "1 selected" }).waitFor();
  await bar("move").focus();
  await page.keyboard.press("Enter");
  await dialog().getByText("Move “harbour-3.txt” to").waitFor();
  await page.getByRole("searchbox", { name: "Search folders" }).fill("lett");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Space");
  await page.getByRole("button", { name: "New folder here" }).click();
  await page.getByLabel("New folder in Letters").fill("Sea");
  await page.keyboard.press("Enter");
  await page.locator('[role=treeitem][data-path="/Letters/Sea"][aria-selected=true]').waitFor();
  await photograph(page, "files-picker");
  await isClean(page, "the picker");
  await page.keyboard.press("Enter");
  await toast("Moved harbour-3.txt to Sea").waitFor();
  await holds("/Letters/Sea", ["harbour-3.txt"]);
  await row("harbour-2.txt").locator(".pick").click();
  await page.locator("selection-bar").getByRole("button", { name: "More actions" }).click();
  await page.locator("context-menu [data-verb=copy]").click();
  await page.locator("place-picker .recent button", { hasText: "Sea" }).click();
  await page.getByRole("button", { name: "Copy here" }).click();
  await holds("/Letters/Sea", ["harbour-2.txt", "harbour-3.txt"]);
  await page.keyboard.press("Escape");
}

async function pastesAndDrags() {
  await row("harbour-2.txt").locator(".open").focus();
  await page.keyboard.press("Control+x");
  await row("harbour-2.txt").and(page.locator("[data-cut]")).waitFor();
  await row("Old harbour").click();
  await row("boats.md").waitFor();
  await page.keyboard.press("Control+v");
  await row("harbour-2.txt").waitFor();
  await row("boats.md").locator(".open").focus();
  await page.keyboard.press("Control+c");
  await toast("boats.md is ready to paste").waitFor();
  await page.keyboard.press("Control+v");
  await row("boats (2).md").waitFor();
  await page.locator("bread-crumb a", { hasText: "2026" }).click();
  await row("harbour-10.txt").dragTo(row("Old harbour"));
  await toast("Moved harbour-10.txt to Old harbour").waitFor();
  await row("Old harbour").click();
  await row("harbour-10.txt").dragTo(page.locator("bread-crumb a", { hasText: "2026" }));
  await toast("Moved harbour-10.txt to 2026").waitFor();
  await page.keyboard.press("Backspace");
  await row("harbour-10.txt").waitFor();
}

async function choosesByTouch() {
  const small = await world.newPage({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, storageState: await context.storageState() });
  await small.goto(`${server.url}/#/files/Photos/2026`);
  const target = small.locator('file-row[data-name="table.csv"]');
  const { x, y } = await target.boundingBox();
  const session = await small.context().newCDPSession(small);
  await session.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [{ x: x + 150, y: y + 20 }] });
  await small.locator("selection-bar", { hasText: "1 selected" }).waitFor();
  await session.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await small.locator('file-row[data-name="harbour-10.txt"]').tap();
  await small.locator("selection-bar", { hasText: "2 selected" }).waitFor();
  await small.screenshot({ path: `${ARTIFACTS}files-touch.png` });
  assert.ok(await small.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
  await small.context().close();
}

async function guestsOnlyRead() {
  await server.ask("POST", "/api/accounts", { ...GUEST, role: "guest" });
  const other = await world.newPage();
  await world.signIn(other, GUEST);
  await other.getByRole("heading", { name: "No files yet" }).waitFor();
  assert.equal(await other.getByRole("button", { name: "New folder" }).count(), 0);
  assert.equal(await other.getByRole("button", { name: "Choose files" }).count(), 0);
  await other.context().close();
}
