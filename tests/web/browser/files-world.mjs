// What the walks through the file places share: a server with an account and some files, a page that is signed in, and
// short ways to say what a person does and sees.

import assert from "node:assert/strict";
import { ARTIFACTS, Faults, launch, Server } from "./harness.mjs";

export const ACCOUNT = { name: "anna", password: "correct horse battery" };

export class FilesWorld {
  faults = new Faults();
  #token = null;

  async open() {
    this.server = await Server.start({ DRIVE_LIMITS_ENABLED: "false" });
    this.browser = await launch();
    const permissions = ["clipboard-read", "clipboard-write"];
    this.context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, permissions });
    this.context.setDefaultTimeout(15_000);
    this.page = await this.context.newPage();
    await this.faults.watch(this.page);
    const code = new URL(this.server.setupUrl).hash.replace("#setup=", "");
    this.#token = (await this.api("POST", "/api/auth/setup", { code, ...ACCOUNT })).accessToken;
  }

  async close() {
    await this.browser?.close();
    await this.server?.remove();
  }

  /** A request of the account, past the page. */
  async api(method, where, body, raw = false) {
    const headers = { "content-type": raw ? "application/octet-stream" : "application/json" };
    if (this.#token) headers.authorization = `Bearer ${this.#token}`;
    const response = await fetch(this.server.url + where, { method, headers, body: raw ? body : body && JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${where}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  }

  put = (fileName, folder, body = fileName, contentType = "text/plain") =>
    this.api("PUT", `/api/files/upload/direct?${new URLSearchParams({ fileName, folder, contentType })}`, body, true);

  /** A picture of one colour, made by the browser. */
  async picture() {
    const url = await this.page.evaluate(() => {
      const canvas = Object.assign(document.createElement("canvas"), { width: 300, height: 200 });
      const pen = canvas.getContext("2d");
      pen.fillStyle = "firebrick";
      pen.fillRect(0, 0, 300, 200);
      return canvas.toDataURL("image/png");
    });
    return Buffer.from(url.split(",")[1], "base64");
  }

  list = (folder) => `/api/files?${new URLSearchParams({ folder, sortBy: "name", sortDescending: "false" })}`;

  /** Names in a folder, as the server knows them. */
  names = async (folder) => (await this.api("GET", this.list(folder))).map(({ name }) => name);

  /** Waits until a folder holds exactly these. */
  holds = (folder, wanted) =>
    this.page.waitForFunction(
      async ([url, expected]) => JSON.stringify((await (await fetch(url)).json()).map(({ name }) => name)) === expected,
      [this.list(folder), JSON.stringify(wanted)],
    );

  async signIn(target, { name, password }) {
    this.faults.forgive("401");
    await target.goto(this.server.url);
    await target.fill("input[name=name]", name);
    await target.fill("input[name=password]", password);
    await target.click("sign-in button[type=submit]");
    await target.locator("file-view").waitFor();
    this.faults.forgive();
  }

  row = (name) => this.page.locator(`:is(file-row, file-tile)[data-name="${name}"]`);
  toast = (text) => this.page.locator("toast-stack .toast", { hasText: text });
  bar = (verb) => this.page.locator(`selection-bar [data-verb=${verb}]`);
  dialog = () => this.page.locator("dialog[open]");
  go = (hash) => this.page.evaluate((to) => (location.hash = to), hash);
  focused = () => this.page.evaluate(() => document.activeElement.closest("[data-name]")?.dataset.name);

  /** Waits until exactly these rows are chosen. */
  chosen = (...wanted) =>
    this.page.waitForFunction((expected) => [...document.querySelectorAll("file-row[data-selected]")].map((one) => one.dataset.name).join() === expected, wanted.join());

  menu = async (name, verb) => {
    await this.row(name).click({ button: "right" });
    await this.page.locator(`context-menu [data-verb=${verb}]`).click();
  };

  /** Steps that stand on each other: the first that fails is the last. @param {[string, () => Promise<void>][]} steps */
  async walk(t, steps) {
    for (const [name, run] of steps) {
      let passed = false;
      await t.test(name, async () => {
        try {
          await run();
          assert.deepEqual(this.faults.list, [], "faults on the page");
          passed = true;
        } catch (error) {
          await this.page.screenshot({ path: `${ARTIFACTS}failure.png` }).catch(() => {});
          throw error;
        }
      });
      if (!passed) return;
    }
  }
}
