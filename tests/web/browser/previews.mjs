// Looking at PDFs, Markdown, films and sounds in a real browser against a real server: on the page, unlocked in it, behind a link, and in
// a browser without a viewer of PDFs. `node browser/previews.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { FilesWorld } from "./files-world.mjs";
import { launchWith, photograph, until } from "./harness.mjs";
import { film, pdf, sound } from "./media.mjs";

const PASSWORD = "salt water 7";

const LOGBOOK = `# Logbook

Left the harbour at **six**, wind from the *west*. The [tides](https://example.org/tides) were kind,
the [chart](javascript:alert(1)) was not: <script>alert(1)</script>

## Crew

1. Anna, at the wheel
2. Gustav
   - and his dog

> Red sky at night.

\`\`\`
course 270, speed 5.2 kn
\`\`\`

---

| Buoy | Passed |
|------|-------:|
| 12   | 07:40  |

- [x] Water
- [ ] Bread
`;

const world = new FilesWorld();
const { faults, dialog, menu, put, row } = world;
let page, server;

before(async () => {
  await world.open({ DRIVE_PREVIEWS_ENABLED: "true", DRIVE_PREVIEWS_SETTLE_SECONDS: "0" });
  ({ page, server } = world);
  await put("chart.pdf", "/", pdf("Harbour chart"), "application/pdf");
  await put("page.pdf", "/", "<script>document.title = 'run'</script><h1>No PDF</h1>", "application/pdf");
  await put("logbook.md", "/", LOGBOOK, "text/markdown");
  await put("report.pdf", "/Sealed", pdf("Sealed report"), "application/pdf");
});

after(() => world.close());

test("previews", (t) =>
  world.walk(t, [
    ["a PDF is shown by the browser's own viewer, and let go of", showsPdf],
    ["what is no PDF is shown as nothing else", showsNothingElse],
    ["a PDF above what a page can hold is offered for downloading", offersLarge],
    ["a PDF that was unlocked in the page", showsUnlocked],
    ["a PDF behind a link", showsShared],
    ["Markdown is shown as it is meant, and as it was written", showsMarkdown],
    ["a film plays, is wound, and ends with its dialog", showsFilm],
    ["a sound does so too", playsSound],
    ["keys, buttons and fingers go from file to file; Back closes it and stays", goesThrough],
    ["a film that cannot be played is offered for downloading", offersUnplayable],
    ["a browser without a viewer offers the download", offersWithoutViewer],
  ]));

/** Waits until the viewer of a page has drawn: it tells the number of pages. @param {import("playwright-core").Page} where */
async function viewer(where) {
  await where.locator("preview-dialog iframe[src^=blob]").waitFor();
  const deadline = performance.now() + 15_000;
  for (;;) {
    const frame = where.frames().find((one) => one.url().startsWith("chrome-extension:"));
    const pages = await frame?.locator("#pagelength").textContent({ timeout: 1000 }).catch(() => null);
    if (Number(pages) > 0) return Number(pages);
    assert.ok(performance.now() < deadline, "the viewer shows no pages");
    await where.waitForTimeout(50);
  }
}

async function showsPdf() {
  await world.signIn();
  await page.evaluate(() => {
    const [made, gone] = [[], []];
    const { createObjectURL, revokeObjectURL } = URL;
    URL.createObjectURL = (blob) => (made.push([createObjectURL(blob), blob.type]), made.at(-1)[0]);
    URL.revokeObjectURL = (url) => (gone.push(url), revokeObjectURL(url));
    window.objectUrls = { made, gone };
  });
  await row("chart.pdf").locator(".open").focus();
  await page.keyboard.press("Enter");
  assert.equal(await viewer(page), 1);
  await photograph(page, "preview-pdf");
  await page.keyboard.press("Escape");
  assert.equal(await dialog().count(), 0);
  const { made, gone } = await page.evaluate(() => window.objectUrls);
  assert.deepEqual(made.map(([, type]) => type), ["application/pdf"]);
  assert.deepEqual(gone, made.map(([url]) => url), "nothing stays in memory");
  assert.equal(await world.focused(), "chart.pdf");
}

