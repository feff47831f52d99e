// <task-list>: the account's tasks, the running ones first.
//
// Properties: `store`. Actions: "load-tasks" (its answer rejects when they cannot be had), and those of its cards.

import { OPEN_STATUSES } from "../core/store.js";
import { DriveElement } from "./element.js";
import { h, icon, placeholder } from "./dom.js";

const CLOCK_MS = 30_000;

export class TaskList extends DriveElement {
  store;
  #problem = null;
  #isLoaded = false;
  /** @type {Map<string, HTMLElement>} */
  #cards = new Map();
  #list = h("div", { role: "list" });
  #state = h("div", { class: "state" });
  #clock = null;

  build() {
    this.append(this.#list, this.#state);
  }

  connected() {
    this.listen(this.store, "tasks task", () => this.requestUpdate());
    this.#clock = setInterval(() => this.requestUpdate(), CLOCK_MS);
    this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#clock);
  }

  async #load() {
    this.#problem = null;
    try {
      await this.act("load-tasks");
      this.#isLoaded = true;
    } catch (problem) {
      this.#problem = problem;
    }
    this.requestUpdate();
  }

  update() {
    const tasks = [...this.store.tasks.values()].toSorted(byInterest);
    const cards = new Map();
    let place = this.#list.firstElementChild;
    for (const task of tasks) {
      const card = this.#cards.get(task.taskId) ?? h("task-card");
      card.task = task;
      cards.set(task.taskId, card);
      if (card === place) place = place.nextElementSibling;
      else this.#list.insertBefore(card, place);
    }
    for (const [taskId, card] of this.#cards) if (!cards.has(taskId)) card.remove();
    this.#cards = cards;
    this.#list.hidden = tasks.length === 0;
    this.#state.replaceChildren(...this.#stateOf(tasks));
  }

  #stateOf(tasks) {
    if (this.#problem) {
      const retry = h("button", { type: "button", onclick: () => this.#load() }, icon("retry"), "Try again");
      return [
        placeholder({ glyph: "warning", title: "The tasks could not be loaded", text: this.#problem.message }, retry),
      ];
    }
    if (!this.#isLoaded || tasks.length > 0) return [];
    return [
      placeholder({
        glyph: "tasks",
        title: "No tasks yet",
        text: "Uploads and other long work show up here, from every device.",
      }),
    ];
  }
}

/** Open before closed, then the latest first; cards do not swap places while they run. */
function byInterest(a, b) {
  const isOpen = (task) => OPEN_STATUSES.includes(task.status);
  if (isOpen(a) !== isOpen(b)) return isOpen(a) ? -1 : 1;
  return (b.createdAt ?? "").localeCompare(a.createdAt ?? "");
}

customElements.define("task-list", TaskList);
