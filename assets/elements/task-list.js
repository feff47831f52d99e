// <task-list>: the tasks of the account, of all types, live: filters, tiles of the lanes, a list of any length of which
// only the cards in view are drawn, verbs for many.
//
// Properties: `store`. Actions: "list-tasks" (a query), "change-tasks" {verb, body}, and those of its parts.

import { Pager } from "../core/pager.js";
import { newest } from "../core/task-view.js";
import { t } from "../core/words.js";
import { askTask } from "./ask-task.js";
import { DriveElement } from "./element.js";
import { h, icon, placeholder, setAttribute, setText } from "./dom.js";
import { TaskSelection } from "./task-selection.js";

const OVERSCAN = 6;
const SKELETON_AFTER_MS = 150;
const CLOCK_MS = 30_000;
const TYPING_MS = 250;
const FIRST_REFRESH_MS = 100;
const NEXT_REFRESH_MS = 1500;
/** Everybody's tasks bring no events; they are asked for while they are looked at. */
const OTHERS_MS = 5000;

const OPEN = "Pending,InProgress,Paused";
const STATUSES = [["", "all"], [OPEN, "open"], ["Pending", "Pending"], ["InProgress", "InProgress"], ["Paused", "Paused"], ["Failed,Expired", "Failed"], ["Completed", "Completed"], ["Cancelled", "Cancelled"]];
const TYPES = ["FileUpload", "FileMove", "FileCompress", "FileDecompress", "FileEncrypt", "FileDecrypt", "FileConversion", "BulkOperation", "StorageMigration", "Custom"];
const SORTS = [["createdAt", "newest"], ["lastActivity", "active"], ["priority", "urgent"], ["name", "byName"]];

export class TaskList extends DriveElement {
  store;
  #pager = new Pager({ load: (query) => this.act("list-tasks", query) });
  #selection = new TaskSelection(this);
  /** @type {Map<string, HTMLElement>} cards in view by task id */
  #cards = new Map();
  #timers = [];
  #typing = null;
  #refreshing = null;
  #refreshedAt = -Infinity;
  #skeletonTimer = null;
  #isPressed = false;
  /** Where the focus goes as soon as that card is loaded. @type {number | null} */
  #focusNext = null;
  #status = select("status", STATUSES.map(([value, key]) => [value, () => t(`tasks.${key}`)]));
  #type = select("type", [["", () => t("tasks.everyType")], ...TYPES.map((type) => [type, () => t(`tasks.${type}`)])]);
  #owner = select("owner", [["", () => t("tasks.mine")], ["all", () => t("tasks.everybodys")]]);
  #sort = select("sort", SORTS.map(([value, key]) => [value, () => t(`tasks.${key}`)]));
  #search = h("input", { type: "search", class: "search", placeholder: t("tasks.search"), "aria-label": t("tasks.search") });
  #count = h("span", { class: "total number", role: "status" });
  #tiles = h("lane-tiles");
  #details = h("task-details");
  #body = h("div", { role: "list", class: "cards", "aria-label": t("tasks.tasks") });
  #scroller = h("div", { class: "scroller" }, this.#body);
  #state = h("div", { class: "state", hidden: true });
  /** What came of the last verb for many. */
  #told = "";

