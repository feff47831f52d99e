// What the walks stand on: a Drive server of its own in a temporary folder, Chromium, files to send, and a World that holds
// them all together with a page.
//
// Environment: DRIVE_BIN the server binary, CHROMIUM the browser (default /usr/bin/chromium), DRIVE_ASSETS=1 the client as
// it lies in assets/ instead of the one in the binary.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { serveFresh } from "./fresh.mjs";

export const ACCOUNT = { name: "anna", password: "correct horse battery" };
export const ARTIFACTS = fileURLToPath(new URL("../artifacts/", import.meta.url));
const BROWSER_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A name that is no loopback address: what plain http in a home network looks like to the browser.
  "--host-resolver-rules=MAP drive.test 127.0.0.1",
];
const START_MS = 30_000;

/** A server in a folder of its own; can be killed and started again on the same port. */
export class Server {
  #child = null;
  /** Of the first account, once it is set up. */
  token = null;

  /** @param {Record<string, string>} [settings] by their variables, such as DRIVE_OIDC_ISSUER */
  static async start(settings = {}) {
    const server = new Server();
    server.settings = settings;
    server.folder = await mkdtemp(path.join(tmpdir(), "drive-page-"));
    server.port = await freePort();
    if (process.env.DRIVE_ASSETS) {
      server.fresh = await serveFresh(server.port);
      if (server.fresh.address().port === server.port) {
        server.fresh.close(); // it was given the port that was just found free
        return Server.start(settings);
      }
    }
    await server.run();
    return server;
  }

  get url() {
    return `http://127.0.0.1:${this.fresh?.address().port ?? this.port}`;
  }

  async run() {
    const binary = process.env.DRIVE_BIN;
    if (!binary) throw new Error("Set DRIVE_BIN to the server's binary.");
    const options = ["--data-dir", path.join(this.folder, "data"), "--listen", `127.0.0.1:${this.port}`];
    // The server takes every DRIVE_ variable for a setting and refuses those it does not know, such as DRIVE_BIN.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("DRIVE_")));
    // Tasks that nobody asked for would stand among those that a walk looks at.
    const quiet = { DRIVE_PREVIEWS_ENABLED: "false" };
    const child = spawn(binary, options, { env: { ...env, ...quiet, ...this.settings }, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.log = [];
    createInterface({ input: child.stderr }).on("line", (line) => this.log.push(line));
    await new Promise((resolve, reject) => {
      const fail = (what) => {
        clearTimeout(timer);
        reject(new Error(`${what}\n${this.log.join("\n")}`));
      };
      const timer = setTimeout(() => fail("The server did not say that it is ready."), START_MS);
      child.once("error", (error) => fail(error.message));
      child.once("exit", (code) => fail(`The server ended with ${code}.`));
      createInterface({ input: child.stdout }).on("line", (line) => {
        const setupUrl = /First sign-in: (\S+)/.exec(line)?.[1];
        if (setupUrl) this.setupUrl = setupUrl.replace(`127.0.0.1:${this.port}`, new URL(this.url).host);
        // "Drive is ready" comes before the link, and need not come in one piece with it.
        if (!setupUrl && !/^Sign in with/.test(line)) return;
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** @param {NodeJS.Signals} signal */
  async stop(signal = "SIGTERM") {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async remove() {
    await this.stop();
    this.fresh?.closeAllConnections();
    this.fresh?.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Makes the first account, as the page at `setupUrl` does. */
  async setUp(account = ACCOUNT) {
    const code = new URL(this.setupUrl).hash.replace("#setup=", "");
    this.token = (await this.ask("POST", "/api/auth/setup", { code, ...account })).accessToken;
  }

  /**
   * A request beside the page, as the first account unless another token is given.
   * @param {string} method @param {string} where @param {object | string | Uint8Array} [body] an object is sent as JSON
   */
  async ask(method, where, body, token = this.token) {
    const isPlain = body === undefined || typeof body === "string" || body instanceof Uint8Array;
    const type = body !== undefined && { "content-type": isPlain ? "application/octet-stream" : "application/json" };
    const headers = { ...type, ...(token && { authorization: `Bearer ${token}` }) };
    const response = await fetch(this.url + where, { method, headers, body: isPlain ? body : JSON.stringify(body) });
    const text = await response.text();
    assert.ok(response.ok, `${method} ${where}: ${response.status} ${text}`);
    return /json/.test(response.headers.get("content-type")) ? JSON.parse(text) : text;
  }

  /** Stores a file. @param {object} [more] what the request can tell beside */
  put = (fileName, folder = "/", body = fileName, contentType = "text/plain", more = {}) =>
    this.ask("PUT", `/api/files/upload/direct?${new URLSearchParams({ fileName, folder, contentType, ...more })}`, body);

  /** A file of random bytes below the server's folder. @param {string} name @param {number} size bytes */
  async file(name, size) {
    const folder = path.join(this.folder, "files");
    const where = path.join(folder, name);
    await mkdir(path.dirname(where), { recursive: true });
    const handle = await open(where, "w");
    for (let left = size; left > 0; left -= 1 << 20) await handle.write(randomBytes(Math.min(left, 1 << 20)));
    await handle.close();
    return where;
  }
}

/** A port that nobody listens at. */
export async function freePort() {
  const probe = net.createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => probe.once("listening", resolve));
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

export async function sha256(file) {
  const hash = createHash("sha256");
  for await (const bytes of createReadStream(file)) hash.update(bytes);
  return hash.digest("hex");
}

const options = () => ({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: BROWSER_FLAGS });

export const launch = () => chromium.launch(options());

/** A browser with settings of its own. @param {string} profile the folder where they lie */
export const launchWith = (profile) => chromium.launchPersistentContext(profile, { ...options(), acceptDownloads: true });

/** Faults a page may not show. `forgive` takes a piece of text, while a step provokes one. */
export class Faults {
  list = [];
  #forgiven = [];

  forgive(...texts) {
    this.#forgiven = texts;
  }

  add(text) {
    if (!this.#forgiven.some((forgiven) => text.includes(forgiven))) this.list.push(text);
  }

  async watch(page) {
    page.on("console", (message) => {
      if (message.type() === "error") this.add(`console: ${message.text()} (${message.location().url})`);
    });
    page.on("pageerror", (error) => this.add(`page: ${error.stack}`));
    page.on("dialog", (dialog) => dialog.accept()); // "leave the page?" while uploads run
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => {
        console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
      });
    });
  }
}

/** A server, a browser and a page before its door. */
export class World {
  faults = new Faults();

  /** @param {{settings?: Record<string, string>, options?: object, isSetUp?: boolean}} wishes `options` of the page's context */
  async open({ settings, options, isSetUp = true } = {}) {
    this.server = await Server.start(settings);
    this.browser = await launch();
    this.page = await this.newPage(options);
    this.context = this.page.context();
    if (isSetUp) await this.server.setUp();
    return this;
  }

  async close() {
    await this.browser?.close();
    await this.server?.remove();
  }

  /** A page of a browser of its own. */
  async newPage(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, acceptDownloads: true, ...options });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    await this.faults.watch(page);
    const wait = page.waitForFunction.bind(page);
    page.waitForFunction = (condition, ...more) => {
      assert.notEqual(condition.constructor.name, "AsyncFunction", "a promise is true at once: use until()");
      return wait(condition, ...more);
    };
    return page;
  }

  async signIn(page = this.page, account = ACCOUNT) {
    this.faults.forgive("401"); // asking who is signed in, before anybody is
    await page.goto(this.server.url);
    await this.enter(page, account);
    this.faults.forgive();
  }

  /** At the door. */
  async enter(page = this.page, { name, password } = ACCOUNT) {
    await page.fill("input[name=name]", name);
    await page.fill("input[name=password]", password);
    await page.click("sign-in button[type=submit]");
    await page.locator("side-bar").waitFor();
  }

  go = (hash, page = this.page) => page.evaluate((to) => (location.hash = to), hash);
  dialog = (page = this.page) => page.locator("dialog[open]");

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
          console.error(["The server's log:", ...this.server.log.slice(-40)].join("\n"));
          throw error;
        }
      });
      if (!passed) return;
    }
  }
}

