// <usage-view>: what is stored, of which kind, where and since when, and what became of the tasks.
//
// Properties: `store`, `rest`. Actions: "load-usage" {account}, "load-account-names".

import { monthsBetween } from "../core/plot.js";
import { bytes, dateText, number, rate } from "../core/format.js";
import { usageFile } from "../core/usage-commands.js";
import { named, t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, placeholder, setAttribute } from "./dom.js";
import { select } from "./form.js";
import { cell, withShare } from "./usage-plot.js";

/** Files that come one after the other are one look. */
const LOOK_MS = 3000;
const TYPES = ["image", "video", "audio", "text", "application", "font", "model", "message", "multipart"];
const TONES = { Completed: "success", Failed: "danger", Expired: "danger", Cancelled: "quiet", Paused: "quiet" };

export class UsageView extends DriveElement {
  store;
  rest;
  #account = "";
  #found = null;
  #problem = null;
  #timer = null;
  #round = 0;
  #choice = h("div", { class: "choice", hidden: true });
  #file = h("a", { class: "button", download: "usage.csv" }, icon("download"), t("usage.all"));
  #state = h("div", { class: "state" });
  #quota = h("usage-quota");
  #plots = Object.fromEntries(["type", "pool", "account", "tasks", "month", "speed"].map((name) => [name, h("usage-plot", { "data-plot": name })]));
  #grid = h("div", { class: "grid" });

