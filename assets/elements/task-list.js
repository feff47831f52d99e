// <task-list>: the tasks of the account, of all types, live: filters, tiles of the lanes, a list of any length of which
// only the cards in view are drawn, verbs for many.
//
// Properties: `store`; `rest`, a task to open. Actions: "list-tasks" (a query), "change-tasks" {verb, body}, "ask-task",
// "ask-operations", and those of its parts.

import { Pager } from "../core/pager.js";
import { newest } from "../core/task-view.js";
import { t } from "../core/words.js";
import { askTask } from "./ask-task.js";
import { DriveElement } from "./element.js";
import { arrange, h, icon, placeholder, setAttribute, setText } from "./dom.js";
import { parseRoute } from "./route.js";
import { TaskFilters } from "./task-filters.js";
import { TaskSelection } from "./task-selection.js";

const OVERSCAN = 6;
const SKELETON_AFTER_MS = 150;
const CLOCK_MS = 30_000;
const FIRST_REFRESH_MS = 100;
const NEXT_REFRESH_MS = 1500;
/** Everybody's tasks bring no events; they are asked for while they are looked at. */
const OTHERS_MS = 5000;

export class TaskList extends DriveElement {
  store;
  #pager = new Pager({ load: (query) => this.act("list-tasks", query) });
  #selection = new TaskSelection(this);
  #filters = new TaskFilters(() => this.#ask());
  /** The list is that of the filters. */
  #isAsked = false;
  /** The task that the address names, until it is opened. @type {string | null} */
  #wanted = null;
  /** The one that it named last. @type {string | null} */
  #named = null;
  /** @type {Map<string, HTMLElement>} cards in view by task id */
  #cards = new Map();
  #timers = [];
  #refreshing = null;
  #refreshedAt = -Infinity;
  #skeletonTimer = null;
  #isPressed = false;
  /** Where the focus goes as soon as that card is loaded. @type {number | null} */
  #focusNext = null;
  #count = h("span", { class: "total number" });
  /** How many there are is said once for each question. */
  #isCounted = false;
  #tiles = h("lane-tiles");
  #details = h("task-details");
  #body = h("div", { role: "list", class: "cards", "aria-label": t("tasks.tasks") });
  #scroller = h("div", { class: "scroller" }, this.#body);
  #state = h("div", { class: "state", hidden: true });
  /** What came of the last verb for many. */
  #told = "";

  /** What the filters say, as the server takes it. */
  get filter() {
    return this.#filters.value;
  }

  get total() {
    return this.#pager.total ?? 0;
  }

