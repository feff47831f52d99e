// Gives out links and takes them back, in a real browser against a real server: from chosen files to what a visitor sees.
// `node browser/links.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { FilesWorld } from "./files-world.mjs";
import { photograph } from "./harness.mjs";

const world = new FilesWorld();
const { faults, bar, dialog, go, menu, put, row, toast } = world;
let page, browser;
let url;

const card = (name) => page.locator("link-list li[data-link]", { has: page.getByRole("heading", { name }) });
const copied = () => page.evaluate(() => navigator.clipboard.readText());

before(async () => {
  await world.open();
  ({ page, browser } = world);
  await put("harbour.txt", "/Photos", "A picture of the harbour");
  await put("dunes.txt", "/Photos", "A picture of the dunes");
  await put("map.txt", "/", "Here be dragons");
  await world.signIn();
});

after(() => world.close());

test("links", (t) =>
  world.walk(t, [
    ["without links the place says how to make one", isEmpty],
    ["a folder is shared with a passcode, an end, a limit and an inbox; the link is copied", sharesFolder],
    ["a visitor opens it with the passcode, and sees the files", visitorSees],
    ["more files go behind a link that is there", addsToLink],
    ["its terms change, its files are taken out", changesLink],
    ["it is stopped and shared again, and a visitor notices", stopsAndStarts],
    ["links that are made and changed elsewhere are seen", seesOthers],
    ["one that ends while it is looked at says so", endsMeanwhile],
    ["it is deleted, and the files stay", removesLink],
  ]));

async function isEmpty() {
  await page.getByRole("link", { name: "Links" }).click();
  await page.getByRole("heading", { name: "No links yet" }).waitFor();
  await photograph(page, "links-empty");
  await isClean(page, "no links");
  await page.getByRole("button", { name: "New link" }).click();
  await dialog().getByRole("heading", { name: "New link" }).waitFor();
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
}

async function sharesFolder() {
  await go("#/files");
  await menu("Photos", "share");
  const name = page.getByLabel("Name", { exact: true });
  await name.waitFor();
  assert.equal(await name.inputValue(), "Photos");
  await name.fill("Two weeks by the sea");
  await page.getByLabel("Passcode", { exact: true }).fill("salt water");
  await page.getByLabel("Ends", { exact: true }).selectOption("7");
  await page.getByLabel("Downloads at most").fill("20");
  await page.getByLabel("Let visitors leave files").check();
  await page.getByLabel("Their files go to").waitFor();
  await photograph(page, "links-share");
  await isClean(page, "sharing");
  await dialog().getByRole("button", { name: "Share" }).click();
  await dialog().getByText("“Two weeks by the sea” is shared").waitFor();
  await dialog().getByText("The link is copied.").waitFor();
  url = await copied();
  assert.match(url, /\/s\/[\w-]+$/);
  assert.equal(await page.getByLabel("Link", { exact: true }).inputValue(), url);
  await photograph(page, "links-ready");
  await isClean(page, "the link");
  await dialog().getByRole("button", { name: "Done" }).click();
  await row("Photos").click();
  await row("dunes.txt").getByRole("img", { name: "Behind a link" }).waitFor();
}

async function visitorSees() {
  const visitor = await world.newPage();
  faults.forgive("401");
  await visitor.goto(url);
  await visitor.getByLabel("Passcode").fill("salt water");
  await visitor.keyboard.press("Enter");
  await visitor.getByRole("button", { name: "dunes.txt" }).click();
  await visitor.getByText("A picture of the dunes").waitFor();
  faults.forgive();
  await visitor.context().close();
}

async function addsToLink() {
  await go("#/files");
  await row("map.txt").locator(".pick").click();
  await bar("share").click();
  await page.getByLabel("Behind", { exact: true }).selectOption("Two weeks by the sea");
  await page.getByLabel("Passcode", { exact: true }).waitFor({ state: "hidden" });
  await dialog().getByRole("button", { name: "Share" }).click();
  await dialog().getByRole("link", { name: "All links" }).click();
  await card("Two weeks by the sea").getByText("3 files").waitFor();
  const facts = await card("Two weeks by the sea").locator(".facts").textContent();
  for (const fact of ["of 20 downloads", "Ends on", "Passcode", "Takes files into /Inbox"]) assert.ok(facts.includes(fact), `${fact} in ${facts}`);
}

async function changesLink() {
  const one = card("Two weeks by the sea");
  await one.getByText("Files", { exact: true }).click();
  await one.getByText("map.txt").waitFor();
  await photograph(page, "links");
  await isClean(page, "the links");
  await one.getByRole("button", { name: "Take map.txt out of this link" }).click();
  await one.getByText("2 files").waitFor();
  await one.getByRole("button", { name: /^Change/ }).click();
  const name = page.getByLabel("Name", { exact: true });
  await name.waitFor();
  await name.fill("Summer");
  await page.getByLabel("Remove the passcode").check();
  await page.getByLabel("Ends", { exact: true }).selectOption("");
  await photograph(page, "links-change");
  await dialog().getByRole("button", { name: "Save" }).click();
  await card("Summer").getByText("No end").waitFor();
  assert.ok(!(await card("Summer").locator(".facts").textContent()).includes("Passcode"));
  await card("Summer").getByRole("button", { name: "Copy the link of Summer" }).click();
  await toast("The link is copied.").waitFor();
  assert.equal(await copied(), url);
}

async function stopsAndStarts() {
  const status = async () => (await fetch(url.replace("/s/", "/api/share/"))).status;
  assert.equal(await status(), 200);
  await card("Summer").getByRole("button", { name: /^Stop sharing/ }).click();
  await card("Summer").getByText("Stopped").waitFor();
  await toast("“Summer” is no longer shared").waitFor();
  assert.ok((await status()) >= 400);
  await card("Summer").getByRole("button", { name: /^Share again/ }).click();
  await toast("“Summer” is shared again").waitFor();
  assert.equal(await status(), 200);
}

async function seesOthers() {
  const { server } = world;
  await card("Summer").getByRole("button", { name: "Copy the link of Summer" }).focus();
  const { id } = await server.ask("POST", "/api/bundles", { name: "Winter" });
  await card("Winter").waitFor();
  await page.waitForFunction(() => document.activeElement.getAttribute("aria-label") === "Copy the link of Summer");
  await server.ask("PATCH", `/api/bundles/${id}`, { name: "Spring" });
  await card("Spring").waitFor();
  await server.ask("DELETE", `/api/bundles/${id}`);
  await card("Spring").waitFor({ state: "detached" });
}

async function endsMeanwhile() {
  const { id } = await world.server.ask("POST", "/api/bundles", { name: "For a moment", expiredAt: new Date(Date.now() + 4000).toISOString() });
  await go("#/files");
  await row("map.txt").waitFor();
  await go("#/shares");
  await card("For a moment").getByText("Open", { exact: true }).waitFor();
  await card("For a moment").getByText("Expired", { exact: true }).waitFor();
  await world.server.ask("DELETE", `/api/bundles/${id}`);
  await page.reload();
}

async function removesLink() {
  await card("Summer").getByRole("button", { name: /^Delete link/ }).click();
  await dialog().getByText("The files stay where they are.").waitFor();
  await isClean(page, "deleting a link");
  await dialog().getByRole("button", { name: "Delete link" }).click();
  await page.getByRole("heading", { name: "No links yet" }).waitFor();
  await go("#/files/Photos");
  await row("dunes.txt").waitFor();
  await row("dunes.txt").getByRole("img", { name: "Behind a link" }).waitFor({ state: "detached" });
}
