// <task-details>: all about one task, beside the list: progress, attempts with their errors, files that failed, results
// as links, priority.
//
// Properties: `store`. `open(task, isOwn)`. Event: "closed". Actions: "ask-task" {taskId}, "ask-names" {fileIds}, "task" {verb, taskId}, "set-priority" {taskId, priority}.

import { contentUrl } from "../core/api.js";
import { exactTime } from "../core/format.js";
import { factsOf, failedCount, humanised, isOpen, newest, resultFacts, resultFiles, statusWords, titleOf, verbsOf } from "../core/task-view.js";
import { said } from "../core/said.js";
import { named, t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setAttribute, setText } from "./dom.js";

const PRIORITIES = [0, 25, 50, 75, 100];
const SHOWN = 50;
/** Results whose names are asked for, one by one. */
const LINKS = 20;
const AGAIN_MS = 600;

export class TaskDetails extends DriveElement {
  store;
  #task = null;
  #isOwn = true;
  #more = null;
  #timer = null;
  #title = h("h2", { id: "task-title" });
  #status = h("p", { class: "status" });
  #bar = h("progress-bar");
  #error = h("div", { class: "error", role: "alert", hidden: true });
  #verbs = h("div", { class: "verbs" });
  #priority = h("select", { id: "task-priority", onchange: () => this.#onPriority() });
  #priorityRow = h("div", { class: "field" }, h("label", { for: "task-priority" }, t("tasks.priority")), this.#priority);
  #body = h("div", { class: "facts" });
  #dialog = h("dialog", { "aria-labelledby": "task-title" });