  build() {
    this.append(h("div", { class: "bar" }, this.#choice, this.#file), this.#state, this.#grid);
    this.#grid.append(this.#quota, ...Object.values(this.#plots));
    if (this.store.account.role === "admin") this.#offerAccounts();
  }

  connected() {
    this.listen(this.store, "quota", () => this.requestUpdate());
    this.listen(this.store, "files", () => (this.#timer ??= setTimeout(() => this.#look(), LOOK_MS)));
    this.#look();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  async #offerAccounts() {
    const accounts = await this.act("load-account-names").catch(() => []);
    const names = accounts.map(({ id, name }) => [id, name]);
    const options = [["", t("usage.mine")], ["all", t("usage.everybody")], ...names];
    const list = select(options, this.#account, { id: "usage-account", onchange: () => this.#choose(list.value) });
    this.#choice.replaceChildren(h("label", { for: "usage-account" }, t("usage.account")), list);
    this.#choice.hidden = false;
  }

  #choose(account) {
    this.#account = account;
    this.#found = null;
    this.update();
    this.#look();
  }

  async #look() {
    this.#timer = null;
    const round = ++this.#round;
    try {
      const found = await this.act("load-usage", { account: this.#account });
      if (round !== this.#round) return;
      this.#found = found;
      this.#problem = null;
    } catch (problem) {
      if (round === this.#round) this.#problem = problem;
    }
    this.requestUpdate();
  }

  update() {
    setAttribute(this.#file, "href", usageFile(this.#account));
    this.#grid.hidden = this.#found === null;
    this.#state.replaceChildren(...this.#stateNodes());
    if (this.#found === null) return;
    const { usage, accounts, tasks, pools } = this.#found;
    const isOwn = this.#account === "";
    // The events tell of the room, but not of the trash.
    this.#quota.quota = isOwn && this.store.quota ? { ...usage, ...this.store.quota, trash: usage.trash } : usage;
    const show = (name, plot) => {
      this.#plots[name].hidden = plot.rows.length === 0;
      this.#plots[name].plot = plot;
    };
    show("type", byType(usage));
    show("pool", byPool(usage, pools));
    show("month", byMonth(usage));
    show("speed", speeds(usage));
    show("account", byAccount(accounts));
    show("tasks", byOutcome(tasks));
  }

  #stateNodes() {
    if (this.#problem !== null && this.#found === null) {
      const again = h("button", { type: "button", onclick: () => this.#look() }, icon("retry"), t("common.tryAgain"));
      return [placeholder({ glyph: "warning", title: t("pages.failed"), text: this.#problem.message }, again)];
    }
    if (this.#found === null) return [h("div", { class: "skeletons", "aria-hidden": "true" }, ...Array.from({ length: 3 }, () => h("div", { class: "skeleton" })))];
    if (this.#found.usage.byType.length > 0) return [];
    if (this.store.account.role === "guest") return [placeholder({ glyph: "usage", title: t("usage.empty"), text: t("usage.emptyGuest") })];
    const go = h("a", { class: "button", href: "#/files" }, icon("upload"), t("usage.goFiles"));
    return [placeholder({ glyph: "usage", title: t("usage.empty"), text: t("usage.emptyText") }, go)];
  }
}

const heads = (first) => [first, t("usage.filesCount"), t("usage.size"), t("usage.charged")];
const cells = (label, { files, bytes: size, charged }) => [cell(label), cell(files, number(files)), cell(size, bytes(size)), cell(charged, bytes(charged))];
const larger = (a, b) => b.value - a.value;

function plotOf(name, list, labelOf) {
  const whole = list.reduce((sum, row) => sum + row.bytes, 0);
  const rows = list.map((row) => ({ label: labelOf(row), value: row.bytes, text: withShare(bytes(row.bytes), row.bytes, whole), cells: cells(labelOf(row), row) }));
  return { title: named("usage.by", name), kind: "bars", whole, heads: heads(named("usage.head", name)), rows: rows.toSorted(larger), file: `usage-${name}.csv` };
}

const byType = (usage) => plotOf("type", usage.byType, ({ type }) => (TYPES.includes(type) ? named("usage.type", type) : type || t("usage.type-other")));

/** One pool is no comparison, unless the server keeps several. */
function byPool(usage, pools) {
  const plot = plotOf("pool", usage.byPool, ({ pool }) => pool);
  return { ...plot, rows: plot.rows.length > 1 || pools.length > 1 ? plot.rows : [] };
}

function byMonth(usage) {
  const known = new Map(usage.byMonth.map((row) => [row.month, row]));
  const none = { files: 0, bytes: 0, charged: 0 };
  const rows = monthsBetween([...known.keys()]).map((month) => {
    const row = known.get(month) ?? none;
    const say = dayWords(`${month}-15`);
    const label = say({ month: "long", year: "numeric" });
    return { label, short: say({ month: "short", year: "2-digit" }), value: row.bytes, text: bytes(row.bytes), cells: [cell(month, label), ...cells(month, row).slice(1)] };
  });
  return { title: t("usage.by-month"), kind: "columns", heads: heads(t("usage.head-month")), rows, format: bytes, file: "usage-month.csv" };
}

/** @param {string} day such as "2026-11-30" */
const dayWords = (day) => (form) => dateText(`${day}T00:00:00Z`, { timeZone: "UTC", ...form });

/** How fast uploads were, of the days on which any ended. */
function speeds({ uploadsByDay }) {
  const rows = uploadsByDay.map(({ day, uploads, bytes: size, seconds }) => {
    const say = dayWords(day);
    const [label, speed] = [say({ dateStyle: "long" }), Math.round(size / seconds)];
    const time = number(seconds, { maximumFractionDigits: 1 });
    return { label, short: say({ day: "numeric", month: "short" }), value: speed, text: rate(speed), cells: [cell(day, label), cell(uploads, number(uploads)), cell(size, bytes(size)), cell(seconds, time), cell(speed, rate(speed))] };
  });
  const names = [t("usage.head-day"), t("usage.uploads"), t("usage.size"), t("usage.seconds"), t("usage.speed")];
  return { title: t("usage.by-speed"), kind: "columns", heads: names, rows, format: rate, file: "usage-speed.csv" };
}

function byAccount(accounts) {
  const whole = accounts.reduce((sum, { used }) => sum + used, 0);
  const rows = accounts.length < 2 ? [] : accounts.map(({ account, used, reserved, trash, limit }) => ({
    label: account,
    value: used,
    text: withShare(bytes(used), used, whole),
    cells: [cell(account), cell(used, bytes(used)), cell(trash, bytes(trash)), cell(reserved, bytes(reserved)), cell(limit ?? "", limit === null ? t("usage.none") : bytes(limit))],
  }));
  const names = [t("usage.head-account"), t("usage.used"), t("usage.trash"), t("usage.reserved"), t("usage.limit")];
  return { title: t("usage.by-account"), kind: "bars", whole, heads: names, rows: rows.toSorted(larger), file: "usage-account.csv" };
}

function byOutcome(tasks) {
  const all = Object.entries(tasks.byStatus).filter(([, count]) => count > 0);
  const rows = all.map(([status, count]) => ({
    label: named("usage.status", status),
    value: count,
    text: withShare(number(count), count, tasks.total),
    tone: TONES[status] ?? "accent",
    cells: [cell(named("usage.status", status)), cell(count, number(count))],
  }));
  return { title: t("usage.by-outcome"), kind: "bars", whole: tasks.total, heads: [t("usage.head-outcome"), t("usage.count")], rows: rows.toSorted(larger), file: "usage-tasks.csv" };
}

customElements.define("usage-view", UsageView);
