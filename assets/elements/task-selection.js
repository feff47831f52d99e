// Which tasks of a list are selected, some or all that match its filter, and the bar with what can be done to them. A verb
// for all that match is counted by the server first, and asked about.

import { said } from "../core/said.js";
import { isOpen } from "../core/task-view.js";
import { t } from "../core/words.js";
import { h, icon, iconButton, setText } from "./dom.js";

const VERBS = ["pause", "resume", "cancel", "retry"];
/** The states in which a verb changes something. */
const FITTING = { pause: ["Pending", "InProgress"], resume: ["Paused"], cancel: ["Pending", "InProgress", "Paused"], retry: ["Failed"] };
/** The server takes so many in one request. */
const AT_ONCE = 1000;

export class TaskSelection {
  #list;
  #ids = new Set();
  #isAll = false;
  #verb = null;
  /** What came of the last verb; said until the next choice. */
  #told = "";
  #words = h("span", { class: "number", id: "task-question" });
  #all = h("button", { type: "button", class: "small plain-button", onclick: () => this.#selectAll() });
  #buttons = VERBS.map((verb) => h("button", { type: "button", class: "small", "data-verb": verb, onclick: () => this.#onVerb(verb) }, icon(verb), h("span", {}, t(`tasks.${verb}`))));
  #verbs = h("span", { class: "verbs" }, ...this.#buttons);
  #yes = h("button", { type: "button", class: "small primary", "aria-describedby": "task-question", onclick: () => this.#run() }, t("tasks.yes"));
  #no = h("button", { type: "button", class: "small", onclick: () => this.#ask(null) }, t("common.cancel"));
  #answers = h("span", { class: "verbs", hidden: true }, this.#no, this.#yes);

