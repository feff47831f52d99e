// Drives a Firefox by Marionette, the protocol that it speaks itself: pieces of JSON on a TCP connection, each after its
// length. https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { Driven, onceStarted, SCRIPT_MS } from "./driven.mjs";
import { freePort } from "./harness.mjs";

/** Nothing is asked of anybody but the server. */
const PREFERENCES = {
  "app.update.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "extensions.getAddons.cache.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "http://127.0.0.1:9/",
};

export class Firefox extends Driven {
  #child;
  #socket;
  #profile;
  #received = Buffer.alloc(0);
  #waiting = new Map();
  #lastId = 0;

  /** @param {string} binary */
  static async start(binary) {
    const firefox = new Firefox();
    firefox.#profile = await mkdtemp(path.join(tmpdir(), "drive-firefox-"));
    const port = await freePort();
    const lines = Object.entries({ ...PREFERENCES, "marionette.port": port }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`);
    await writeFile(path.join(firefox.#profile, "user.js"), lines);
    firefox.#child = spawn(binary, ["--headless", "--marionette", "--no-remote", "--profile", firefox.#profile, "--width", "1280", "--height", "800"], { stdio: "ignore" });
    await firefox.#connect(port);
    await firefox.send("WebDriver:NewSession", { capabilities: {} });
    await firefox.send("WebDriver:SetTimeouts", { script: SCRIPT_MS });
    return firefox;
  }

  async #connect(port) {
    const attempt = () =>
      new Promise((resolve, reject) => {
        const socket = net.connect(port, "127.0.0.1", () => resolve(socket)).once("error", reject);
      });
    this.#socket = await onceStarted(attempt, this.#child);
    this.#socket.on("data", (bytes) => this.#receive(bytes));
  }

  #receive(bytes) {
    this.#received = Buffer.concat([this.#received, bytes]);
    for (;;) {
      const colon = this.#received.indexOf(":");
      const end = colon + 1 + Number(this.#received.subarray(0, colon));
      if (colon < 0 || this.#received.length < end) return;
      const message = JSON.parse(this.#received.subarray(colon + 1, end));
      this.#received = this.#received.subarray(end);
      if (!Array.isArray(message)) continue; // the greeting
      const [, id, error, result] = message;
      const { resolve, reject } = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) reject(new Error(`${error.error}: ${error.message}`));
      else resolve(result);
    }
  }

  /** @param {string} command such as "WebDriver:Navigate" @returns {Promise<any>} */
  send(command, parameters = {}) {
    const id = ++this.#lastId;
    const text = JSON.stringify([0, id, command, parameters]);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  go = (url) => this.send("WebDriver:Navigate", { url });

  run = async (script, args) => (await this.send("WebDriver:ExecuteAsyncScript", { script, args, sandbox: null })).value;
  find = async (value) => Object.values((await this.send("WebDriver:FindElement", { using: "css selector", value })).value)[0];
  clickOn = (id) => this.send("WebDriver:ElementClick", { id });
  typeInto = (id, text) => this.send("WebDriver:ElementSendKeys", { id, text });
  screenshot = async () => (await this.send("WebDriver:TakeScreenshot", { full: false })).value;

  async close() {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await ended;
    this.#socket?.destroy();
    await rm(this.#profile, { recursive: true, force: true });
  }
}
