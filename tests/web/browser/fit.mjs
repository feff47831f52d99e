// Fits everybody: from the door to the trash and back by keyboard alone, every place from 320 px to 4K in both themes,
// without motion for those who want none, and nothing stale after the line was gone. `node browser/fit.mjs`, see
// harness.mjs.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { ACCOUNT, ARTIFACTS, slowDown, until, World } from "./harness.mjs";
import { startProxy } from "./proxy.mjs";

const WIDTHS = [320, 390, 1280, 3840];
/** More stops than any way from one thing to another here. */
const STOPS = 60;
const LONG = "a name that goes on and on until nobody reads it any more, and then goes on a little further still.txt";

const world = new World();
const { faults } = world;
let server, page;

before(async () => {
  ({ server, page } = await world.open({ settings: { DRIVE_LIMITS_ENABLED: "false", DRIVE_SERVER_ALLOWED_HOSTS: "drive.test" } }));
  await world.signIn();
});

after(() => world.close());

test("fit for everybody", (t) =>
  world.walk(t, [
    ["from the door to the trash and back by keyboard alone", walksByKeyboard],
    ["the page is an app that can be installed", canBeInstalled],
    ["what changed while the line was gone is there at once, and only what was missed is told", catchesUp],
    ["a place that cannot be fetched says so in its own place alone, and comes with the connection", opensLater],
    ["nothing moves for those who want no motion", standsStill],
    ["what floats has an edge, and one sees where one is, in colours of one's own", hasEdges],
    ["zoomed in four times there is a list, and a dialog can be read from end to end", worksZoomed],
    ["every place fits from 320 px to 4K, light and dark", fitsEverywhere],
  ]));

/** Tab by tab to what a screen reader calls so; each stop can be seen. */
async function tabTo(on, name) {
  for (let stop = 0; stop < STOPS; stop++) {
    await on.keyboard.press("Tab");
    const here = await on.evaluate(() => {
      const node = document.activeElement;
      const isRinged = [null, "::after"].some((part) => getComputedStyle(node, part).outlineStyle !== "none");
      const label = node.labels?.[0]?.textContent;
      return { name: (node.getAttribute("aria-label") ?? label ?? node.textContent).trim(), isSeen: node === document.body || isRinged, what: node.outerHTML.slice(0, 120) };
    });
    assert.ok(here.isSeen, `nobody sees the focus on ${here.what}`);
    if (name instanceof RegExp ? name.test(here.name) : here.name === name) return;
  }
  assert.fail(`Tab never came to ${name}`);
}

/** On plain http, where the browser's own dialog for files can be answered by the test. */
async function walksByKeyboard() {
  const keys = await world.newPage();
  const { keyboard } = keys;
  keys.on("filechooser", () => {}); // from now on, or Enter may be quicker than who listens for it
  const row = (name) => keys.locator(`file-row[data-name="${name}"]`);
  const focused = (name) => keys.waitForFunction((wanted) => document.activeElement.closest("file-row")?.dataset.name === wanted, name);
  faults.forgive("401");
  await keys.goto(`http://drive.test:${new URL(server.url).port}/`);
  await keys.locator("input[name=name]:focus").waitFor();
  await keyboard.type(ACCOUNT.name);
  await keyboard.press("Tab");
  await keyboard.type(ACCOUNT.password);
  await keyboard.press("Enter");
  await keys.getByRole("heading", { name: "No files yet" }).waitFor();
  faults.forgive();

  await tabTo(keys, "Upload");
  const [chooser] = await Promise.all([keys.waitForEvent("filechooser"), keyboard.press("Enter")]);
  await chooser.setFiles(await server.file("draft.txt", 2000));
  await row("draft.txt").waitFor();
  await tabTo(keys, "New folder");
  await keyboard.press("Enter");
  await keys.locator("dialog input:focus").waitFor();
  await keyboard.type("Letters");
  await keyboard.press("Enter");
  await row("Letters").waitFor();

  await tabTo(keys, /^Letters/); // its box or its name: the rows are one stop, arrows go on
  await keyboard.press("ArrowDown");
  await focused("draft.txt");
  await keyboard.press("F2");
  await keys.locator(".name-field:focus").waitFor();
  await keyboard.type("letter");
  await keyboard.press("Enter");
  await row("letter.txt").waitFor();
  await focused("letter.txt");

  await keyboard.press("Space");
  await tabTo(keys, "Move");
  await keyboard.press("Enter");
  await keys.getByRole("searchbox", { name: "Search folders" }).waitFor();
  await keys.locator("[role=treeitem]:focus, input[type=search]:focus").waitFor();
  await tabTo(keys, /^Search folders/);
  await keyboard.type("lett");
  await keyboard.press("ArrowDown");
  await keyboard.press("Enter");
  await row("letter.txt").waitFor({ state: "detached" });
  await tabTo(keys, /^Letters/);
  await keyboard.press("Enter");
  await row("letter.txt").waitFor();
  await tabTo(keys, /^letter\.txt/);
  await keyboard.press("Delete");
  await row("letter.txt").waitFor({ state: "detached" });

  await tabTo(keys, "Trash");
  await keyboard.press("Enter");
  await row("letter.txt").waitFor();
  await tabTo(keys, /^letter\.txt/);
  await keyboard.press("Shift+F10");
  await keys.locator("context-menu [data-verb]:focus").first().waitFor();
  await keyboard.press("p"); // Put back
  await keys.locator("context-menu [data-verb=restore]:focus").waitFor();
  await keyboard.press("Enter");
  await row("letter.txt").waitFor({ state: "detached" });
  await until(async () => (await server.ask("GET", "/api/files?folder=/Letters"))[0]?.size === 2000, "it is back");
  await keys.context().close();
}