async function showsNothingElse() {
  await row("page.pdf").click();
  await page.locator("preview-dialog iframe[src^=blob]").waitFor();
  await page.waitForTimeout(1500); // long enough for a page to be shown, if it were one
  for (const frame of page.frames()) assert.equal(await frame.getByText("No PDF").count().catch(() => 0), 0, frame.url());
  assert.notEqual(await page.title(), "run");
  await dialog().getByRole("button", { name: "Close" }).click();
}

async function offersLarge() {
  const where = path.join(server.folder, "atlas.pdf");
  await writeFile(where, Buffer.alloc((64 << 20) + 1));
  await page.setInputFiles("input[data-role=upload]", where);
  await page.locator("upload-row[data-state=done]").waitFor({ timeout: 120_000 });
  await row("atlas.pdf").click();
  await dialog().getByText("PDFs above").waitFor();
  await isClean(page, "a PDF that is too large");
  const [download] = await Promise.all([page.waitForEvent("download"), dialog().locator(".stage a").click()]);
  assert.equal(download.suggestedFilename(), "atlas.pdf");
  await download.cancel();
  await page.keyboard.press("Escape");
}

async function showsUnlocked() {
  await row("Sealed").click();
  await menu("report.pdf", "encrypt");
  await dialog().getByLabel("Password", { exact: true }).fill(PASSWORD);
  await dialog().getByLabel("Repeat the password").fill(PASSWORD);
  await dialog().getByRole("button", { name: "Encrypt" }).click();
  await row("report.pdf").getByRole("img", { name: "Encrypted" }).waitFor();
  await row("report.pdf").locator(".open").click();
  await dialog().getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.keyboard.press("Enter");
  assert.equal(await viewer(page), 1);
  await dialog().getByRole("button", { name: "Close" }).click();
}

/** Plays what the dialog shows, winds it, closes it. @param {"video" | "audio"} kind */
async function plays(name, kind, goal) {
  await row(name).locator(".open").click();
  const player = page.locator(`preview-dialog ${kind}`);
  await player.evaluate((media) => media.play());
  await page.waitForFunction((media) => media.currentTime > 0.2, await player.elementHandle());
  await player.evaluate((media, to) => new Promise((resolve) => Object.assign(media, { onseeked: resolve, currentTime: to })), goal);
  const { at, error } = await player.evaluate(({ currentTime, error: fault }) => ({ at: currentTime, error: fault?.message }));
  assert.ok(at >= goal, `${at} of ${goal}`);
  assert.equal(error, undefined);
  return player.elementHandle();
}

/** A film or sound that plays on behind a closed dialog would be hard to stop. */
async function endsWithDialog(media, name) {
  await page.keyboard.press("Escape");
  assert.equal(await dialog().count(), 0);
  await page.waitForFunction((one) => one.paused, media);
  assert.equal(await world.focused(), name);
}

async function showsFilm() {
  await put("regatta.webm", "/", await film(page), "video/webm");
  const media = await plays("regatta.webm", "video", 1.5);
  assert.deepEqual(await media.evaluate(({ videoWidth, videoHeight }) => [videoWidth, videoHeight]), [160, 90]);
  await photograph(page, "preview-video");
  await isClean(page, "a film");
  await endsWithDialog(media, "regatta.webm");
  await tells("regatta.webm", "160 × 90");
}

/** What was found out about a file stands in its details. */
async function tells(name, fact) {
  const known = async () => (await server.ask("GET", `/api/files?q=${name}`))[0].metadata;
  await until(async () => /width|durationMs/.test(JSON.stringify(await known())), `something is known of ${name}`);
  await menu(name, "details");
  const panel = page.locator("details-panel");
  await panel.getByText(fact, { exact: true }).waitFor({ timeout: 5000 });
  assert.doesNotMatch(await panel.innerText(), /durationMs|width/);
  await panel.getByRole("button", { name: "Close" }).click();
}

