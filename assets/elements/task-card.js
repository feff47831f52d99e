// <task-card>: one task: what it does, its state in a word, how far it is, and what can be done about it. Knows no task
// type; what the server says about it is enough.
//
// Properties: `task`. Attributes set: data-task, data-status. Actions: "task" {verb, taskId}: pause, resume, cancel, retry.

import { ago, bytesOf, count, exactTime, percent, timeLeft } from "../core/format.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setAttribute, setIcon, setText } from "./dom.js";

const WORDS = Object.freeze({
  Pending: "Waiting",
  InProgress: "Running",
  Paused: "Paused",
  Completed: "Done",
  Failed: "Failed",
  Cancelled: "Cancelled",
  Expired: "Expired",
});

const REQUESTED = Object.freeze({ pause: "Pausing…", cancel: "Cancelling…", resume: "Resuming…" });

const ICONS = Object.freeze({
  Completed: "done",
  Failed: "warning",
  Expired: "warning",
  Cancelled: "cancel",
  Paused: "pause",
  Pending: "clock",
});

const TOGGLE = Object.freeze({ Paused: ["resume", "Resume"], Failed: ["retry", "Try again"] });

const OPEN = ["Pending", "InProgress", "Paused"];

export class TaskCard extends DriveElement {
  #task;
  #icon = icon("tasks");
  #title = h("h2");
  #status = h("span", { class: "status" });
  #facts = h("span", { class: "number" });
  #time = h("time");
  #bar = h("progress-bar");
  #error = h("p", { class: "problem", hidden: true });
  #toggle = iconButton("pause", "Pause", { onclick: () => this.#send(this.#toggle.dataset.action) });
  #cancel = iconButton("cancel", "Cancel", { "data-action": "cancel", onclick: () => this.#send("cancel") });

  set task(task) {
    this.#task = task;
    this.requestUpdate();
  }

  build() {
    this.setAttribute("role", "listitem");
    this.append(
      this.#icon,
      h(
        "div",
        { class: "what" },
        this.#title,
        this.#bar,
        h("p", { class: "facts" }, this.#status, this.#facts, this.#time),
        this.#error,
      ),
      h("div", { class: "verbs" }, this.#toggle, this.#cancel),
    );
  }

  update() {
    const task = this.#task;
    const { status, requested } = task;
    const isOpen = OPEN.includes(status);
    const title = titleOf(task);
    setAttribute(this, "data-task", task.taskId);
    setAttribute(this, "data-status", status);
    setIcon(this.#icon, ICONS[status] ?? "tasks");
    setText(this.#title, title);
    setAttribute(this.#title, "title", title);
    setText(this.#status, REQUESTED[requested] ?? WORDS[status] ?? status);
    setText(this.#facts, factsOf(task));
    const when = task.completedAt ?? task.lastActivity ?? task.createdAt;
    setText(this.#time, when ? ago(when) : "");
    setAttribute(this.#time, "title", when ? exactTime(when) : null);
    const problem = task.problem ?? (isOpen ? "" : task.errorMessage) ?? "";
    setText(this.#error, problem);
    this.#error.hidden = problem === "";
    this.#bar.hidden = !isOpen;
    this.#bar.show({
      value: (task.progress ?? 0) / 100,
      label: title,
      tone: status === "InProgress" ? "accent" : "quiet",
    });
    this.#updateVerbs(isOpen, status, title);
  }

  #updateVerbs(isOpen, status, title) {
    const [verb, word] = TOGGLE[status] ?? ["pause", "Pause"];
    // An upload is tried again where its file is at hand: in the tray.
    const canRetry = status === "Failed" && this.#task.type !== "FileUpload";
    this.#toggle.hidden = !isOpen && !canRetry;
    this.#cancel.hidden = !isOpen;
    setAttribute(this.#toggle, "data-action", verb);
    setAttribute(this.#toggle, "aria-label", `${word}: ${title}`);
    setAttribute(this.#toggle, "title", word);
    setIcon(this.#toggle.firstChild, verb);
    setAttribute(this.#cancel, "aria-label", `Cancel: ${title}`);
  }

  #send(verb) {
    this.act("task", { verb, taskId: this.#task.taskId });
  }
}

/** The server's description where there is one; else its name, with the file it is about. */
function titleOf({ name, description, parameters }) {
  const fileName = parameters?.fileName;
  const title = description || name || "Task";
  return fileName && !title.includes(fileName) ? `${title}: ${fileName}` : title;
}

function factsOf(task) {
  const { status, phase, progress, bytesDone, bytesTotal, itemsDone, itemsTotal, estimatedTimeRemaining } = task;
  if (!OPEN.includes(status)) return "";
  const parts = [percent((progress ?? 0) / 100)];
  if (status === "InProgress" && phase) parts.push(phase);
  if (itemsTotal > 1) parts.push(`${itemsDone ?? 0} of ${count(itemsTotal, "item")}`);
  if (bytesTotal > 0) parts.push(bytesOf(bytesDone ?? 0, bytesTotal));
  if (status === "InProgress" && estimatedTimeRemaining > 0) parts.push(timeLeft(estimatedTimeRemaining));
  return parts.join(" · ");
}

customElements.define("task-card", TaskCard);