/** Looks again and again. @param {() => Promise<boolean>} condition @param {string | (() => string)} what is waited for */
export async function until(condition, what, ms = 60_000) {
  for (const end = Date.now() + ms; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`never happened: ${typeof what === "string" ? what : what()}`);
}

/** Lines as slow as a real one, so that there is a middle to interrupt. @param {number} bytesPerSecond */
export async function slowDown(page, bytesPerSecond) {
  const session = await page.context().newCDPSession(page);
  const settings = { offline: false, latency: 5, downloadThroughput: -1, uploadThroughput: bytesPerSecond };
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", settings);
  return (faster) => session.send("Network.emulateNetworkConditions", { ...settings, uploadThroughput: faster });
}

/**
 * Files and folders of this machine fall onto the page, as a desktop drops them: the browser makes its own entries and
 * handles of them.
 * @param {string[]} files @param {import("playwright-core").Locator} [target] or the middle of the page
 */
export async function drop(page, files, target) {
  const { width, height } = page.viewportSize();
  const box = target ? await target.boundingBox() : { x: 0, y: 0, width, height };
  const session = await page.context().newCDPSession(page);
  const event = { x: box.x + box.width / 2, y: box.y + box.height / 2, data: { items: [], files, dragOperationsMask: 1 } };
  for (const type of ["dragEnter", "dragOver", "drop"]) await session.send("Input.dispatchDragEvent", { type, ...event });
  await session.detach();
}

/** Pictures of the present state at both widths and in both themes. @param {string} name */
export async function photograph(page, name) {
  await mkdir(ARTIFACTS, { recursive: true });
  for (const [width, height] of [
    [1280, 800],
    [390, 844],
  ]) {
    await page.setViewportSize({ width, height });
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      await page.waitForTimeout(250); // transitions between the themes
      await page.screenshot({ path: path.join(ARTIFACTS, `${name}-${width}-${colorScheme}.png`) });
    }
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: "light" });
}