async function playsSound() {
  const length = 300; // seconds, 2.4 MB: more than is read at once
  await put("foghorn.wav", "/", sound(length), "audio/x-wav");
  const ranges = [];
  const listen = (answer) => answer.url().includes("/content") && ranges.push(answer.status());
  page.on("response", listen);
  const media = await plays("foghorn.wav", "audio", length - 10);
  page.off("response", listen);
  assert.equal(Math.round(await media.evaluate(({ duration }) => duration)), length);
  assert.ok(ranges.includes(206), `what is wound to is asked for: ${ranges}`);
  await photograph(page, "preview-audio");
  await isClean(page, "a sound");
  await endsWithDialog(media, "foghorn.wav");
  await tells("foghorn.wav", "5:00");
}

async function goesThrough() {
  const title = (name) => dialog().getByRole("heading", { name, level: 2 }).waitFor();
  const { keyboard } = page;
  await put("1.wav", "/Row", sound(5), "audio/x-wav");
  for (const name of ["2.txt", "3.txt", "4.txt", "5.png"]) await put(name, "/Row", name, name.endsWith("png") ? "image/png" : "text/plain");
  await world.go("#/files/Row");
  await row("1.wav").locator(".open").click();
  await page.locator("preview-dialog audio").focus();
  await keyboard.press("ArrowRight");
  await title("1.wav"); // the keys wind the sound
  await dialog().getByRole("button", { name: "Next" }).click();
  await title("2.txt");
  await photograph(page, "preview-text");
  await keyboard.press("ArrowRight");
  await title("3.txt");
  await history("back");
  assert.equal(await dialog().count(), 0);
  assert.equal(await world.focused(), "3.txt", "the one that was seen last");
  await row("3.txt").locator(".open").click();
  await keyboard.press("Escape");
  await page.waitForTimeout(200); // its entry of the history goes too
  await history("back");
  await row("regatta.webm").waitFor();
  await history("forward");
  await row("4.txt").waitFor();

  await row("3.txt").locator(".open").click();
  await title("3.txt");
  const [gone] = await server.ask("GET", "/api/files?q=4.txt");
  await server.ask("DELETE", `/api/files/${gone.id}`);
  faults.forgive("404");
  await keyboard.press("ArrowRight");
  await dialog().getByText("no longer there").waitFor();
  const [broken] = await server.ask("GET", "/api/files?q=5.png");
  await server.ask("DELETE", `/api/files/${broken.id}`);
  await dialog().getByRole("button", { name: "Next" }).click();
  await title("5.png");
  await dialog().getByText("no longer there").waitFor();
  const asked = page.waitForResponse((answer) => answer.status() === 404 && answer.url().includes(gone.id));
  await keyboard.press("ArrowLeft"); // the button for the next is gone, the focus is not
  await title("4.txt");
  await asked;
  await dialog().getByText("no longer there").waitFor();
  faults.forgive();
  await swipe(page.locator("preview-dialog .stage"), 120);
  await title("3.txt");
  await world.go("#/files");
  await row("regatta.webm").waitFor();
  assert.equal(await dialog().count(), 0);

  await row("logbook.md").click();
  await title("logbook.md");
  await page.evaluate(() => {
    document.querySelector("preview-dialog dialog").close();
    setTimeout(() => (location.hash = "#/files/Row")); // before the entry of the history is left
  });
  await row("2.txt").waitFor();
  await page.waitForTimeout(300);
  assert.equal(await row("2.txt").count(), 1, "who went elsewhere is not taken back");
  await world.go("#/files");
}