  build() {
    const close = iconButton("cancel", t("common.close"), { onclick: () => this.#dialog.close() });
    const content = h("div", { class: "body", tabindex: "-1" }, this.#status, this.#bar, this.#error, this.#verbs, this.#priorityRow, this.#body);
    this.#dialog.append(h("header", {}, this.#title, close), content);
    this.append(this.#dialog);
  }

  connected() {
    this.listen(this.store, "task", ({ key }) => key === this.#task?.taskId && this.#onChange());
    this.listen(this.#dialog, "click", ({ target }) => target === this.#dialog && this.#dialog.close());
    this.listen(this.#dialog, "close", () => {
      this.#task = null;
      this.dispatchEvent(new Event("closed"));
    });
  }

  /** @param {object} task as the list has it @param {boolean} isOwn others' details are not ours to see */
  open(task, isOwn) {
    this.#task = task;
    this.#isOwn = isOwn;
    this.#more = null;
    this.update();
    if (!this.#dialog.open) this.#dialog.showModal();
    if (isOwn) this.#ask();
  }

  #onChange() {
    this.#task = newest({ ...this.#task, problem: null }, this.store.tasks.get(this.#task.taskId));
    this.update();
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      if (this.#task !== null) this.#ask();
    }, AGAIN_MS);
  }

  async #ask() {
    const { taskId } = this.#task;
    try {
      const more = await this.act("ask-task", { taskId });
      more.names = await this.act("ask-names", { fileIds: resultFiles(more.task).slice(0, LINKS) });
      if (this.#task?.taskId !== taskId) return;
      this.#more = more;
      this.#task = newest(more.task, this.#task.problem ? { problem: this.#task.problem } : undefined);
    } catch (problem) {
      if (this.#task?.taskId === taskId) this.#task = { ...this.#task, problem: problem.message };
    }
    this.update();
  }

  update() {
    const task = this.#task;
    if (task === null) return;
    const title = titleOf(task);
    setText(this.#title, title);
    setText(this.#status, [statusWords(task), factsOf(task)].filter(Boolean).join(" · "));
    setAttribute(this.#status, "data-status", task.status);
    this.#status.toggleAttribute("data-partial", failedCount(task) > 0);
    this.#bar.hidden = !isOpen(task);
    this.#bar.show({ value: (task.progress ?? 0) / 100, label: title });
    const problem = task.problem ?? said(task.errorMessage) ?? "";
    this.#error.hidden = problem === "";
    if (problem) this.#error.replaceChildren(icon("warning"), h("span", {}, problem));
    this.#updateVerbs(task);
    this.#updatePriority(task);
    this.#body.replaceChildren(...[this.#facts(task), this.#results(task), this.#failures(), this.#attempts()].filter(Boolean));
  }

  #updateVerbs(task) {
    const verbs = this.#isOwn ? verbsOf(task) : [];
    this.#verbs.hidden = verbs.length === 0;
    const shown = verbs.map((verb) => `${verb} ${task.taskId}`).join();
    if (this.#verbs.dataset.shown === shown) return;
    this.#verbs.dataset.shown = shown;
    const before = document.activeElement?.dataset?.action;
    const held = this.#verbs.contains(document.activeElement);
    this.#verbs.replaceChildren(
      ...verbs.map((verb) => h("button", { type: "button", "data-action": verb, onclick: () => this.act("task", { verb, taskId: task.taskId }) }, icon(verb), t(`tasks.${verb}`))),
    );
    if (held) (this.#verbs.querySelector(`[data-action=${before}]`) ?? this.#verbs.firstElementChild ?? this.#body.parentElement).focus();
  }

  #updatePriority({ priority = 0, status }) {
    this.#priorityRow.hidden = !this.#isOwn || !["Pending", "Paused"].includes(status);
    if (this.#priorityRow.hidden || document.activeElement === this.#priority) return;
    const steps = [...new Set([...PRIORITIES, priority])].sort((a, b) => a - b);
    const words = (step) => (PRIORITIES.includes(step) ? t(`tasks.priority-${step}`) : String(step));
    this.#priority.replaceChildren(...steps.map((step) => h("option", { value: step, selected: step === priority }, words(step))));
  }

  async #onPriority() {
    const { taskId } = this.#task;
    try {
      await this.act("set-priority", { taskId, priority: Number(this.#priority.value) });
    } catch (problem) {
      this.#task = { ...this.#task, problem: problem.message };
      this.update();
    }
  }

  #facts(task) {
    const times = [["created", task.createdAt], ["started", task.startedAt], ["ended", task.completedAt], ["runAt", task.runAt]];
    const rows = times.filter(([, when]) => when).map(([key, when]) => [t(`tasks.${key}`), exactTime(when)]);
    if (task.account && !this.#isOwn) rows.unshift([t("tasks.owner"), task.account]);
    return h("dl", {}, ...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  #results(task) {
    if (task.status !== "Completed") return null;
    const files = this.#isOwn ? resultFiles(task) : [];
    const { fileName } = task.results ?? {};
    const links = files.slice(0, LINKS).map((id, at) => {
      const name = this.#more?.names?.[id] ?? (files.length === 1 && fileName ? fileName : null);
      const word = name ?? t("tasks.resultFile", { n: at + 1 });
      return h("li", {}, h("a", { href: contentUrl(id), download: name ?? "" }, icon("download"), word));
    });
    const facts = resultFacts(task).flatMap(([key, value]) => [h("dt", {}, humanised(key)), h("dd", {}, value)]);
    if (links.length + facts.length === 0) return null;
    const rest = files.length - links.length;
    return h("section", {}, h("h3", {}, t("tasks.results")), links.length > 0 && h("ul", { class: "links" }, ...links), rest > 0 && h("p", {}, t("tasks.andMore", { n: rest })), facts.length > 0 && h("dl", {}, ...facts));
  }

  /** Which files went wrong, and why. */
  #failures() {
    const failed = this.#more?.failed ?? [];
    if (failed.length === 0) return null;
    const rows = failed.slice(0, SHOWN).map(({ name, errorMessage, errorCode }) => h("li", {}, h("strong", {}, name ?? "–"), h("span", {}, said(errorMessage) ?? errorCode ?? "")));
    const rest = failed.length - rows.length;
    return h("section", {}, h("h3", {}, t("tasks.failedFiles", { n: failed.length })), h("ul", { class: "list" }, ...rows), rest > 0 && h("p", {}, t("tasks.andMore", { n: rest })));
  }

  #attempts() {
    const attempts = this.#more?.task.attempts ?? [];
    if (attempts.length === 0) return null;
    const rows = attempts.map(({ startedAt, outcome, errorMessage }) => {
      const word = outcome ? named("tasks.outcome", outcome) : t("tasks.InProgress");
      return h("li", {}, h("strong", {}, word), h("time", { datetime: startedAt }, exactTime(startedAt)), errorMessage && h("span", {}, said(errorMessage)));
    });
    return h("section", {}, h("h3", {}, t("tasks.attempts")), h("ol", { class: "list" }, ...rows));
  }
}

customElements.define("task-details", TaskDetails);