async function canBeInstalled() {
  const manifest = await page.evaluate(async () => (await fetch(document.querySelector("link[rel=manifest]").href)).json());
  assert.deepEqual([manifest.name, manifest.display, manifest.start_url], ["Drive", "standalone", "/"]);
  for (const { src } of manifest.icons) {
    const size = await page.evaluate(async (url) => {
      const icon = Object.assign(new Image(), { src: url });
      await icon.decode();
      return icon.naturalWidth;
    }, src);
    assert.ok(size > 0, `${src} is a picture`);
  }
  const session = await world.context.newCDPSession(page);
  assert.deepEqual((await session.send("Page.getAppManifest")).errors, []);
}

async function catchesUp() {
  await server.put("stale.txt", "/Sea");
  const proxy = await startProxy(new URL(server.url).port);
  const { port } = proxy.address();
  const lines = new Set();
  proxy.on("connection", (line) => lines.add(line));
  const far = await world.context.newPage();
  await faults.watch(far);
  const asked = [];
  far.on("websocket", (socket) => asked.push(new URL(socket.url()).searchParams.get("since")));
  await far.goto(`http://127.0.0.1:${port}/#/files/Sea`);
  const row = (name) => far.locator(`file-row[data-name="${name}"]`);
  await row("stale.txt").waitFor();
  faults.forgive("ERR_", "WebSocket");
  const closed = new Promise((resolve) => proxy.close(resolve));
  for (const line of lines) line.destroy();
  await closed;
  await far.locator("connection-bar").waitFor();
  await far.screenshot({ path: path.join(ARTIFACTS, "fit-offline.png") });
  await isClean(far, "the page without a connection");
  const [stale] = await server.ask("GET", "/api/files?q=stale");
  await server.ask("DELETE", `/api/files/${stale.id}`);
  await server.put("fresh.txt", "/Sea");
  await server.ask("POST", "/api/tasks", { type: "Custom", name: "Begun meanwhile" });
  await new Promise((resolve) => proxy.listen(port, "127.0.0.1", resolve));
  await row("fresh.txt").waitFor();
  await row("stale.txt").waitFor({ state: "detached" });
  await far.locator("connection-bar").waitFor({ state: "hidden" });
  await far.locator("side-bar .count", { hasText: "1" }).waitFor();
  faults.forgive();
  assert.equal(asked[0], null);
  assert.match(asked.at(-1), /^[\w-]+:\d+$/, "the stream goes on where it was left");
  await far.close();
  proxy.closeAllConnections();
  proxy.close();
}

async function opensLater() {
  faults.forgive("ERR_", "WebSocket", "dynamically imported");
  const held = [];
  await page.route("**/views/usage.js", (route) => held.push(route));
  await world.go("#/files");
  await page.locator("file-row").first().waitFor();
  await world.go("#/usage");
  await page.locator("main .coming .skeleton").first().waitFor();
  assert.equal(await page.locator("file-view").count(), 0, "the place that was left hears no keys");
  await page.screenshot({ path: path.join(ARTIFACTS, "fit-coming.png") });
  await world.go("#/files");
  await page.locator("file-row").first().waitFor();
  await Promise.all(held.map((route) => route.abort()));
  await page.waitForTimeout(100); // for what must not happen
  assert.equal(await page.locator("file-row").first().isVisible(), true, "a late failure leaves other places alone");
  await page.unroute("**/views/usage.js");
  await world.context.setOffline(true);
  await page.locator("connection-bar").waitFor();
  await world.go("#/usage");
  await page.getByText("It opens by itself").waitFor();
  await page.screenshot({ path: path.join(ARTIFACTS, "fit-not-loaded.png") });
  await world.context.setOffline(false);
  await page.locator("usage-view").waitFor();
  await page.locator("connection-bar").waitFor({ state: "hidden" });
  faults.forgive();
}

