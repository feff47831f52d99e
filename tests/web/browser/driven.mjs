// A browser that is driven by WebDriver's commands, whatever way they take. https://www.w3.org/TR/webdriver2/

import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { ARTIFACTS } from "./harness.mjs";

export const START_MS = 60_000;
export const SCRIPT_MS = 120_000;

/**
 * What each kind of browser brings: `go(url)`, `run(script, values)` which runs an asynchronous script, `find(selector)` to
 * an element's id, `clickOn(id)`, `typeInto(id, text)`, `screenshot()` in base64, and `close()`.
 */
export class Driven {
  /** Runs a function in the page. @param {Function} work @param {...any} values what it is given, as JSON */
  async evaluate(work, ...values) {
    const script = `const done = arguments[arguments.length - 1];
      (async () => (${work})(...Array.from(arguments).slice(0, -1)))().then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const answer = await this.run(script, values);
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

  click = async (selector) => this.clickOn(await this.find(selector));
  /** Types; or gives a field for files their paths, one in each line. */
  type = async (selector, text) => this.typeInto(await this.find(selector), text);

  async photograph(name) {
    await mkdir(ARTIFACTS, { recursive: true });
    await writeFile(path.join(ARTIFACTS, `${name}.png`), Buffer.from(await this.screenshot(), "base64"));
  }
}

/** Tries until it works, while the browser starts. @param {() => Promise<T>} attempt @param {import("node:child_process").ChildProcess} child @template T */
export async function onceStarted(attempt, child) {
  for (const deadline = Date.now() + START_MS; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > deadline || child.exitCode !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
