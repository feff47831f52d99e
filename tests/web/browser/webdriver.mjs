// Drives WebKitGTK's small browser by WebDriver, on a screen that nobody sees. https://www.w3.org/TR/webdriver2/

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Driven, onceStarted, SCRIPT_MS } from "./driven.mjs";
import { freePort } from "./harness.mjs";

/** The window has no way to be headless; its pictures need no graphics card. */
const PLAIN_GRAPHICS = { LIBGL_ALWAYS_SOFTWARE: "1", WEBKIT_DISABLE_DMABUF_RENDERER: "1" };

export class WebKit extends Driven {
  #screen;
  #driver;
  #home;
  #address;
  #session = "";

  /** @param {string} binary of the driver, which finds the browser itself */
  static async start(binary) {
    const webkit = new WebKit();
    webkit.#home = await mkdtemp(path.join(tmpdir(), "drive-webkit-"));
    webkit.#screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1280x960x24", "-nolisten", "tcp"], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    const display = await new Promise((resolve, reject) => {
      webkit.#screen.stdio[3].once("data", (number) => resolve(`:${String(number).trim()}`));
      webkit.#screen.once("error", reject).once("exit", (code) => reject(new Error(`Xvfb ended with ${code}`)));
    });
    const port = await freePort();
    webkit.#address = `http://127.0.0.1:${port}`;
    const env = { ...process.env, ...PLAIN_GRAPHICS, DISPLAY: display, HOME: webkit.#home };
    webkit.#driver = spawn(binary, [`--port=${port}`], { stdio: "ignore", env });
    await onceStarted(() => webkit.#ask("GET", "/status"), webkit.#driver);
    const { sessionId } = await webkit.#ask("POST", "/session", { capabilities: {} });
    webkit.#session = `/session/${sessionId}`;
    await webkit.#ask("POST", "/timeouts", { script: SCRIPT_MS });
    await webkit.#ask("POST", "/window/rect", { x: 0, y: 0, width: 1280, height: 900 });
    return webkit;
  }

  async #ask(method, what, parameters) {
    const response = await fetch(this.#address + this.#session + what, { method, body: parameters && JSON.stringify(parameters) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${what}: ${value.error}: ${value.message}`);
    return value;
  }

  go = (url) => this.#ask("POST", "/url", { url });
  run = (script, args) => this.#ask("POST", "/execute/async", { script, args });
  find = async (value) => Object.values(await this.#ask("POST", "/element", { using: "css selector", value }))[0];
  clickOn = (id) => this.#ask("POST", `/element/${id}/click`, {});
  typeInto = (id, text) => this.#ask("POST", `/element/${id}/value`, { text });

  /** A picture is taken of what is drawn next, so something must be. */
  async screenshot() {
    await this.evaluate(() => {
      const { style } = document.documentElement;
      let left = 40;
      const nudge = setInterval(() => {
        style.opacity = left % 2 === 0 ? "" : "0.999";
        if (--left === 0) clearInterval(nudge);
      }, 50);
    });
    return this.#ask("GET", "/screenshot");
  }

  async close() {
    await this.#ask("DELETE", "").catch(() => {});
    for (const child of [this.#driver, this.#screen]) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    }
    await rm(this.#home, { recursive: true, force: true });
  }
}
