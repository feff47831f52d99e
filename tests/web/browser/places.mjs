// What the walks through usage, settings and administration share: a server with somebody signed in, requests beside the
// page, the check for people who cannot see it well, codes of a second factor.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { isClean } from "./axe.mjs";
import { Faults, launch, Server } from "./harness.mjs";

export const ACCOUNT = { name: "anna", password: "correct horse battery" };

export class Places {
  faults = new Faults();

  /** @param {Record<string, string>} [settings] of the server @param {object} [options] of the browser's context */
  static async open(settings = {}, options = {}) {
    const places = new Places();
    places.server = await Server.start(settings);
    places.browser = await launch();
    places.context = await places.browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...options });
    places.context.setDefaultTimeout(20_000);
    places.page = await places.context.newPage();
    await places.faults.watch(places.page);
    places.faults.forgive("401"); // asking who is signed in, before anybody is
    const code = new URL(places.server.setupUrl).hash.replace(/^#setup=/, "");
    const { accessToken } = await places.ask("POST", "/api/auth/setup", { code, ...ACCOUNT });
    places.token = accessToken;
    await places.page.goto(places.server.url);
    await places.signIn(ACCOUNT);
    places.faults.forgive();
    return places;
  }

  async signIn({ name, password }, page = this.page) {
    await page.fill("input[name=name]", name);
    await page.fill("input[name=password]", password);
    await page.click("sign-in button[type=submit]");
    await page.locator("side-bar").waitFor();
  }

  async close() {
    await this.browser?.close();
    await this.server?.remove();
  }

  /** A request beside the page, as the first account unless another token is given. */
  async ask(method, path, body, token = this.token) {
    const headers = { ...(token && { authorization: `Bearer ${token}` }), ...(body && { "content-type": "application/json" }) };
    const response = await fetch(this.server.url + path, { method, headers, body: body && JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
    return text && /json/.test(response.headers.get("content-type")) ? JSON.parse(text) : text;
  }

  async put(name, content, contentType, folder = "/") {
    const query = new URLSearchParams({ fileName: name, folder, contentType });
    const headers = { authorization: `Bearer ${this.token}`, "content-type": "application/octet-stream" };
    const response = await fetch(`${this.server.url}/api/files/upload/direct?${query}`, { method: "PUT", headers, body: content });
    assert.ok(response.ok, await response.clone().text());
    return response.json();
  }

  async go(place) {
    await this.page.evaluate((hash) => (location.hash = hash), `#/${place}`);
  }

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
