// <delivery-log>: what a webhook was sent, each attempt with its answer, the newest first.
//
// Property `webhook` (its id). `follow(id)` looks until that delivery has ended or was tried. Action:
// "load-deliveries" {id, cursor}.

import { ago, dateText, exactTime } from "../core/format.js";
import { said } from "../core/said.js";
import { named, t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, setText } from "./dom.js";
import { showSentence } from "./form.js";
import { badge } from "./page-element.js";
import { showRows } from "./rows.js";

const TONES = { sent: "ok", failed: "bad", waiting: "quiet" };
/** The log has no event of its own, so somebody who waits for a test is worth some looks. */
const LOOK_MS = 700;
const LOOKS_MAX = 30;

export class DeliveryLog extends DriveElement {
  webhook;
  #items = [];
  #next = null;
  #list = h("ul", { class: "rows" });
  #empty = h("p", { class: "quiet" }, t("settings.noDeliveries"));
  #error = h("div", { class: "error", role: "alert", hidden: true });
  #more = h("button", { type: "button", hidden: true, onclick: () => this.#load(this.#next) }, t("pages.more"));

  build() {
    this.append(this.#list, this.#empty, this.#error, h("div", { class: "verbs" }, this.#more));
  }

  connected() {
    this.#load();
  }

  update() {
    this.#list.hidden = this.#items.length === 0;
    this.#empty.hidden = this.#items.length > 0;
    this.#more.hidden = this.#next === null;
    showRows(this.#list, this.#items, ({ id }) => id, row);
  }

  async follow(id) {
    for (let look = 0; look < LOOKS_MAX && this.isConnected; look++) {
      await this.#load();
      const found = this.#items.find((item) => item.id === id);
      if (found?.attempts.length > 0 || found?.endedAt) return;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
  }

  async #load(cursor) {
    this.#error.hidden = true;
    try {
      const { items, next } = await this.act("load-deliveries", { id: this.webhook, cursor });
      this.#items = cursor === undefined ? items : [...this.#items, ...items];
      this.#next = next;
    } catch (problem) {
      showSentence(this.#error, problem.message);
    }
    this.update();
  }
}

function row({ event, state, createdAt, nextAt, attempts }) {
  const title = h("div", { class: "title" }, h("span", { class: "name" }, named("notices.event", event)), badge(TONES[state] ?? "quiet", named("settings.delivery", state)));
  const facts = h("p", { class: "facts" }, h("span", { title: exactTime(createdAt) }, ago(createdAt)), h("span", {}, t("settings.attempts", { n: attempts.length })), nextAt && state === "waiting" && attempts.length > 0 && h("span", {}, t("settings.nextTry", { when: time(nextAt) })));
  const details = attempts.length > 0 && h("details", {}, h("summary", {}, t("settings.showAttempts")), h("ol", { class: "attempts" }, ...attempts.map(attempt)));
  return h("li", {}, icon(state === "sent" ? "done" : state === "failed" ? "warning" : "clock"), h("div", { class: "words" }, title, facts, details));
}

function attempt({ at, status, error, milliseconds }) {
  const answer = h("span", {});
  setText(answer, [said(error) ?? t("settings.answered", { status: String(status) }), t("settings.took", { n: milliseconds })].join(" · "));
  return h("li", {}, h("time", { class: "number", datetime: at, title: exactTime(at) }, time(at)), answer);
}

const time = (when) => dateText(when, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

customElements.define("delivery-log", DeliveryLog);