async function standsStill() {
  await page.emulateMedia({ reducedMotion: "reduce" });
  await world.go("#/files");
  await slowDown(page, 2_000_000);
  await page.evaluate(() => {
    globalThis.moving = new Set();
    const look = () => {
      for (const { effect, transitionProperty, animationName } of document.getAnimations()) {
        if (effect.getComputedTiming().endTime > 10) moving.add(`${effect.target.localName}.${effect.target.className} ${transitionProperty ?? animationName}`);
      }
      requestAnimationFrame(look);
    };
    look();
  });
  await page.setInputFiles("input[data-role=upload]", await server.file("still.bin", 3_000_000));
  await page.locator("upload-row", { hasText: "still.bin" }).waitFor();
  await page.getByRole("button", { name: "New folder" }).click();
  await world.dialog().waitFor();
  await page.keyboard.press("Escape");
  await page.locator("file-row").first().click({ button: "right" });
  await page.locator("context-menu [data-verb]").first().waitFor();
  await page.keyboard.press("Escape");
  await page.locator("upload-row[data-state=done]", { hasText: "still.bin" }).waitFor();
  assert.deepEqual(await page.evaluate(() => [...moving]), []);
  await page.emulateMedia({ reducedMotion: null });
}

async function hasEdges() {
  await page.emulateMedia({ forcedColors: "active" });
  await page.locator("file-row .pick").first().check();
  await page.locator("file-row .dots").first().click();
  await page.locator("context-menu [data-verb]").first().waitFor();
  await page.screenshot({ path: path.join(ARTIFACTS, "fit-forced-colors.png") });
  for (const part of ["context-menu", "selection-bar", "upload-tray", 'side-bar [aria-current="page"]']) {
    const style = await page.locator(part).first().evaluate((node) => getComputedStyle(node).outlineStyle);
    assert.equal(style, "solid", part);
  }
  await page.keyboard.press("Escape");
  await page.locator("file-row .pick").first().uncheck();
  await page.emulateMedia({ forcedColors: null });
}