  set rest([taskId]) {
    this.#wanted = taskId ?? null;
    if (this.#filters.read()) this.#isAsked = false;
    if (!this.isConnected) return;
    if (!this.#isAsked) this.#ask();
    this.#openWanted();
  }

  /** Whether a task is the person's own to change. */
  isOwn({ account }) {
    return !account || account === this.store.account?.name;
  }

  build() {
    this.#details.store = this.store;
    this.#filters.isAdmin = this.store.account?.role === "admin";
    const create = h("button", { type: "button", class: "primary", title: t("tasks.new"), onclick: () => this.#make() }, icon("plus"), t("tasks.new"));
    create.hidden = this.store.account?.role === "guest";
    this.append(
      h("div", { class: "tools" }, create, ...this.#filters.fields),
      this.#tiles,
      h("div", { class: "above" }, this.#selection.master, this.#count, this.#filters.chip),
      this.#scroller,
      this.#state,
      this.#selection.bar,
      this.#details,
    );
    this.act("ask-operations").then((operations) => this.#filters.offer(operations), () => {}); // without them, every type is listed
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
    this.listen(this.#details, "closed", () => this.#onClosed());
    this.listen(this, "drive-action", (event) => this.#onAction(event));
    const resized = new ResizeObserver(() => this.requestUpdate());
    resized.observe(this.#scroller);
    this.listen(this, "leave", () => resized.disconnect());
    const others = () => this.filter.account === "all" && document.visibilityState === "visible" && this.#refreshSoon();
    this.#timers = [setInterval(() => this.#cards.forEach((card) => card.requestUpdate()), CLOCK_MS), setInterval(others, OTHERS_MS)];
    if (!this.#isAsked) this.#ask();
    else if (this.#pager.total !== null) this.#pager.refresh(); // it may have changed while another place was shown
    this.#openWanted();
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
    this.act("say", { sentence });
    this.requestUpdate();
  }

  /** Also one that is not in the pages that are loaded. */
  async #openWanted() {
    const taskId = this.#wanted;
    if (taskId === null) return;
    this.#wanted = null;
    this.#named = taskId;
    try {
      const { task } = await this.act("ask-task", { taskId });
      this.#details.open(newest(task, this.store.tasks.get(taskId)), true);
    } catch (problem) {
      this.#forgetNamed();
      this.act("toast", { tone: "danger", text: problem.message });
    }
  }

  /** The address names the task only while it is looked at. */
  #forgetNamed() {
    if (this.#named !== null && parseRoute(location.hash).rest[0] === this.#named) this.#filters.write();
    this.#named = null;
  }

  #onClosed() {
    this.#forgetNamed();
    if (document.activeElement === document.body) this.#filters.focus();
  }

  #ask() {
    this.#told = "";
    this.#isAsked = true;
    this.#isCounted = false;
    this.#tiles.account = this.filter.account;
    this.#tiles.mayPause = this.store.account?.role === "admin";
    this.#scroller.scrollTop = 0;
    this.#selection.clear();
    this.#pager.reset({ ...this.filter, ...this.#filters.order });
    this.#pager.want(0, 0);
    this.#tiles.refresh();
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
    if (action === "show-tasks") this.#filters.narrow(detail);
    if (action === "select-task") this.#selection.set(detail.taskId, detail.isSelected);
    if (action === "open-task") this.#details.open(this.known(detail.taskId), this.#cards.get(detail.taskId).isOwn);
  }

  /** @returns {(taskId: string) => object | undefined} what finds tasks as they are now */
  knownAll() {
    const listed = new Map(this.loaded().map((task) => [task.taskId, task]));
    return (taskId) => {
      const live = this.store.tasks.get(taskId);
      return listed.has(taskId) ? newest(listed.get(taskId), live) : live;
    };
  }

  /** @param {string} taskId @returns {object | undefined} as it is now */
  known(taskId) {
    return this.knownAll()(taskId);
  }

  /** Whether any that is loaded is one's own. */
  hasOwn() {
    for (let index = 0; index < this.total; index++) if (this.#pager.at(index) && this.isOwn(this.#pager.at(index))) return true;
    return false;
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
    if (total !== null && !this.#isCounted) {
      this.#isCounted = true;
      this.act("say", { sentence: t("tasks.count", { n: total }) });
    }
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
      const isFiltered = this.#filters.isNarrow;
      this.#show(`empty${isFiltered}`, () => this.#empty(isFiltered));
    } else if (total === null) {
      this.#skeletonTimer ??= setTimeout(() => this.#show("skeleton", skeleton), SKELETON_AFTER_MS);
    }
  }

  #empty(isFiltered) {
    if (!isFiltered) return placeholder({ glyph: "tasks", title: t("tasks.noneTitle"), text: t(this.store.account?.role === "guest" ? "tasks.noneGuest" : "tasks.noneText") });
    const all = h("button", { type: "button", onclick: () => this.#filters.clear() }, t("tasks.showAll"));
    return placeholder({ glyph: "filter", title: t("tasks.noMatchTitle"), text: t("tasks.noMatchText") }, all);
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
    for (let index = first; index <= last; index++) {
      const listed = this.#pager.at(index);
      const key = listed?.taskId ?? `gap-${index}`;
      if (this.#cards.has(key)) continue; // it moved between two pages
      // What comes takes the place of the gap that was kept for it.
      const known = before.has(key) ? key : `gap-${index}`;
      const card = before.get(known) ?? h("task-card");
      before.delete(known);
      this.#cards.set(key, card);
      card.isOwn = listed === undefined || this.isOwn(listed);
      card.task = listed && newest(listed, this.store.tasks.get(key));
      card.isSelected = listed !== undefined && this.#selection.has(key);
      setAttribute(card, "aria-posinset", index + 1);
      setAttribute(card, "aria-setsize", total);
      card.style.setProperty("transform", `translateY(${index * height}px)`);
    }
    for (const card of before.values()) {
      const at = Number(card.getAttribute("aria-posinset")) - 1;
      // It is no longer in the list; where it is only out of view, nothing takes its place.
      if (card.contains(document.activeElement) && at >= first && at <= last + 1) this.#focusNext ??= Math.min(at, total - 1);
    }
    arrange(this.#body, this.#cards.values());
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

function skeleton() {
  const rows = Array.from({ length: 6 }, () => h("div", { class: "skeleton" }));
  return h("div", { class: "skeletons", "aria-label": t("common.loading"), role: "status" }, ...rows);
}

customElements.define("task-list", TaskList);
