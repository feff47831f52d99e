// Nothing lies in assets/ that nothing uses: words of the catalogue, and what style sheets speak of.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ASSETS = fileURLToPath(new URL("../../../assets/", import.meta.url));
const names = await readdir(ASSETS, { recursive: true });
const textOf = async (wanted) => (await Promise.all(names.filter(wanted).map((name) => readFile(path.join(ASSETS, name), "utf8")))).join("\n");
const code = await textOf((name) => /\.(js|html)$/.test(name) && !name.startsWith("words"));
const styles = (await textOf((name) => name.endsWith(".css"))).replace(/\/\*.*?\*\//gs, "");

const selectors = [...styles.matchAll(/(?<=^|[{};])\s*([^{};@]+)\{/g)].map(([, selector]) => selector.trim());

const literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
/** As a word in quotes, alone or among others, such as a class. */
const isQuoted = (word) => new RegExp(`["' \`]${literally(word)}["' \`]`).test(code);

test("every word of the catalogue is said somewhere", async () => {
  const areas = (await readdir(path.join(ASSETS, "words/en"))).map((name) => name.replace(/\.js$/, ""));
  // named("area.prefix", …) says what the server names; `area.prefix${…}` what the client does.
  const named = [...code.matchAll(/\b(?:named|namesOf)\("([\w.-]+)"/g)].map(([, key]) => `${key}-`);
  const made = [...code.matchAll(/`([a-z]+\.[^`\s]*\$\{[^`]*)`/g)].filter(([, text]) => areas.includes(text.split(".")[0]));
  const patterns = made.map(([, text]) => ({
    pattern: new RegExp(`^${text.split(/\$\{[^}]*\}/).map(literally).join("(.+)")}$`),
    isNarrow: !/^[a-z]+\.\$\{[^}]*\}$/.test(text),
  }));
  /** What stands for the whole name must be written somewhere, in quotes or as a key of a table. */
  const isWritten = (word) => code.includes(`"${word}"`) || new RegExp(`\\b${literally(word)}:`).test(code);
  const isMade = (key) => patterns.some(({ pattern, isNarrow }) => pattern.test(key) && (isNarrow || isWritten(pattern.exec(key)[1])));
  const unused = [];
  for (const area of areas) {
    for (const word of Object.keys((await import(path.join(ASSETS, "words/en", `${area}.js`))).default)) {
      const key = `${area}.${word}`;
      if (!code.includes(`"${key}"`) && !named.some((prefix) => key.startsWith(prefix)) && !isMade(key)) unused.push(key);
    }
  }
  assert.deepEqual(unused, []);
});

test("style sheets speak of nothing that is not there", () => {
  assert.ok(selectors.length > 500);
  const unused = new Set();
  for (const selector of selectors) {
    for (const [, name] of selector.replace(/"[^"]*"/g, "").matchAll(/\.([a-zA-Z][\w-]*)/g)) if (!isQuoted(name)) unused.add(`.${name}`);
    for (const [, tag] of selector.matchAll(/(?:^|[\s,>+~(])([a-z]+-[a-z-]+)(?=[\s.:#[,>+~)]|$)/g)) if (!code.includes(`"${tag}"`)) unused.add(tag);
    for (const [, name] of selector.matchAll(/\[(data-[\w-]+)/g)) {
      const camel = name.slice(5).replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
      if (!code.includes(`"${name}"`) && !code.includes(`dataset.${camel}`)) unused.add(`[${name}]`);
    }
  }
  for (const [, name] of styles.matchAll(/(--[\w-]+):/g)) if (!styles.includes(`var(${name}`) && !code.includes(name)) unused.add(name);
  for (const [, name] of styles.matchAll(/@keyframes ([\w-]+)/g)) if (!new RegExp(`animation[^;]*\\b${name}\\b`).test(styles)) unused.add(`@keyframes ${name}`);
  assert.deepEqual([...unused], []);
});

test("no rule has the page restyled for each row that comes", () => {
  // Browsers look at all of it anew where a neighbour or something inside may change what an ancestor of the rows looks like.
  const costly = /\*\s*\+|\+\s*(\*|:(?!is\())|(drive-app|file-view|file-list|task-list|main|\.frame|\.scroller|\.rows|\.cards)\S*:has\(/;
  assert.deepEqual(selectors.filter((selector) => costly.test(selector)), []);
});

test("every picture of the sprite is shown somewhere", async () => {
  const pictures = [...(await readFile(path.join(ASSETS, "icons.svg"), "utf8")).matchAll(/\bid="([\w-]+)"/g)].map(([, id]) => id);
  assert.deepEqual(pictures.filter((id) => !code.includes(`"${id}"`)), []);
});

test("what the first view is made of is fetched ahead", async () => {
  const first = new Set();
  const follow = async (name) => {
    if (first.has(name)) return;
    first.add(name);
    const text = await readFile(path.join(ASSETS, name), "utf8");
    const imported = [...text.matchAll(/^(?:import|export) (?:[^"]* from )?"(\.[^"]+)";$/gm)].map(([, to]) => path.join(path.dirname(name), to));
    for (const one of imported) await follow(one);
  };
  await follow("app.js");
  const index = await readFile(path.join(ASSETS, "index.html"), "utf8");
  assert.deepEqual([...first].filter((name) => !index.includes(`{{assets}}/${name}"`)), [], "not in index.html");
});