async function worksZoomed() {
  await page.locator("upload-tray").getByRole("button", { name: "Clear" }).click(); // in so little room it has all of it
  await page.setViewportSize({ width: 320, height: 256 });
  assert.ok((await page.locator("file-list .scroller").boundingBox()).height >= 120);
  await page.locator("file-row .dots").first().click();
  await page.locator("context-menu [data-verb=move]").click();
  const tree = world.dialog().locator(".tree");
  await tree.waitFor();
  assert.ok((await tree.boundingBox()).height >= 150);
  for (const part of [world.dialog().getByRole("searchbox"), world.dialog().getByRole("button", { name: "Move here" })]) {
    await part.scrollIntoViewIfNeeded();
    const { y, height } = await part.boundingBox();
    assert.ok(y >= 0 && y + height <= 256, `${part}: ${y}`);
    assert.equal(await part.evaluate((node) => document.elementFromPoint(160, node.getBoundingClientRect().top + 8).closest("dialog") !== null), true);
  }
  await page.screenshot({ path: path.join(ARTIFACTS, "fit-zoomed.png") });
  await page.keyboard.press("Escape");
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** Something of everything, with names that are long. */
async function fill() {
  const ask = (...request) => server.ask(...request);
  for (const name of ["harbour.jpg", "film.mp4", LONG]) await server.put(name, "/Photos/2026", name, "image/jpeg");
  const gone = await server.put("gone.txt", "/Photos");
  await ask("DELETE", `/api/files/${gone.id}`);
  const { id, url } = await ask("POST", "/api/bundles", { name: "Two weeks by the sea, with everything that we saw there and some more", passcode: "salt water" });
  await server.put("dunes.txt", "/Photos", "dunes", "text/plain", { bundleId: id });
  const { taskId } = await ask("POST", "/api/tasks", { type: "Custom", name: "Back-up of the attic and of all the other rooms in the old house by the sea" });
  await ask("POST", `/api/tasks/${taskId}/fail`, { errorMessage: "tar: /attic/a-very-long-path/that/does/not/break/anywhere/photo.jpg: file changed as we read it" });
  await ask("POST", "/api/accounts", { name: "a-very-long-name.of.somebody@an-even-longer-organisation.example", password: "yes yes yes", role: "guest" });
  await ask("POST", "/api/tokens", { name: "Back-up of the attic", scopes: ["files:read"], expiresInDays: 30 });
  return url;
}

/** Every place, and what stands there once it has come. */
const PLACES = {
  files: 'file-view [data-name="Photos"]',
  "files?q=harbour": 'file-view [data-name="harbour.jpg"]',
  recent: "recent-view file-row[data-name]",
  shares: "link-list li[data-link]",
  trash: "trash-view file-row[data-name]",
  tasks: "task-list task-card",
  "files/Photos/2026": 'file-view [data-name="harbour.jpg"]', // another folder than the one that was left
  usage: "usage-view usage-plot svg",
  "settings/profile": "profile-page dd",
  "settings/password": "password-page form",
  "settings/sign-ins": "sign-ins-page li",
  "settings/tokens": "tokens-page h2",
  "settings/second-factor": "second-factor-page button",
  "settings/notifications": "notices-page select",
  "settings/webhooks": "webhooks-page button",
  "admin/accounts": "accounts-page tbody tr",
  "admin/pools": "pools-page .card",
  "admin/tasks": "all-tasks-page tbody tr",
  "admin/audit": "audit-page tbody tr",
  "admin/health": "health-page tbody tr",
};

/** What sticks out, and what lies under something else, so that it cannot be pressed. */
function misfits() {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const found = wide > 0 ? [`${wide} px too wide`] : [];
  for (const table of document.querySelectorAll("main table")) {
    if (table.offsetWidth > table.parentElement.clientWidth) found.push(`a table of ${table.offsetWidth} px in ${table.parentElement.clientWidth}`);
    for (const time of table.querySelectorAll("time")) if (time.offsetHeight > 28) found.push(`${time.textContent} takes lines`);
  }
  for (const node of document.querySelectorAll("a, button, input, select, h1, h2, h3")) {
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    node.scrollIntoView({ block: "center" });
    const { left, top, width, height, right } = node.getBoundingClientRect();
    if (width < 2 || height < 2) continue; // for screen readers only
    const name = (node.getAttribute("aria-label") ?? node.textContent).trim().slice(0, 40);
    const isCut = [...ancestors(node)].some((parent) => ["hidden", "clip", "auto", "scroll"].includes(getComputedStyle(parent).overflowX));
    if ((right > innerWidth + 1 || left < -1) && !isCut) found.push(`${name}: from ${left} to ${right}`);
    const there = document.elementFromPoint(left + width / 2, top + height / 2);
    if (there === null || node.contains(there) || there.contains(node) || node.labels?.[0]?.contains(there)) continue;
    if (there.closest("upload-tray, selection-bar, toast-stack, side-bar nav")) continue; // they float; the page scrolls
    if (node.matches("h1") && there.closest("search-box")) continue; // it opens over the heading on a phone
    found.push(`${name} lies under ${there.outerHTML.slice(0, 80)}`);
  }
  return found;

  function* ancestors(node) {
    for (let parent = node.parentElement; parent; parent = parent.parentElement) yield parent;
  }
}

/** On a phone the name of what was found has a line of its own, its path stands on the second. */
async function readsPaths() {
  await page.setViewportSize({ width: 390, height: 800 });
  const found = page.locator("file-row[data-name]").first();
  const [name, folder] = await Promise.all([found.locator(".open").boundingBox(), found.locator(".folder").boundingBox()]);
  assert.ok(folder.y >= name.y + name.height && folder.width > 60, JSON.stringify([name, folder]));
  await page.locator("search-box input").focus();
  await page.screenshot({ path: path.join(ARTIFACTS, "fit-search-390.png") });
}

async function fitsEverywhere() {
  const url = await fill();
  await mkdir(ARTIFACTS, { recursive: true });
  const bad = [];
  const look = async (place, widths) => {
    for (const width of widths) {
      await page.setViewportSize({ width, height: width > 1280 ? 2160 : 800 });
      for (const fault of await page.evaluate(misfits)) bad.push(`${place} at ${width} px: ${fault}`);
      if (width !== 390) await page.screenshot({ path: path.join(ARTIFACTS, `fit-${place.replaceAll(/[^\w]+/g, "-")}-${width}.png`) });
    }
  };
  for (const [place, sign] of Object.entries(PLACES)) {
    await world.go(`#/${place}`);
    await page.locator(sign).first().waitFor();
    if (place.includes("?q")) await readsPaths();
    assert.equal(await page.getByText(/could not be (loaded|brought up to date)/).count(), 0, place);
    await look(place, /^(settings|admin)/.test(place) ? [...WIDTHS, 760, 1024] : WIDTHS);
    await page.setViewportSize({ width: 320, height: 800 });
    if (!/^(usage|settings|admin)/.test(place)) await isClean(page, `${place}, 320 px`); // those have walks of their own
  }
  faults.forgive("401");
  await page.goto(url);
  await page.getByLabel("Passcode").waitFor();
  await look("passcode", WIDTHS);
  await isClean(page, "the passcode");
  await page.getByLabel("Passcode").fill("salt water");
  await page.keyboard.press("Enter");
  await page.getByText("dunes.txt").first().waitFor();
  await look("share", WIDTHS);
  await isClean(page, "a shared page");
  faults.forgive();
  assert.deepEqual(bad, []);
}
