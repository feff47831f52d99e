// Where the focus is in the places that list files, and what is chosen, while the list changes by itself, in a real browser
// against a real server. `node browser/file-focus.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FilesWorld } from "./files-world.mjs";
import { ARTIFACTS } from "./harness.mjs";

const MANY = 260;

const world = new FilesWorld();
const { bar, chosen, focused, go, isFocused, menu, put, row, toast } = world;
let page, server;

before(async () => {
  await world.open();
  ({ page, server } = world);
  await Promise.all(Array.from({ length: MANY }, (_, at) => put(`n${String(at).padStart(3, "0")}.txt`, "/Many", "x")));
  for (const name of ["a.txt", "b.txt", "c.txt", "d.txt", "e.txt"]) await put(name, "/Few");
  await put("deep.txt", "/Few/Sub/Deeper");
  await put("other.txt", "/Few/Sub2");
  await world.signIn();
});

after(() => world.close());

test("focus and choice in lists", (t) =>
  world.walk(t, [
    ["going into a folder and out again keeps the focus in the list", walks],
    ["the ends of a long list are reached by keys, and scrolling leaves the focus where it is", reaches],
    ["rows that come and go elsewhere leave the focus in the list", keepsFocus],
    ["a heading keeps the focus, a search gives it to what it finds", sorts],
    ["a name that is being changed is changed by its writer alone", namesInPeace],
    ["a range grows and shrinks, and begins anew in each place", chooses],
    ["letters lead to names", typesAhead],
    ["the way back scrolls to where one was", scrollsBack],
    ["a new folder gets the focus; where no row is, a menu offers what can be done there", makesNew],
    ["rows fall into the trash at the side", dropsIntoTrash],
  ]));

const remove = async (name, folder) => {
  const found = (await server.ask("GET", world.list(folder))).find((file) => file.name === name);
  await server.ask("DELETE", `/api/files/${found.id}`);
};
const open = (name) => row(name).locator(".open");
const seen = (name) =>
  page.waitForFunction((wanted) => {
    const box = document.querySelector(`file-row[data-name="${wanted}"]`)?.getBoundingClientRect();
    const list = document.querySelector("file-list .scroller").getBoundingClientRect();
    const bar = document.querySelector("selection-bar:not([hidden])")?.getBoundingClientRect();
    return box && box.top >= list.top - 1 && box.bottom <= (bar?.top ?? list.bottom) + 1;
  }, name);

async function walks() {
  await row("Few").waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("ArrowDown"); // with the focus nowhere
  await isFocused("Few");
  await page.keyboard.press("Enter");
  await isFocused("Sub");
  await page.keyboard.press("Enter");
  await isFocused("Deeper");
  await page.keyboard.press("Backspace");
  await isFocused("Sub");
  await page.keyboard.press("ArrowDown");
  await isFocused("Sub2");
  await page.locator("bread-crumb a", { hasText: "Files" }).click();
  await isFocused("Few");
  await server.ask("POST", "/api/folders", { path: "/Zoo" });
  await row("Zoo").waitFor();
  await server.ask("DELETE", "/api/folders?path=/Zoo");
  await row("Zoo").waitFor({ state: "detached" });
  assert.equal(await focused(), "Few");
}

async function reaches() {
  await go("#/files/Many");
  await open("n000.txt").focus();
  await page.keyboard.press("End");
  await isFocused("n259.txt");
  await page.keyboard.press("ArrowUp");
  await isFocused("n258.txt");
  await page.keyboard.press("Home");
  await isFocused("n000.txt");
  await page.keyboard.press("PageDown");
  await page.keyboard.press("ArrowDown");
  const at = await focused();
  assert.match(at, /^n0[1-4]\d/);
  await row(at).hover();
  await page.mouse.wheel(0, 5000);
  await row("n140.txt").waitFor();
  assert.equal(await focused(), at);
  await page.keyboard.press("ArrowDown");
  await seen(await focused());
  // Behind the bar nobody would see it.
  await page.keyboard.press("Home");
  await page.keyboard.press("Space");
  await bar("trash").waitFor();
  for (let step = 0; step < 20; step++) await page.keyboard.press("ArrowDown");
  await isFocused("n020.txt");
  await seen("n020.txt");
  await page.keyboard.press("Escape");
}

async function keepsFocus() {
  await go("#/files/Few");
  await open("c.txt").focus();
  await remove("a.txt", "/Few");
  await row("a.txt").waitFor({ state: "detached" });
  assert.equal(await focused(), "c.txt");
  await row("b.txt").locator(".pick").click();
  await row("c.txt").locator(".pick").click();
  await remove("c.txt", "/Few");
  await page.locator("selection-bar", { hasText: "1 selected" }).waitFor();
  await isFocused("d.txt");
  await page.keyboard.press("Escape");
  await open("d.txt").focus();
  await page.keyboard.press("Delete");
  await isFocused("e.txt");
  await toast("Moved d.txt").getByRole("button", { name: "Undo" }).focus();
  await page.keyboard.press("Enter");
  await row("d.txt").waitFor();
  assert.notEqual(await focused(), undefined, "a row has the focus after Undo");
  await open("d.txt").focus();
  await page.keyboard.press("Shift+F10");
  await page.locator("context-menu [data-verb=open]:focus").waitFor();
  await page.keyboard.press("Tab");
  await isFocused("d.txt");
  await page.keyboard.press("Shift+F10");
  await page.locator("context-menu [data-verb=open]:focus").waitFor();
  await go("#/files");
  await page.locator("context-menu").waitFor({ state: "hidden" });
  await row("Few").waitFor();
}

