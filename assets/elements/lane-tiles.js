// <lane-tiles>: what each lane of workers has to do: waiting, running, failed in the last day.
//
// Properties: `account` ("all", or undefined for one's own failures), `refresh()`. Actions: "ask-lanes" {account};
// "show-tasks" {status} when a number is pressed.

import { locale, t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, setAttribute, setText } from "./dom.js";

/** While it is looked at, and not oftener however much happens. */
const LOOK_MS = 5000;
const SOON_MS = 800;

export class LaneTiles extends DriveElement {
  account;
  #tiles = new Map();
  #timer = null;
  #soon = null;

  build() {
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", t("tasks.lanes"));
  }

  connected() {
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.#ask(), LOOK_MS);
    this.#ask();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#soon = null;
  }

  refresh() {
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#ask();
    }, SOON_MS);
  }

  async #ask() {
    const lanes = await this.act("ask-lanes", { account: this.account })?.catch(() => null); // the list says what is wrong
    for (const lane of lanes ?? []) this.#show(lane);
  }

  #show({ lane, pending, running, failed }) {
    const tile = this.#tiles.get(lane) ?? this.#make(lane);
    const numbers = { pending, running, failed };
    for (const [key, { value, button }] of Object.entries(tile.parts)) {
      setText(value, numbers[key].toLocaleString(locale()));
      setAttribute(button, "data-none", numbers[key] === 0);
    }
    tile.node.toggleAttribute("data-busy", running > 0);
  }

  #make(lane) {
    const parts = {};
    const numbers = [["running", "InProgress"], ["pending", "Pending"], ["failed", "Failed"]].map(([key, status]) => {
      const value = h("strong", { class: "number" });
      const button = h("button", { type: "button", class: "plain-button", "data-key": key, onclick: () => this.act("show-tasks", { status }) }, value, h("span", {}, t(`tasks.lane-${key}`)));
      parts[key] = { value, button };
      return button;
    });
    const node = h("section", { "aria-label": t(`tasks.lane-${lane}`) }, h("h2", {}, t(`tasks.lane-${lane}`)), h("div", {}, ...numbers));
    this.append(node);
    const tile = { node, parts };
    this.#tiles.set(lane, tile);
    return tile;
  }
}

customElements.define("lane-tiles", LaneTiles);
