// Draws assets/icons/*.png from assets/favicon.svg, for systems whose home screens take no SVG. Run it after a change of
// the mark: node browser/icons.mjs

import { readFile } from "node:fs/promises";
import { launch } from "./harness.mjs";

const ASSETS = new URL("../../../assets/", import.meta.url);

/** Name, edge in pixels, and whether the system cuts its own corners: then the ground goes to the edges. */
const ICONS = [
  ["any-192", 192, false],
  ["any-512", 512, false],
  ["maskable-512", 512, true],
  ["touch-180", 180, true],
];

const mark = await readFile(new URL("favicon.svg", ASSETS), "utf8");
const browser = await launch();
try {
  for (const [name, edge, isFull] of ICONS) {
    const page = await browser.newPage({ viewport: { width: edge, height: edge } });
    const drawing = isFull ? mark.replace(' rx="5"', "") : mark;
    await page.setContent(`<!doctype html><style>body { margin: 0 } svg { display: block }</style>${drawing}`);
    const file = new URL(`icons/${name}.png`, ASSETS);
    await page.screenshot({ path: file.pathname, omitBackground: true });
    await page.close();
  }
} finally {
  await browser.close();
}
