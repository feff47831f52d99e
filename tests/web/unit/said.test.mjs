// What the server says is said in every language: nothing that its sources say to people is without its words here.

import assert from "node:assert/strict";
import { test } from "node:test";
import "./english.mjs";
import { loadSaid, said } from "../../../assets/core/said.js";
import { humanised, titleOf } from "../../../assets/core/task-view.js";
import { LANGUAGES, useLanguage } from "../../../assets/core/words.js";
import { auditActions, errorCodes, noticeSubjects, serverTexts } from "./server-texts.mjs";

const wordsOf = async (name, area) => (await import(`../../../assets/words/${name}/${area}.js`)).default;

test("what comes before the words are there, and in English, stands as it came", async () => {
  useLanguage("en");
  await loadSaid();
  assert.equal(said("The name or the password is wrong."), "The name or the password is wrong.");
});

test("every text of the server's sources has its German", async () => {
  useLanguage("de");
  await loadSaid();
  const texts = await serverTexts();
  assert.ok(texts.size > 450, `only ${texts.size} texts were found; are the sources read as they are written?`);
  const alike = new Set(["Format"]);
  const missing = [];
  for (const [text, name] of texts) {
    const sample = text.replace(/\{\w*\}/g, "x7");
    if (said(sample) === sample && !alike.has(text)) missing.push(`${name}: ${text}`);
  }
  assert.deepEqual(missing, []);
});

test("nothing stands there that the server does not say", async () => {
  const texts = [...(await serverTexts()).keys()];
  const isSaid = (text) => texts.some((one) => one === text || one.endsWith(` ${text}`));
  for (const part of ["server-errors", "server-content"]) {
    for (const text of Object.keys(await wordsOf("de", part))) assert.ok(isSaid(text), `${part}: ${text}`);
  }
});

test("names, numbers and sizes are set in, field names and file names stay", async () => {
  useLanguage("de");
  await loadSaid();
  assert.equal(said("The name or the password is wrong."), "Der Name oder das Passwort ist falsch.");
  assert.equal(said("newPassword must have 8 to 256 characters."), "newPassword muss 8 bis 256 Zeichen haben.");
  assert.equal(said("Compress 12 files into harbour.zip"), "12 Dateien in harbour.zip packen");
  assert.equal(said("This task is cancelled; it can no longer be tried again."), "Diese Aufgabe ist abgebrochen und kann nicht mehr noch einmal versucht werden.");
  assert.equal(said("There is no such folder."), "Das gibt es nicht: Ordner.");
  assert.equal(said('Pool "Main" takes files of at most 4194304 bytes; this one has 5242880.'), "Der Speicherort „Main“ nimmt Dateien bis 4,2 MB; diese hat 5,2 MB.");
  assert.equal(said("a: b.jpg: The picture's file is cut short or damaged."), "a: b.jpg: Die Datei des Bildes ist abgeschnitten oder beschädigt.");
  assert.equal(said("Failed: Unpack old.zip"), "Fehlgeschlagen: old.zip entpacken");
  assert.equal(said("Copy harbour.jpg"), "harbour.jpg kopieren");
  assert.equal(said("hook.example did not answer: Connection refused (os error 111)."), "hook.example hat nicht geantwortet: Die Verbindung wurde abgelehnt.");
  assert.equal(said("hook.example has no address."), "hook.example hat keine Adresse.");
  const results = ["compressedSize", "originalSize", "compressionRatio", "resultSize", "records", "skippedCount"];
  const german = ["Gepackte Größe", "Größe vorher", "Verhältnis", "Größe des Ergebnisses", "Datensätze", "Übersprungen"];
  assert.deepEqual(results.map(humanised), german);
  assert.equal(said("Try: Delete for good 3 files"), "Probe: 3 Dateien endgültig löschen");
  const task = { type: "FileCompress", name: "Compress 12 files into harbour.zip" };
  const titles = [task, { ...task, type: "Custom", parameters: { handler: "makePreviews" } }, { ...task, type: "Custom" }].map(titleOf);
  assert.deepEqual(titles, ["12 Dateien in harbour.zip packen", "12 Dateien in harbour.zip packen", task.name], "a program's own words stay");
  for (const text of ["What nobody has said yet.", "My own task", "", undefined]) assert.equal(said(text), text);
  useLanguage("en");
});

test("codes, audit actions and notices have their words in every language", async () => {
  const wanted = [
    ["audit", "action-", await auditActions(), 60],
    ["audit", "outcome-", await errorCodes(), 60],
    ["notices", "event-", await noticeSubjects(), 6],
  ];
  for (const [area, prefix, names, least] of wanted) {
    assert.ok(names.length >= least, `only ${names.length} of ${prefix}`);
    for (const language of Object.keys(LANGUAGES)) {
      const words = await wordsOf(language, area);
      assert.deepEqual(names.filter((name) => !(prefix + name in words)), [], `${language}/${area}`);
    }
  }
});
