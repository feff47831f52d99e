// <lane-tiles>: what each lane of workers has to do: waiting, running, failed in the last day; administrators may pause it.
//
// Properties: `account` ("all", or undefined for one's own tasks), `mayPause`, `refresh()`. Actions: "ask-lanes" {account};
// "change-lane" {lane, verb}; "show-tasks" {lane, status} when a number is pressed.

import { number } from "../core/format.js";
import { named, t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, iconButton, setAttribute, setIcon, setText } from "./dom.js";

/** While it is looked at, and not oftener however much happens. */
const LOOK_MS = 5000;
const SOON_MS = 800;

export class LaneTiles extends DriveElement {
  account;
  mayPause = false;
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

  async #change(tile, lane) {
    tile.pause.disabled = true;
    await this.act("change-lane", { lane, verb: tile.isPaused ? "resume" : "pause" })?.catch(({ message }) => this.act("toast", { tone: "danger", text: message }));
    tile.pause.disabled = false;
    await this.#ask();
  }

  #show({ lane, pending, running, failed, isPaused }) {
    const tile = this.#tiles.get(lane) ?? this.#make(lane);
    const numbers = { pending, running, failed };
    for (const [key, { value, button }] of Object.entries(tile.parts)) {
      setText(value, number(numbers[key]));
      setAttribute(button, "data-none", numbers[key] === 0);
    }
    tile.node.toggleAttribute("data-busy", running > 0);
    tile.isPaused = isPaused;
    tile.paused.hidden = !isPaused;
    tile.pause.hidden = !this.mayPause;
    const label = t(isPaused ? "tasks.lane-resume" : "tasks.lane-pause", { lane: named("tasks.lane", lane) });
    setAttribute(tile.pause, "aria-label", label);
    setAttribute(tile.pause, "title", label);
    setIcon(tile.pause.firstElementChild, isPaused ? "resume" : "pause");
  }

  #make(lane) {
    const parts = {};
    const numbers = [["running", "InProgress"], ["pending", "Pending"], ["failed", "Failed"]].map(([key, status]) => {
      const value = h("strong", { class: "number" });
      const button = h("button", { type: "button", class: "plain-button", "data-key": key, onclick: () => this.act("show-tasks", { lane, status }) }, value, h("span", {}, t(`tasks.lane-${key}`)));
      parts[key] = { value, button };
      return button;
    });
    const name = named("tasks.lane", lane);
    const paused = h("span", { class: "paused", hidden: true }, t("tasks.lane-paused"));
    const pause = iconButton("pause", name, { hidden: true, onclick: () => this.#change(tile, lane) });
    const node = h("section", { "aria-label": name }, h("header", {}, h("h2", {}, name), paused, pause), h("div", {}, ...numbers));
    this.append(node);
    const tile = { node, parts, paused, pause, isPaused: false };
    this.#tiles.set(lane, tile);
    return tile;
  }
}

customElements.define("lane-tiles", LaneTiles);
