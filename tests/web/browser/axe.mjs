// Looks for faults of accessibility with axe-core, in both themes.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const SOURCE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** No fault in light or dark. @param {import("playwright-core").Page} page @param {string} what is looked at */
export async function isClean(page, what) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate(settled);
    await page.evaluate(SOURCE); // through the debugger, which the page's policy does not bind
    assert.deepEqual(await page.evaluate(faults), [], `${what}, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: "light", reducedMotion: null });
}

/** Colours are judged where they stand, not on their way from one theme to the other. */
async function settled() {
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const ending = document.getAnimations().filter(({ effect }) => Number.isFinite(effect.getComputedTiming().endTime));
  await Promise.allSettled(ending.map(({ finished }) => finished));
}

async function faults() {
  const { violations } = await globalThis.axe.run(document, { resultTypes: ["violations"] });
  const place = ({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary.slice(0, 240)}`;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(place).join(" | ")}`);
}
