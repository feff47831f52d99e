// The words: each language has the same keys with the same values to set in, and every text that is asked for exists.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { addWords, LANGUAGES, preferredLanguage, t, useLanguage } from "../../../assets/core/words.js";

const ASSETS = fileURLToPath(new URL("../../../assets/", import.meta.url));
/** What the server says is English already (said.test.mjs looks at the others). */
const areas = async (name) => (await readdir(path.join(ASSETS, "words", name))).filter((area) => !area.startsWith("server-")).sort();
const wordsOf = async (name, area) => (await import(path.join(ASSETS, "words", name, area))).default;
const forms = (text) => (typeof text === "string" ? [text] : Object.values(text));
const values = (text) => [...new Set(forms(text).flatMap((form) => form.match(/\{\w+\}/g) ?? []))].sort();

test("all languages say the same", async () => {
  const english = await areas("en");
  for (const name of Object.keys(LANGUAGES)) {
    assert.deepEqual(await areas(name), english, name);
    for (const area of english) {
      const [ours, theirs] = [await wordsOf("en", area), await wordsOf(name, area)];
      assert.deepEqual(Object.keys(theirs).sort(), Object.keys(ours).sort(), `${name}/${area}`);
      for (const key of Object.keys(ours)) {
        assert.deepEqual(values(theirs[key]), values(ours[key]), `${name}/${area}: ${key}`);
        if (typeof ours[key] !== "string") assert.ok("other" in theirs[key], `${name}/${area}: ${key}`);
        assert.ok(forms(theirs[key]).every((form) => form.trim() !== ""), `${name}/${area}: ${key}`);
      }
    }
  }
});

test("every text that is asked for exists", async () => {
  const known = new Set();
  for (const area of await areas("en")) {
    for (const key of Object.keys(await wordsOf("en", area))) known.add(`${area.replace(/\.js$/, "")}.${key}`);
  }
  const files = (await readdir(ASSETS, { recursive: true })).filter((name) => name.endsWith(".js") && !name.startsWith("words"));
  for (const name of files) {
    const text = await readFile(path.join(ASSETS, name), "utf8");
    for (const [, key] of text.matchAll(/\bt\(\s*"([\w.-]+)"/g)) assert.ok(known.has(key) || name === "core/words.js", `${name}: ${key}`);
  }
});

test("numbers choose the form, values are set in", () => {
  useLanguage("de");
  addWords("x", { files: { one: "{n} Datei in {place}", other: "{n} Dateien in {place}" } });
  assert.equal(t("x.files", { n: 1, place: "A" }), "1 Datei in A");
  assert.equal(t("x.files", { n: 12345, place: "{n}" }), "12.345 Dateien in {n}");
  assert.throws(() => t("x.nothing"));
  useLanguage("en");
});

test("the language is the chosen one, or the first of the browser's that there is", () => {
  assert.equal(preferredLanguage({ kept: "de", wanted: ["en"] }), "de");
  assert.equal(preferredLanguage({ kept: null, wanted: ["fr", "de-AT", "en"] }), "de");
  assert.equal(preferredLanguage({ kept: "tlh", wanted: ["fr"] }), "en");
});
