// Takes back what was done with files, and holds what is not yet done, in a real browser against a real server: moving
// onto what is there, replacing, copying folders, cutting and pasting. `node browser/file-ways.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FilesWorld } from "./files-world.mjs";

const OTHER = { name: "otto", password: "correct horse battery" };

const world = new FilesWorld();
const { faults, dialog, go, holds, menu, names, put, row, toast } = world;
let page, server;

before(async () => {
  await world.open();
  ({ page, server } = world);
  await world.signIn();
});

after(() => world.close());

test("ways back", (t) =>
  world.walk(t, [
    ["a folder put together with another comes back with its own alone", undoesMerge],
    ["a folder renamed onto another comes back too", undoesRename],
    ["what was replaced comes back out of the trash", undoesReplace],
    ["a copy beside a folder has a name of its own, one onto another is asked about", copiesFolders],
    ["a deleted folder comes back with its empty folders", undoesTrash],
    ["rows stay gone while the server is slow, and come back when it fails", holdsPending],
    ["what was cut goes nowhere by itself, stays held when it cannot go, and is nobody else's", pastes],
  ]));

const undo = (text) => toast(text).last().getByRole("button", { name: "Undo" }).click();
const goOn = () => dialog().getByRole("button", { name: "Continue" }).click();
const folders = async () => (await server.ask("GET", "/api/folders")).map(({ path }) => path);
const undone = async () => {
  await toast("Undone").waitFor();
  await toast("Undone").getByRole("button", { name: "Dismiss" }).click();
};
const moveTo = async (name, path) => {
  await menu(name, "move");
  await page.locator(`[role=treeitem][data-path="${path}"]`).click();
  await page.getByRole("button", { name: "Move here" }).click();
};

async function undoesMerge() {
  await put("one.txt", "/from/Box");
  await server.ask("POST", "/api/folders", { path: "/from/Box/empty" });
  await put("one.txt", "/to/Box");
  await put("kept.txt", "/to/Box");
  await go("#/files/from");
  faults.forgive("409");
  await moveTo("Box", "/to");
  await dialog().getByText("“Box” is in to already").waitFor();
  await goOn();
  await toast("Moved Box to to").waitFor();
  await holds("/to/Box", ["kept.txt", "one (2).txt", "one.txt"]);
  await undo("Moved Box to to");
  await undone();
  await row("Box").waitFor();
  await holds("/to/Box", ["kept.txt", "one.txt"]);
  await holds("/from/Box", ["one.txt"]);
  const now = await folders();
  assert.ok(now.includes("/from/Box/empty") && !now.includes("/to/Box/empty"), now.join());
}

async function undoesRename() {
  await put("a.txt", "/names/fa");
  await put("b.txt", "/names/fb");
  await go("#/files/names");
  await menu("fa", "rename");
  await page.locator(".name-field:focus").waitFor();
  await page.keyboard.type("fb");
  await page.keyboard.press("Enter");
  await dialog().waitFor();
  assert.equal(await page.locator("file-row").count(), 2, "no row of a name that is taken");
  await goOn();
  await holds("/names/fb", ["a.txt", "b.txt"]);
  await undo("Renamed to fb");
  await undone();
  await holds("/names/fb", ["b.txt"]);
  await holds("/names/fa", ["a.txt"]);
}

async function undoesReplace() {
  await put("x.txt", "/r/from", "new");
  await put("x.txt", "/r/to", "old");
  const text = async (folder) => {
    const [{ id }] = await server.ask("GET", world.list(folder));
    return server.ask("GET", `/api/files/${id}/content`);
  };
  await go("#/files/r/from");
  await moveTo("x.txt", "/r/to");
  await dialog().getByLabel("Replace").check();
  await goOn();
  await toast("Moved x.txt to to").waitFor();
  assert.equal(await text("/r/to"), "new");
  await undo("Moved x.txt to to");
  await undone();
  assert.equal(await text("/r/to"), "old");
  assert.equal(await text("/r/from"), "new");
  // Said is the name that it has got.
  await put("y.txt", "/r/from");
  await row("y.txt").waitFor();
  await menu("x.txt", "rename");
  await page.locator(".name-field:focus").waitFor();
  await page.keyboard.type("y");
  await page.keyboard.press("Enter");
  await goOn();
  await toast("Renamed to y (2).txt").waitFor();
  faults.forgive();
}

async function copiesFolders() {
  await go("#/files/from");
  await row("Box").locator(".open").focus();
  await page.keyboard.press("Control+c");
  await page.keyboard.press("Control+v");
  await row("Box (2)").waitFor();
  await holds("/from/Box", ["one.txt"]);
  await holds("/from/Box (2)", ["one.txt"]);
  assert.ok((await folders()).includes("/from/Box (2)/empty"));
  await go("#/files/to");
  await row("Box").waitFor();
  await page.keyboard.press("Control+v");
  await dialog().getByText("“Box” is in to already").waitFor();
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
  await holds("/to/Box", ["kept.txt", "one.txt"]);
}

async function undoesTrash() {
  await go("#/files/from");
  await row("Box").locator(".open").focus();
  await page.keyboard.press("Delete");
  await undo("Moved Box to the trash");
  await undone();
  await holds("/from/Box", ["one.txt"]);
  assert.ok((await folders()).includes("/from/Box/empty"));
}

async function holdsPending() {
  for (const name of ["a.txt", "b.txt"]) await put(name, "/slow");
  await go("#/files/slow");
  await row("a.txt").waitFor();
  let answer;
  const held = new Promise((resolve) => (answer = resolve));
  faults.forgive("503");
  await page.route("**/api/files/*", async (route) => (await held, route.fulfill({ status: 503, body: "" })));
  await row("a.txt").locator(".open").focus();
  await page.keyboard.press("Delete");
  await row("a.txt").waitFor({ state: "detached" });
  await put("c.txt", "/slow"); // of which the page hears
  await row("c.txt").waitFor();
  assert.equal(await row("a.txt").count(), 0, "still gone");
  answer();
  await row("a.txt").waitFor();
  await page.unroute("**/api/files/*");
  faults.forgive();
}

async function pastes() {
  await go("#/files/slow");
  await row("a.txt").locator(".open").focus();
  await page.keyboard.press("Control+x");
  await page.keyboard.press("Control+v");
  await toast("a.txt is in slow already").waitFor();
  await go("#/files");
  await row("slow").locator(".open").focus();
  await page.keyboard.press("Control+x");
  await row("slow").click();
  await row("a.txt").waitFor();
  await page.keyboard.press("Control+v");
  await toast("A folder cannot go into itself").waitFor();
  await go("#/files/to");
  await row("Box").waitFor();
  await page.keyboard.press("Control+v");
  await row("slow").waitFor();
  await toast("Moved slow to to").getByRole("button", { name: "Dismiss" }).click();
  await row("slow").locator(".open").focus();
  await page.keyboard.press("Control+x");
  await server.ask("POST", "/api/accounts", { ...OTHER, role: "user" });
  await page.locator("account-menu button").first().click();
  await page.getByText("Sign out").click();
  await page.locator("sign-in").waitFor();
  await world.enter(page, OTHER);
  await go("#/files");
  await page.getByRole("heading", { name: "No files yet" }).waitFor();
  await page.keyboard.press("Control+v");
  await page.waitForTimeout(300);
  assert.equal(await toast("Moved").count(), 0);
  assert.deepEqual(await names("/to/slow"), ["a.txt", "b.txt", "c.txt"]);
}
