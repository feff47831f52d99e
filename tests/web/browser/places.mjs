// What the walks through usage, settings and administration share: a world with somebody signed in, the check for people
// who cannot see it well, codes of a second factor.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { isClean } from "./axe.mjs";
import { World } from "./harness.mjs";

export class Places extends World {
  /** @param {Record<string, string>} [settings] of the server @param {object} [options] of the browser's context */
  static async open(settings = {}, options = {}) {
    const places = await new Places().open({ settings, options });
    await places.signIn();
    return places;
  }

  ask = (...request) => this.server.ask(...request);

  heading(name) {
    return this.page.getByRole("heading", { name, exact: true });
  }

  /** Fit for everybody, in both themes, on a desk and at 320 px. */
  async check(what) {
    const { page } = this;
    for (const width of [1280, 320]) {
      await page.setViewportSize({ width, height: 800 });
      await isClean(page, `${what}, ${width} px`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${what}: ${wide} px wider than ${width}`);
    }
    await page.setViewportSize({ width: 1280, height: 800 });
  }
}

/** The code of a moment (RFC 6238). @param {string} secret in base 32 @param {number} [steps] later */
export function totp(secret, steps = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const tag = createHmac("sha1", key).update(step).digest();
  const number = tag.readUInt32BE(tag[19] & 15) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}
