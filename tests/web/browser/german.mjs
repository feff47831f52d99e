// Walks through what the server says, in German: a failing sign-in, refused names, the fields of every operation, tasks
// that fail, what one is told of them, the audit log. `node browser/german.mjs`, see harness.mjs.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { isClean } from "./axe.mjs";
import { ACCOUNT, photograph } from "./harness.mjs";
import { Places } from "./places.mjs";

/** Words that English sentences hardly do without, and German ones do. */
const ENGLISH = /\b(the|is|of|and|with|must|which|wrong|failed|file|files|folder|password|again|done|choose)\b/i;
/** What is called the same in both. */
const ALIKE = new Set(["Format"]);

let places;
let page;

before(async () => {
  places = await Places.open({}, { locale: "de-DE" });
  page = places.page;
});

after(() => places?.close());

/** Says so where anything in it is English, but names of the walk's own. */
async function isGerman(locator, what) {
  const text = (await locator.innerText()).replace(/\S+\.(zip|txt|png)/g, "");
  assert.ok(text.trim().length > 0, `${what} says something`);
  assert.equal(ENGLISH.exec(text)?.input, undefined, what);
}

test("in German nothing that the server says stays English", async (t) => {
  for (const [name, run] of [
    ["a sign-in that fails", signsIn],
    ["names that are refused, at their field", refusesNames],
    ["the dialog of an operation", asksForOperation],
    ["the fields of every operation that the server offers", offersOperations],
    ["a task that fails: its card, its details, what one is told", failsTask],
    ["the audit log", readsLog],
  ]) {
    await t.test(name, run);
    assert.deepEqual(places.faults.list, [], name);
  }
});

async function signsIn() {
  places.faults.forgive("401");
  await page.getByRole("button", { name: ACCOUNT.name }).click();
  await page.getByRole("button", { name: "Abmelden" }).click();
  await page.fill("input[name=name]", ACCOUNT.name);
  await page.fill("input[name=password]", "not this one");
  await page.click("sign-in button[type=submit]");
  await page.locator("sign-in .error", { hasText: "Der Name oder das Passwort ist falsch." }).waitFor();
  await isGerman(page.locator("sign-in form"), "the door");
  await photograph(page, "german-door");
  await places.enter();
  places.faults.forgive();
}

async function refusesNames() {
  places.faults.forgive("400", "409");
  await places.go("admin/accounts");
  await page.getByRole("button", { name: "Neues Konto" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.locator("input[name=name]").fill("-");
  await dialog.locator("input[name=password]").fill("long enough for it");
  await dialog.locator("[type=submit]").click();
  await dialog.locator(".field-error", { hasText: "Das muss aus 1 bis 64 Buchstaben" }).waitFor();
  await isGerman(dialog, "a refused account");
  await photograph(page, "german-refused");
  await isClean(page, "a refused account in German");
  await dialog.locator("input[name=name]").fill(ACCOUNT.name);
  await dialog.locator("[type=submit]").click();
  await dialog.locator(".field-error", { hasText: "Ein Konto mit diesem Namen gibt es schon." }).waitFor();
  await page.keyboard.press("Escape");
  places.faults.forgive();
}

async function asksForOperation() {
  await places.server.put("harbour.txt", "/", "harbour");
  await places.go("files");
  await page.locator('file-row[data-name="harbour.txt"]').click({ button: "right" });
  await page.getByRole("menuitem", { name: "Packen" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name des Archivs").waitFor();
  await isGerman(dialog, "the dialog of an operation");
  await photograph(page, "german-operation");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });
}

/** Every title of a schema, and of those within it. */
function* titlesOf(schema) {
  if (schema?.title) yield schema.title;
  for (const inner of [...(schema?.oneOf ?? []), ...Object.values(schema?.properties ?? {})]) yield* titlesOf(inner);
}

async function offersOperations() {
  const operations = (await places.ask("GET", "/api/operations")).filter(({ creatable }) => creatable);
  assert.ok(operations.length >= 8);
  const english = new Set(operations.flatMap(({ title, parameters }) => [title, ...titlesOf(parameters)]));
  await places.go("tasks");
  await page.getByRole("button", { name: "Neue Aufgabe" }).first().click();
  const dialog = page.getByRole("dialog");
  for (const { type } of operations) {
    await dialog.getByLabel("Was geschehen soll").first().selectOption(type);
    const words = await dialog.locator("label, legend, summary, option").evaluateAll((nodes) => nodes.map((node) => node.firstChild?.textContent.trim() ?? ""));
    assert.deepEqual(words.filter((word) => english.has(word) && !ALIKE.has(word)), [], type);
    assert.deepEqual(words.filter((word) => /^(Older|Include|Bundle|Pool|Min |Max |Dry |Target|Operation|Options|Add$|Remove$|Expired)/.test(word)), [], type);
  }
  await dialog.getByLabel("Was geschehen soll").first().selectOption("BulkOperation");
  await photograph(page, "german-task");
  await page.keyboard.press("Escape");
}

async function failsTask() {
  const begun = Buffer.from("89504e470d0a1a0a0000000d494844520000001000000010080200000090916836000001f449444154789c", "hex"); // a PNG of 16 x 16 that breaks off
  const { id: fileId } = await places.server.put("broken.png", "/", begun, "image/png");
  await places.ask("POST", "/api/tasks", { type: "FileConversion", parameters: { fileId, targetFormat: "jpg" } });
  const card = page.locator("task-card", { hasText: "broken.png in jpg umwandeln" });
  await card.and(page.locator("[data-status=Failed]")).waitFor();
  await card.getByText("Die Datei des Bildes ist abgeschnitten oder beschädigt.").waitFor();
  await isGerman(card, "a task's card");
  await photograph(page, "german-card");
  await card.locator(".title").click();
  const details = page.getByRole("dialog");
  await details.getByText("Die Datei des Bildes ist abgeschnitten oder beschädigt.").first().waitFor();
  await isGerman(details, "a task's details");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: /ungelesen|Benachrichtigung/ }).click();
  await page.locator("notification-list .name", { hasText: "Fehlgeschlagen: broken.png in jpg umwandeln" }).waitFor();
  await isGerman(page.locator("notification-list"), "what one is told");
  await photograph(page, "german-notices");
  await page.keyboard.press("Escape");
}

async function readsLog() {
  await places.go("admin/audit");
  await page.getByRole("row", { name: /Anmeldung fehlgeschlagen/ }).first().waitFor();
  await isGerman(page.locator("audit-page table"), "the audit log");
  await page.getByLabel("Vorgang").selectOption({ label: "Datei gespeichert" });
  await page.waitForFunction(() => [...document.querySelectorAll("audit-page tbody tr")].every((row) => row.innerText.includes("Datei gespeichert")));
  await photograph(page, "german-audit");
}