async function sorts() {
  await go("#/files/Few");
  await row("e.txt").waitFor();
  const heading = page.locator("file-list .heading").getByRole("button", { name: "Size" });
  await heading.focus();
  await page.keyboard.press("Enter");
  await page.locator("[role=columnheader].size[aria-sort]").waitFor();
  assert.ok(await heading.evaluate((node) => node === document.activeElement));
  await page.locator("file-list .heading").getByRole("button", { name: "Name" }).click();
  await page.locator("[role=columnheader].name[aria-sort=ascending]").waitFor();
  await page.keyboard.press("/");
  await page.keyboard.type("deep");
  await page.keyboard.press("Enter");
  await isFocused("Deeper");
  await page.getByRole("link", { name: "Clear the search" }).click();
  await isFocused("Sub");
  assert.equal(await page.getByRole("searchbox").inputValue(), "");
}

async function namesInPeace() {
  await go("#/files/Many");
  await open("n004.txt").focus();
  await page.keyboard.press("F2");
  await page.locator(".name-field:focus").waitFor();
  await page.keyboard.type("half");
  await put("a first one.txt", "/Many");
  await row("a first one.txt").waitFor();
  await row("n010.txt").hover();
  await page.mouse.wheel(0, 4000);
  await row("n120.txt").waitFor();
  const field = () => page.evaluate(() => document.activeElement.matches(".name-field") && document.activeElement.value);
  assert.equal(await field(), "half.txt");
  await page.locator(".name-field").dispatchEvent("keydown", { key: "Escape", isComposing: true, bubbles: true });
  assert.equal(await field(), "half.txt");
  await page.keyboard.press("Escape");
  await isFocused("n004.txt");
  assert.equal((await server.ask("GET", world.list("/Many"))).some(({ name }) => name === "half.txt"), false);
  await page.keyboard.press("F2");
  await page.keyboard.type(" zz");
  await page.keyboard.press("Enter");
  await toast("Renamed to zz.txt").waitFor();
  await page.waitForFunction(() => document.activeElement.closest("file-row"));
  const rows = await page.locator("file-row").evaluateAll((all) => all.map((one) => one.dataset.name));
  assert.equal(new Set(rows).size, rows.length);
}

async function chooses() {
  await go("#/files/Few");
  await open("b.txt").focus();
  await page.keyboard.press("Control+Space");
  await page.keyboard.press("Shift+ArrowDown");
  await page.keyboard.press("Shift+ArrowDown");
  await chosen("b.txt", "d.txt", "e.txt");
  await page.keyboard.press("Shift+ArrowUp");
  await chosen("b.txt", "d.txt");
  await row("Sub").click({ modifiers: ["Shift"] });
  await chosen("Sub", "Sub2", "b.txt");
  await go("#/files/Many");
  await open("n002.txt").focus();
  await page.keyboard.press("Shift+ArrowDown");
  await chosen("n002.txt", "n003.txt");
  await menu("n008.txt", "details");
  await bar("trash").waitFor({ state: "hidden" });
  await page.locator("details-panel").getByRole("button", { name: "Close" }).click();
}

async function typesAhead() {
  await open("n002.txt").focus();
  await page.keyboard.type("n01");
  await isFocused("n010.txt");
}

async function makesNew() {
  await go("#/files/Many");
  await row("n080.txt").waitFor();
  await page.getByRole("button", { name: "New folder" }).click();
  await page.getByLabel("Name", { exact: true }).fill("  New one ");
  await page.keyboard.press("Enter");
  await isFocused("New one");
  await seen("New one");
  await page.keyboard.press("Space");
  await page.locator("live-region", { hasText: "1 selected" }).waitFor({ state: "attached" });
  await page.keyboard.press("Control+c");
  await page.keyboard.press("Escape");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Nothing in New one yet" }).waitFor();
  await go("#/files/Few/Sub2");
  await row("other.txt").waitFor();
  await page.locator("file-view .body").click({ button: "right", position: { x: 300, y: 400 } });
  await page.getByRole("menuitem", { name: "Upload" }).waitFor();
  await page.screenshot({ path: `${ARTIFACTS}files-place-menu.png` });
  await page.getByRole("menuitem", { name: "Paste" }).click();
  await row("New one").waitFor();
  // The field tells of the search that is shown, also after going back.
  await page.keyboard.press("/");
  await page.keyboard.type("other");
  await page.getByText("Results for “other”").waitFor();
  await page.goBack();
  await row("New one").waitFor();
  assert.equal(await page.getByRole("searchbox").inputValue(), "");
}

async function dropsIntoTrash() {
  await row("other.txt").dragTo(page.locator("side-bar nav a[data-view=trash]"));
  await toast("Moved other.txt to the trash").waitFor();
  await row("other.txt").waitFor({ state: "detached" });
}

async function scrollsBack() {
  await go("#/files");
  await row("Many").waitFor();
  await row("Many").click();
  await row("n002.txt").waitFor();
  await row("n010.txt").hover();
  await page.mouse.wheel(0, 3000);
  await row("n080.txt").waitFor();
  await page.waitForFunction(() => document.querySelector("file-list .scroller").scrollTop === 3000);
  await go("#/files/Few");
  await row("e.txt").waitFor();
  await page.goBack();
  await row("n080.txt").waitFor();
  assert.equal(await page.evaluate(() => document.querySelector("file-list .scroller").scrollTop), 3000);
  await page.waitForFunction(() => document.activeElement.closest("file-row"));
  await go("#/tasks");
  await page.locator("file-list").waitFor({ state: "detached" });
  await page.goBack();
  await page.waitForFunction(() => document.querySelector("file-list .scroller")?.scrollTop === 3000);
}