const history = (way) => page.evaluate((to) => new Promise((resolve) => (addEventListener("popstate", () => setTimeout(resolve, 50), { once: true }), window.history[to]())), way);

/** A finger goes so far to the right. */
const swipe = (where, far) =>
  where.evaluate((stage, x) => {
    const finger = (type, clientX) => stage.dispatchEvent(new PointerEvent(type, { pointerType: "touch", isPrimary: true, bubbles: true, clientX, clientY: 200 }));
    finger("pointerdown", 200);
    finger("pointerup", 200 + x);
  }, far);

async function offersUnplayable() {
  await put("broken.mp4", "/", "no film at all", "video/mp4");
  await row("broken.mp4").locator(".open").click();
  await dialog().getByText("cannot be shown here").waitFor();
  const [download] = await Promise.all([page.waitForEvent("download"), dialog().locator(".stage a").click()]);
  assert.equal(download.suggestedFilename(), "broken.mp4");
  await page.keyboard.press("Escape");
}

async function share() {
  const { id, url } = await server.ask("POST", "/api/bundles", { name: "Charts", slug: "charts" });
  await put("chart.pdf", "/shared", pdf("Shared chart"), "application/pdf", { bundleId: id });
  return url;
}

let link;

async function showsMarkdown() {
  await world.go("#/files");
  await row("logbook.md").click();
  const view = page.locator("markdown-view");
  await view.getByRole("heading", { name: "Logbook", level: 3 }).waitFor();
  assert.deepEqual(await view.locator("article a").evaluateAll((links) => links.map((one) => [one.href, one.rel, one.target])), [
    ["https://example.org/tides", "noopener noreferrer", "_blank"],
  ]);
  assert.equal(await view.locator("article :is(script, img, iframe)").count(), 0, "tags are text");
  await view.locator("article").getByText("<script>").waitFor();
  assert.deepEqual(await view.locator("article td").allInnerTexts(), ["12", "07:40"]);
  assert.deepEqual(await view.getByRole("checkbox").evaluateAll((boxes) => boxes.map(({ checked, disabled }) => [checked, disabled])), [[true, true], [false, true]]);
  await photograph(page, "preview-markdown");
  await isClean(page, "Markdown");
  await view.getByRole("button", { name: "Source" }).click();
  await view.locator("pre", { hasText: "# Logbook" }).waitFor();
  assert.equal(await view.getByRole("heading", { name: "Logbook" }).count(), 0);
  await isClean(page, "the source of Markdown");
  await page.keyboard.press("Escape");
}

async function showsShared() {
  link = await share();
  const visitor = await (await world.browser.newContext()).newPage();
  await faults.watch(visitor);
  await visitor.goto(link);
  await visitor.getByRole("button", { name: "chart.pdf" }).click();
  assert.equal(await viewer(visitor), 1);
  await visitor.context().close();
}

async function offersWithoutViewer() {
  const profile = path.join(server.folder, "no-viewer");
  await mkdir(path.join(profile, "Default"), { recursive: true });
  await writeFile(path.join(profile, "Default", "Preferences"), JSON.stringify({ plugins: { always_open_pdf_externally: true } }));
  const context = await launchWith(profile);
  try {
    const [visitor] = context.pages();
    await faults.watch(visitor);
    await visitor.goto(link);
    assert.equal(await visitor.evaluate(() => navigator.pdfViewerEnabled), false);
    await visitor.getByRole("button", { name: "chart.pdf" }).click();
    await visitor.getByText("This browser cannot show PDFs").waitFor();
    assert.equal(await visitor.locator("iframe").count(), 0);
    await photograph(visitor, "preview-no-viewer");
    await isClean(visitor, "a browser without a viewer");
    const [download] = await Promise.all([visitor.waitForEvent("download"), visitor.locator(".stage a").click()]);
    assert.equal(download.suggestedFilename(), "chart.pdf");
  } finally {
    await context.close();
  }
}
