// What the walks through the file places share: a world with an account and some files, and short ways to say what a
// person does and sees.

import { until, World } from "./harness.mjs";

export class FilesWorld extends World {
  /** @param {Record<string, string>} [settings] besides those of all */
  open(settings = {}) {
    const permissions = ["clipboard-read", "clipboard-write"];
    return super.open({ settings: { DRIVE_LIMITS_ENABLED: "false", ...settings }, options: { permissions } });
  }

  put = (...file) => this.server.put(...file);

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
  names = async (folder) => (await this.server.ask("GET", this.list(folder))).map(({ name }) => name);

  /** Waits until a folder holds exactly these. */
  holds = async (folder, wanted) => {
    let names = [];
    const isSo = async () => {
      names = await this.page.evaluate(async (url) => (await (await fetch(url)).json()).map(({ name }) => name), this.list(folder));
      return names.join("\n") === wanted.join("\n");
    };
    await until(isSo, () => `${folder} holds ${wanted.join(", ")}; but ${names.join(", ")}`, 20_000);
  };

  row = (name) => this.page.locator(`:is(file-row, file-tile)[data-name="${name}"]`);
  toast = (text) => this.page.locator("toast-stack .toast", { hasText: text });
  bar = (verb) => this.page.locator(`selection-bar [data-verb=${verb}]`);
  focused = () => this.page.evaluate(() => document.activeElement.closest("[data-name]")?.dataset.name);

  /** Waits until the row of this name has the focus: it comes with the rows. */
  isFocused = (name) => this.page.waitForFunction((wanted) => document.activeElement.closest("[data-name]")?.dataset.name === wanted, name);

  /** Waits until exactly these rows are chosen. */
  chosen = (...wanted) =>
    this.page.waitForFunction((expected) => [...document.querySelectorAll("file-row[data-selected]")].map((one) => one.dataset.name).join() === expected, wanted.join());

  menu = async (name, verb) => {
    await this.row(name).click({ button: "right" });
    await this.page.locator(`context-menu [data-verb=${verb}]`).click();
  };
}