  /** Selects what is loaded, or nothing. */
  master = h("input", { type: "checkbox", "aria-label": t("tasks.selectAll"), onchange: () => this.#onMaster() });
  bar;

  /** @param {import("./task-list.js").TaskList} list */
  constructor(list) {
    this.#list = list;
    const clear = iconButton("cancel", t("tasks.selectNone"), { onclick: () => this.clear() });
    this.bar = h("div", { class: "selection", role: "group", "aria-label": t("tasks.selection"), hidden: true }, this.#words, this.#all, this.#verbs, this.#answers, clear);
  }

  has(taskId) {
    return this.#isAll || this.#ids.has(taskId);
  }

  set(taskId, isSelected) {
    if (this.#isAll) {
      this.#isAll = false;
      this.#ids = new Set(this.#list.loaded().map((task) => task.taskId));
    }
    if (isSelected) this.#ids.add(taskId);
    else this.#ids.delete(taskId);
    this.#changed();
  }

  clear() {
    const hadFocus = this.bar.contains(document.activeElement);
    this.#isAll = false;
    this.#ids.clear();
    this.#changed();
    if (hadFocus) this.master.focus();
  }

  update() {
    const size = this.#isAll ? this.#list.total : this.#ids.size;
    const isBusy = this.#verb !== null;
    this.bar.hidden = size === 0;
    this.#list.markPage("data-choosing", size > 0);
    // Counted where something is chosen; a list is scrolled more often.
    const own = size > 0 ? this.#list.loaded().filter((task) => this.#list.isOwn(task)).length : Infinity;
    this.master.hidden = own === 0 || (size === 0 && !this.#list.hasOwn());
    this.master.checked = size > 0 && size >= own;
    this.master.indeterminate = size > 0 && !this.master.checked;
    if (!isBusy) setText(this.#words, this.#told || t("tasks.selected", { n: size }));
    this.#all.hidden = isBusy || this.#isAll || this.#list.filter.account !== undefined || size >= this.#list.total || !this.master.checked;
    setText(this.#all, t("tasks.selectMatching", { n: this.#list.total }));
  }

  #changed() {
    this.#told = "";
    this.#ask(null);
    this.#list.requestUpdate();
  }

  #onMaster() {
    if (!this.master.checked) return this.clear();
    for (const task of this.#list.loaded()) if (this.#list.isOwn(task)) this.#ids.add(task.taskId);
    this.#changed();
  }

  #selectAll() {
    this.#isAll = true;
    this.#changed();
    this.#buttons[0].focus();
  }

  /** Those that were picked and that a verb can change; of one that is not known any more, the server knows. */
  #fitting(verb) {
    const known = this.#list.knownAll();
    return [...this.#ids].filter((taskId) => {
      const task = known(taskId);
      return task === undefined || FITTING[verb].includes(task.status) || (verb === "resume" && task.requested === "pause");
    });
  }

  /** How many of those that were picked have ended: no verb but one for failures is for them. */
  #ended(verb) {
    if (this.#isAll || verb === "retry") return 0;
    const known = this.#list.knownAll();
    return [...this.#ids].filter((taskId) => !isOpen(known(taskId) ?? { status: "Pending" })).length;
  }

  #bodies(verb) {
    if (this.#isAll) {
      const { status, ...filter } = this.#list.filter;
      const fitting = FITTING[verb].filter((one) => !status || status.split(",").includes(one));
      return fitting.length === 0 ? [] : [{ ...filter, status: fitting.join() }];
    }
    const taskIds = this.#fitting(verb);
    return Array.from({ length: Math.ceil(taskIds.length / AT_ONCE) }, (_, part) => ({ taskIds: taskIds.slice(part * AT_ONCE, (part + 1) * AT_ONCE) }));
  }

  /** A few that were picked one by one are changed at once; all that match are counted first. */
  async #onVerb(verb) {
    this.#told = "";
    const bodies = this.#bodies(verb);
    if (bodies.length === 0) return this.#tell(t("tasks.noneFit"));
    if (!this.#isAll && verb !== "cancel") {
      this.#verb = verb;
      return this.#run();
    }
    if (!this.#isAll) return this.#ask(verb, this.#fitting(verb).length);
    try {
      const counts = await Promise.all(bodies.map((body) => this.#list.act("change-tasks", { verb, body: { ...body, dryRun: true } })));
      const matched = counts.reduce((sum, count) => sum + count.matched, 0);
      if (matched === 0) return this.#tell(t("tasks.noneFit"));
      this.#ask(verb, matched);
    } catch (problem) {
      this.#tell(problem.message);
    }
  }

  #ask(verb, n = 0) {
    const wasAsked = this.#verb;
    this.#verb = verb;
    this.#answers.hidden = verb === null;
    this.#verbs.hidden = verb !== null;
    if (verb !== null) {
      const ended = this.#ended(verb);
      setText(this.#words, [t(`tasks.sure-${verb}`, { n }), ended > 0 && t("tasks.haveEnded", { n: ended })].filter(Boolean).join(" "));
      this.#yes.focus();
    } else if (wasAsked !== null && !this.bar.hidden) {
      this.#buttons.find(({ dataset }) => dataset.verb === wasAsked).focus();
    }
    this.update();
  }

  async #run() {
    const verb = this.#verb;
    let succeeded = 0;
    const wrong = [];
    try {
      for (const body of this.#bodies(verb)) {
        for (;;) {
          const done = await this.#list.act("change-tasks", { verb, body });
          succeeded += done.succeeded;
          wrong.push(...done.results.filter(({ error }) => error));
          setText(this.#words, t("tasks.changed", { n: succeeded }));
          if (!this.#isAll || done.matched <= AT_ONCE || done.succeeded === 0) break;
        }
      }
      this.#finish(succeeded, wrong);
    } catch (problem) {
      this.#tell(problem.message);
    }
    this.#list.refresh();
  }

  /** What could not be changed stays selected. */
  #finish(succeeded, wrong) {
    this.#ask(null);
    if (wrong.length > 0) {
      this.#isAll = false;
      this.#ids = new Set(wrong.map(({ taskId }) => taskId));
      return this.#tell(t("tasks.changedSome", { done: succeeded, n: wrong.length, reason: said(wrong[0].error.message) }));
    }
    this.clear();
    this.#list.tell(t("tasks.changed", { n: succeeded }));
  }

  /** Said in the bar, until the next choice. */
  #tell(sentence) {
    this.#told = sentence;
    this.#list.act("say", { sentence });
    this.#ask(null);
  }
}
