// The page behind a link in a real browser: passcode, list, preview, download of all, files left by a visitor.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { drop, photograph, sha256, World } from "./harness.mjs";

const world = new World();
const { faults } = world;
let server, page;

const put = (name, bundleId, folder, body, contentType) => server.put(name, folder, body, contentType, { bundleId });

/** A picture in two colours, without a library: PNG made by the browser. */
async function picture(label, hue) {
  const url = await page.evaluate(
    ([words, colour]) => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 1200, height: 800 });
      const pen = canvas.getContext("2d");
      const fill = pen.createLinearGradient(0, 0, 1200, 800);
      fill.addColorStop(0, `oklch(0.8 0.1 ${colour})`);
      fill.addColorStop(1, `oklch(0.5 0.12 ${colour + 60})`);
      pen.fillStyle = fill;
      pen.fillRect(0, 0, 1200, 800);
      pen.font = "90px sans-serif";
      pen.fillStyle = "white";
      pen.fillText(words, 80, 430);
      return canvas.toDataURL("image/png");
    },
    [label, hue],
  );
  return Buffer.from(url.split(",")[1], "base64");
}

before(async () => {
  ({ server, page } = await world.open());
});

after(() => world.close());

let link;

test("a link with a passcode asks for it, and opens", async () => {
  const wish = {
    name: "Two weeks by the sea",
    description: "Everything from the summer.\nTake what you like.",
    slug: "by-the-sea",
    passcode: "salt water",
    expiredAt: "2999-07-01T00:00:00Z",
    uploadInto: "/inbox",
  };
  const bundle = await server.ask("POST", "/api/bundles", wish);
  link = bundle.url;
  await put("harbour.png", bundle.id, "/photos/sea", await picture("Harbour", 210), "image/png");
  await put("dunes in the evening light, seen from the old road.png", bundle.id, "/photos/sea/day 2", await picture("Dunes", 70), "image/png");
  await put("packing list.txt", bundle.id, "/photos/sea", "towels\nsalt\n<b>not bold</b>\n", "text/plain");
  await put("map.pdf", bundle.id, "/photos/sea", "%PDF-1.4 not really", "application/pdf");
  faults.forgive("401", "403"); // the browser itself logs both refusals
  await page.goto(link);
  const field = page.getByLabel("Passcode");
  await field.waitFor();
  await photograph(page, "share-passcode");
  await field.fill("sweet water");
  await page.getByRole("button", { name: "Open" }).click();
  await page.getByText("The passcode is wrong").waitFor();
  await field.fill(wish.passcode);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: wish.name }).waitFor();
  faults.forgive();
  await page.waitForFunction(() => document.activeElement.localName === "main");
  await page.getByText("Shared by anna").waitFor();
  assert.equal(await page.locator("share-page .files li").count(), 4);
  assert.equal(await page.getByText("photos").count(), 0, "the owner's folders stay the owner's");
  await photograph(page, "share");
});

test("files are looked at, by mouse and keyboard", async () => {
  await page.getByRole("button", { name: "harbour.png" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  await page.waitForFunction(() => document.querySelector("preview-dialog img")?.naturalWidth === 1200);
  await photograph(page, "share-preview");
  await page.keyboard.press("ArrowRight");
  await page.locator("pdf-view").waitFor();
  await page.keyboard.press("ArrowRight");
  await dialog.getByText("<b>not bold</b>").waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await dialog.count(), 0);
});

test("all of it comes as one archive", async () => {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Download all" }).click()]);
  assert.equal(download.suggestedFilename(), "Two weeks by the sea.zip");
  const archive = await readFile(await download.path());
  assert.equal(archive.subarray(0, 4).toString("latin1"), "PK\u0003\u0004");
  assert.ok(archive.includes("day 2/dunes"), "folders below the common one are kept");
  assert.ok(!archive.includes("photos/"), "the common one is not told");
});

test("a visitor leaves files, and their owner has them", async () => {
  const file = await server.file("for anna.bin", 12_000_000);
  await page.locator("share-inbox input").setInputFiles([file]);
  await page.getByText("Sent ·").waitFor({ timeout: 30_000 });
  await photograph(page, "share-inbox");
  const [stored] = await server.ask("GET", "/api/files?folder=/inbox");
  assert.equal(stored.name, path.basename(file));
  assert.equal(stored.hash, `sha256:${await sha256(file)}`);
  assert.equal(await page.locator("share-page .files li").count(), 4, "others are not shown what was left");
});

test("a visitor drops a folder; what something between takes in smaller pieces only goes so, and what was refused is sent again", async () => {
  const folder = path.dirname(await server.file("for the album/one.bin", 3_000_000));
  await server.file("for the album/deep/two.bin", 200_000);
  const chunks = "**/api/share/*/uploads/*/*";
  const isLarge = (route) => route.request().method() === "PUT" && Number(route.request().headers()["content-length"] ?? route.request().postDataBuffer()?.length ?? 0) > 1_000_000;
  let refused = 0;
  await page.route(chunks, (route) => (isLarge(route) && ++refused ? route.fulfill({ status: 413, contentType: "text/html", body: "<h1>Too large</h1>" }) : route.fallback()));
  let isFull = true;
  await page.route("**/api/share/*/uploads", (route) => (isFull && route.request().postData().includes("two.bin") ? route.fulfill({ status: 403, json: { code: "QUOTA_EXCEEDED", message: "There is no room.", status: 403 } }) : route.fallback()));
  faults.forgive("413", "403");
  await drop(page, [folder]);
  const rowOf = (name) => page.locator("share-inbox li", { hasText: name });
  await rowOf("one.bin").getByText("Sent ·").waitFor({ timeout: 30_000 });
  assert.ok(refused > 0, "large ones were refused");
  await rowOf("two.bin").getByText("There is no room.").waitFor();
  isFull = false;
  await page.getByRole("button", { name: "Send two.bin again" }).click();
  await rowOf("two.bin").getByText("Sent ·").waitFor();
  faults.forgive();
  await page.unroute(chunks);
  const stored = (await server.ask("GET", "/api/files?folder=/inbox&sortBy=name&sortDescending=false")).map(({ name, size }) => `${name} ${size}`);
  assert.deepEqual(stored.slice(1), ["one.bin 3000000", "two.bin 200000"]);
});

test("a link that was taken back says so", async () => {
  const [bundle] = await server.ask("GET", "/api/bundles");
  await server.ask("DELETE", `/api/bundles/${bundle.id}`);
  faults.forgive("404");
  await page.goto(link);
  await page.getByRole("heading", { name: "Nothing here" }).waitFor();
  faults.forgive();
  await photograph(page, "share-gone");
});

test("the page showed no fault", () => assert.deepEqual(faults.list, []));
