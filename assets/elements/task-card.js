// <task-card>: one task in the list: what it does, its state in a word, how far it is, and what can be done about it.
// Knows no task type; what the server says about it is enough. All cards are equally high, so that long lists scroll.
//
// Properties: `task`, `isOwn` (others' are only looked at), `isSelected`. Attributes set: data-task, data-status.
// Actions: "task" {verb, taskId}: pause, resume, cancel, retry; "select-task" {taskId, isSelected}; "open-task" {taskId}.

import { ago, exactTime } from "../core/format.js";
import { RateMeter } from "../core/rate.js";
import { factsOf, failedCount, isOpen, statusWords, titleOf, verbsOf } from "../core/task-view.js";
import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setAttribute, setIcon, setText } from "./dom.js";

export const ICONS = Object.freeze({
  Completed: "done",
  Failed: "warning",
  Expired: "warning",
  Cancelled: "cancel",
  Paused: "pause",
  Pending: "clock",
});

export class TaskCard extends DriveElement {
  isOwn = true;
  #task;
  #isSelected = false;
  #meter = new RateMeter();
  #check = h("input", { type: "checkbox", onchange: () => this.#onCheck() });
  #icon = icon("tasks");
  #title = h("button", { type: "button", class: "title plain-button", onclick: () => this.act("open-task", { taskId: this.#task.taskId }) });
  #status = h("span", { class: "status" });
  #facts = h("span", { class: "number" });
  #owner = h("span");
  #time = h("time");
  #bar = h("progress-bar");
  #error = h("span", { class: "problem" });
  #toggle = iconButton("pause", t("tasks.pause"), { onclick: () => this.#send(this.#toggle.dataset.action) });
  #cancel = iconButton("cancel", t("tasks.cancel"), { "data-action": "cancel", onclick: () => this.#send("cancel") });

  set task(task) {
    if (task !== undefined && task === this.#task && task.status !== "InProgress") return; // it scrolls by
    if (task?.taskId !== this.#task?.taskId) this.#meter.reset();
    this.#task = task;
    if (task?.status === "InProgress") this.#meter.add(task.bytesDone ?? 0, performance.now());
    this.requestUpdate();
  }

  set isSelected(isSelected) {
    if (isSelected === this.#isSelected) return;
    this.#isSelected = isSelected;
    this.requestUpdate();
  }

  build() {
    this.setAttribute("role", "listitem");
    this.append(
      h("span", { class: "select" }, this.#check),
      this.#icon,
      h(
        "div",
        { class: "what" },
        h("h2", {}, this.#title),
        this.#bar,
        h("p", { class: "facts" }, this.#status, this.#error, this.#facts, this.#owner, this.#time),
      ),
      h("div", { class: "verbs" }, this.#toggle, this.#cancel),
    );
  }

  update() {
    const task = this.#task;
    this.toggleAttribute("data-loading", task === undefined);
    setAttribute(this, "data-task", task?.taskId);
    setAttribute(this, "data-status", task?.status);
    if (task === undefined) return;
    const title = titleOf(task);
    const isPartial = failedCount(task) > 0;
    this.toggleAttribute("data-partial", isPartial);
    setIcon(this.#icon, isPartial ? "warning" : (ICONS[task.status] ?? "tasks"));
    setText(this.#title, title);
    setAttribute(this.#title, "title", title);
    setText(this.#status, statusWords(task));
    setText(this.#facts, factsOf(task, this.#meter.perSecond(performance.now())));
    setText(this.#owner, this.isOwn ? "" : (task.account ?? ""));
    this.#updateTime(task);
    const problem = task.problem ?? said(task.status === "InProgress" ? "" : task.errorMessage) ?? "";
    setText(this.#error, problem);
    setAttribute(this.#error, "title", problem || null);
    this.#bar.hidden = !isOpen(task);
    const tone = task.status === "InProgress" ? "accent" : "quiet";
    this.#bar.show({ value: (task.progress ?? 0) / 100, label: title, tone });
    this.#updateVerbs(task, title);
  }

  #updateTime(task) {
    const when = task.completedAt ?? task.lastActivity ?? task.createdAt;
    setText(this.#time, when ? ago(when) : "");
    setAttribute(this.#time, "datetime", when);
    setAttribute(this.#time, "title", when ? exactTime(when) : null);
  }

  #updateVerbs(task, title) {
    const held = document.activeElement;
    const verbs = this.isOwn ? verbsOf(task) : [];
    const verb = verbs.find((one) => one !== "cancel");
    this.#check.checked = this.#isSelected;
    this.#check.disabled = !this.isOwn;
    setAttribute(this.#check, "aria-label", t("tasks.select", { name: title }));
    this.toggleAttribute("data-selected", this.#isSelected);
    this.#toggle.hidden = verb === undefined;
    this.#cancel.hidden = !verbs.includes("cancel");
    if ((held === this.#toggle || held === this.#cancel) && held.hidden) this.#title.focus({ preventScroll: true });
    setAttribute(this.#cancel, "aria-label", t("tasks.verbOf", { verb: t("tasks.cancel"), name: title }));
    if (verb === undefined) return;
    setAttribute(this.#toggle, "data-action", verb);
    setAttribute(this.#toggle, "aria-label", t("tasks.verbOf", { verb: t(`tasks.${verb}`), name: title }));
    setAttribute(this.#toggle, "title", t(`tasks.${verb}`));
    setIcon(this.#toggle.firstChild, verb);
  }

  #onCheck() {
    this.act("select-task", { taskId: this.#task.taskId, isSelected: this.#check.checked });
  }

  #send(verb) {
    this.act("task", { verb, taskId: this.#task.taskId });
  }
}

customElements.define("task-card", TaskCard);
