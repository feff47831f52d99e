// Drives a Firefox by Marionette, the protocol that it speaks itself: pieces of JSON on a TCP connection, each after its
// length. https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html

import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { ARTIFACTS, freePort } from "./harness.mjs";

const START_MS = 60_000;
const SCRIPT_MS = 120_000;
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

export class Firefox {
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
    for (const deadline = Date.now() + START_MS; ; ) {
      try {
        this.#socket = await new Promise((resolve, reject) => {
          const socket = net.connect(port, "127.0.0.1", () => resolve(socket)).once("error", reject);
        });
        break;
      } catch (error) {
        if (Date.now() > deadline || this.#child.exitCode !== null) throw error;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    }
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

  /** Runs a function in the page. @param {Function} run @param {...any} values what it is given, as JSON */
  async evaluate(run, ...values) {
    const script = `const done = arguments[arguments.length - 1];
      (async () => (${run})(...Array.from(arguments).slice(0, -1)))().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const { value: answer } = await this.send("WebDriver:ExecuteAsyncScript", { script, args: values, sandbox: null });
    if (answer.error) throw new Error(answer.error);
    return answer.value;
  }

  /** Waits until there is an element that says so. @param {string} selector @param {string} [words] */
  shows(selector, words = "", ms = 20_000) {
    const look = async (wanted, text, time) => {
      for (const deadline = Date.now() + time; ; ) {
        if ([...document.querySelectorAll(wanted)].some((one) => one.checkVisibility() && one.textContent.includes(text))) return;
        if (Date.now() > deadline) throw new Error(`there is no ${wanted} with "${text}"`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    return this.evaluate(look, selector, words, ms);
  }

  async #find(selector) {
    const { value } = await this.send("WebDriver:FindElement", { using: "css selector", value: selector });
    return Object.values(value)[0];
  }

  click = async (selector) => this.send("WebDriver:ElementClick", { id: await this.#find(selector) });
  /** Types; or gives a field for files their paths, one in each line. */
  type = async (selector, text) => this.send("WebDriver:ElementSendKeys", { id: await this.#find(selector), text });

  async photograph(name) {
    const { value } = await this.send("WebDriver:TakeScreenshot", { full: false });
    await mkdir(ARTIFACTS, { recursive: true });
    await writeFile(path.join(ARTIFACTS, `${name}.png`), Buffer.from(value, "base64"));
  }

  async close() {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill();
    await ended;
    this.#socket?.destroy();
    await rm(this.#profile, { recursive: true, force: true });
  }
}