  /** What the filters say, as the server takes it. */
  get filter() {
    const given = { status: this.#status.value, type: this.#type.value, q: this.#search.value.trim(), account: this.#owner.value };
    return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== ""));
  }

  get total() {
    return this.#pager.total ?? 0;
  }

  build() {
    this.#details.store = this.store;
    this.#owner.hidden = this.store.account?.role !== "admin";
    const create = h("button", { type: "button", class: "primary", title: t("tasks.new"), onclick: () => this.#make() }, icon("plus"), t("tasks.new"));
    create.hidden = this.store.account?.role === "guest";
    this.append(
      h("div", { class: "tools" }, create, this.#search, this.#status, this.#type, this.#owner, this.#sort),
      this.#tiles,
      h("div", { class: "above" }, this.#selection.master, this.#count),
      this.#scroller,
      this.#state,
      this.#selection.bar,
      this.#details,
    );
    this.#ask();
  }

  connected() {
    this.listen(this.#pager, "change", () => this.requestUpdate());
    this.listen(this.store, "tasks", () => this.#onTasks());
    this.listen(this.store, "task", ({ key }) => this.#onTask(key));
    this.listen(this.store, "connection", () => this.store.connection === "online" && this.#refreshSoon());
    this.listen(this.#scroller, "scroll", () => this.requestUpdate(), { passive: true });
    this.listen(this.#scroller, "pointerdown", () => (this.#isPressed = true));
    this.listen(window, "pointerup pointercancel", () => this.#onRelease());
    this.listen(this.#scroller, "keydown", (event) => this.#onKey(event));
    for (const field of [this.#status, this.#type, this.#owner, this.#sort]) this.listen(field, "change", () => this.#ask());
    this.listen(this.#search, "input", () => this.#onTyping());
    this.listen(this, "drive-action", (event) => this.#onAction(event));
    const resized = new ResizeObserver(() => this.requestUpdate());
    resized.observe(this.#scroller);
    this.listen(this, "leave", () => resized.disconnect());
    const others = () => this.#owner.value === "all" && document.visibilityState === "visible" && this.#refreshSoon();
    this.#timers = [setInterval(() => this.requestUpdate(), CLOCK_MS), setInterval(others, OTHERS_MS)];
    if (this.#pager.total !== null) this.#pager.refresh(); // it may have changed while another place was shown
  }

  disconnectedCallback() {
    this.dispatchEvent(new Event("leave"));
    super.disconnectedCallback();
    this.#timers.forEach(clearInterval);
  }

  /** Asks for the list anew, and tells who looks at it. */
  refresh() {
    this.#pager.refresh();
    this.#tiles.refresh();
  }

  /** Says what came of a verb, until something else is asked for. @param {string} sentence */
  tell(sentence) {
    this.#told = sentence;
    this.requestUpdate();
  }

  #ask() {
    this.#told = "";
    const { value: sortBy } = this.#sort;
    this.#tiles.account = this.#owner.value || undefined;
    this.#tiles.mayPause = this.store.account?.role === "admin";
    this.#scroller.scrollTop = 0;
    this.#selection.clear();
    this.#pager.reset({ ...this.filter, sortBy, sortDescending: sortBy !== "name" });
    this.#pager.want(0, 0);
    this.#tiles.refresh();
  }

  #onTyping() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#ask(), TYPING_MS);
  }

  #onTasks() {
    this.#tiles.refresh();
    this.#refreshSoon();
  }

  /** A task that changed its state may belong elsewhere in this list, or no longer in it. */
  #onTask(taskId) {
    const card = this.#cards.get(taskId);
    const { status } = this.store.tasks.get(taskId);
    if (card === undefined || card.dataset.status !== status) this.#onTasks();
    this.requestUpdate();
  }

  #refreshSoon() {
    const wait = Math.max(FIRST_REFRESH_MS, this.#refreshedAt + NEXT_REFRESH_MS - performance.now());
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = null;
      this.#refreshedAt = performance.now();
      if (this.isConnected) this.#pager.refresh();
    }, wait);
  }

  async #make() {
    try {
      await askTask((...wish) => this.act(...wish));
    } catch (problem) {
      this.act("toast", { tone: "danger", text: problem.message });
    }
  }

  #onAction(event) {
    const { action, detail } = event;
    if (action === "show-tasks") {
      this.#status.value = detail.status === "Failed" ? "Failed,Expired" : detail.status;
      this.#ask();
    }
    if (action === "select-task") this.#selection.set(detail.taskId, detail.isSelected);
    if (action === "open-task") this.#details.open(this.#known(detail.taskId), this.#cards.get(detail.taskId).isOwn);
  }

  #known(taskId) {
    for (let index = 0; index < this.total; index++) {
      const task = this.#pager.at(index);
      if (task?.taskId === taskId) return newest(task, this.store.tasks.get(taskId));
    }
    return this.store.tasks.get(taskId);
  }

  #onRelease() {
    if (!this.#isPressed) return;
    setTimeout(() => {
      this.#isPressed = false; // after the click that follows, so that it hits what was pressed
      this.requestUpdate();
    });
  }

  /** Arrows, Home and End walk through the titles. */
  #onKey(event) {
    const card = document.activeElement.closest("task-card");
    const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
    if (!card || step === undefined || !document.activeElement.matches(".title")) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(this.total - 1, Number(card.getAttribute("aria-posinset")) - 1 + step));
    const height = this.#rowHeight();
    const { scrollTop, clientHeight } = this.#scroller;
    if (index * height < scrollTop) this.#scroller.scrollTop = index * height;
    else if ((index + 1) * height > scrollTop + clientHeight) this.#scroller.scrollTop = (index + 1) * height - clientHeight;
    this.#focusNext = index;
    this.update();
  }

  #rowHeight() {
    return Number.parseFloat(getComputedStyle(this).getPropertyValue("--task-row"));
  }

  update() {
    if (this.#isPressed) return;
    const { total, problem } = this.#pager;
    const isEmpty = !total;
    this.#scroller.hidden = isEmpty;
    this.#state.hidden = !isEmpty;
    setText(this.#count, [total ? t("tasks.count", { n: total }) : "", this.#told].filter(Boolean).join(" · "));
    this.#updateState(total, problem);
    if (isEmpty) this.#pager.want(0, 0);
    else this.#updateCards(total);
    this.#selection.update();
  }

  #updateState(total, problem) {
    if (total !== null || problem) {
      clearTimeout(this.#skeletonTimer);
      this.#skeletonTimer = null;
    }
    if (problem && !total) {
      const retry = h("button", { type: "button", onclick: () => this.#pager.refresh() }, icon("retry"), t("common.tryAgain"));
      this.#show(`problem${problem.message}`, () => placeholder({ glyph: "warning", title: t("tasks.notLoaded"), text: problem.message }, retry));
    } else if (total === 0) {
      const isFiltered = Object.keys(this.filter).some((key) => key !== "account");
      this.#show(`empty${isFiltered}`, () => this.#empty(isFiltered));
    } else if (total === null) {
      this.#skeletonTimer ??= setTimeout(() => this.#show("skeleton", skeleton), SKELETON_AFTER_MS);
    }
  }

  #empty(isFiltered) {
    if (!isFiltered) return placeholder({ glyph: "tasks", title: t("tasks.noneTitle"), text: t("tasks.noneText") });
    const all = h("button", { type: "button", onclick: () => this.#showAll() }, t("tasks.showAll"));
    return placeholder({ glyph: "filter", title: t("tasks.noMatchTitle"), text: t("tasks.noMatchText") }, all);
  }

  #showAll() {
    for (const field of [this.#status, this.#type, this.#search]) field.value = "";
    this.#ask();
    this.#search.focus();
  }

  #show(what, make) {
    if (this.#state.dataset.shown === what) return;
    this.#state.dataset.shown = what;
    this.#state.replaceChildren(make());
  }

  #updateCards(total) {
    const height = this.#rowHeight();
    const { scrollTop, clientHeight } = this.#scroller;
    const first = Math.max(0, Math.floor(scrollTop / height) - OVERSCAN);
    const last = Math.min(total - 1, Math.ceil((scrollTop + clientHeight) / height) + OVERSCAN);
    this.#pager.want(first, last);
    this.#body.style.setProperty("height", `${total * height}px`);
    const before = this.#cards;
    this.#cards = new Map();
    let place = this.#body.firstElementChild;
    for (let index = first; index <= last; index++) {
      const listed = this.#pager.at(index);
      const key = listed?.taskId ?? `gap-${index}`;
      if (this.#cards.has(key)) continue; // it moved between two pages
      const card = before.get(key) ?? h("task-card");
      before.delete(key);
      this.#cards.set(key, card);
      card.isOwn = !listed?.account || listed.account === this.store.account?.name;
      card.task = listed && newest(listed, this.store.tasks.get(key));
      card.isSelected = listed !== undefined && this.#selection.has(key);
      setAttribute(card, "aria-posinset", index + 1);
      setAttribute(card, "aria-setsize", total);
      card.style.setProperty("transform", `translateY(${index * height}px)`);
      if (card === place) place = place.nextElementSibling;
      else this.#body.insertBefore(card, place);
    }
    for (const card of before.values()) card.remove();
    if (this.#focusNext !== null && this.#pager.at(this.#focusNext)) this.#focusCard(this.#focusNext);
  }

  #focusCard(index) {
    this.#focusNext = null;
    const card = this.#body.querySelector(`[aria-posinset="${index + 1}"]`);
    card?.update(); // a card without its task cannot take the focus
    card?.querySelector(".title").focus({ preventScroll: true });
  }

  /** Tasks that are loaded now. @returns {object[]} */
  loaded() {
    const tasks = [];
    for (let index = 0; index < this.total; index++) if (this.#pager.at(index)) tasks.push(this.#pager.at(index));
    return tasks;
  }
}

function select(name, options) {
  const nodes = options.map(([value, words]) => h("option", { value }, words()));
  return h("select", { "data-filter": name, "aria-label": t(`tasks.filter-${name}`) }, ...nodes);
}

function skeleton() {
  const rows = Array.from({ length: 6 }, () => h("div", { class: "skeleton" }));
  return h("div", { class: "skeletons", "aria-label": t("common.loading"), role: "status" }, ...rows);
}

customElements.define("task-list", TaskList);
