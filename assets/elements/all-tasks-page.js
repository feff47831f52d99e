// <all-tasks-page>: the tasks of everybody, or of one account. To look at: each account's tasks are its own to steer.
// Actions: "load-all-tasks" {account, status, q, cursor}, "load-accounts".

import { ago, exactTime, percent } from "../core/format.js";
import { said } from "../core/said.js";
import { saidOf } from "../core/task-view.js";
import { named, t } from "../core/words.js";
import { h, icon } from "./dom.js";
import { field, formError, select, showProblem, valuesOf } from "./form.js";
import { badge, PageElement, section, table, tableRow } from "./page-element.js";
import { showRows } from "./rows.js";

const STATUSES = ["Pending", "InProgress", "Paused", "Completed", "Failed", "Cancelled", "Expired"];
const TONES = { Completed: "ok", Failed: "bad", Expired: "warn" };

export class AllTasksPage extends PageElement {
  #filter = { account: "all" };
  #next = null;
  #rows = h("tbody");
  #form = h("form", { class: "filters", novalidate: true, "aria-label": t("admin.filter"), onsubmit: (event) => this.#apply(event), onchange: (event) => this.#apply(event) });
  #empty = h("p", { class: "quiet" }, t("admin.noTasks"));
  #more = h("button", { type: "button", onclick: () => this.#loadMore() }, t("pages.more"));

  texts() {
    const look = h("button", { type: "button", onclick: () => this.reload() }, icon("retry"), t("admin.lookAgain"));
    return { title: t("admin.tasks"), lead: t("admin.tasksLead"), verbs: [look] };
  }

  async load() {
    const [page, accounts] = await Promise.all([this.act("load-all-tasks", this.#filter), this.act("load-accounts")]);
    this.#next = page.next;
    return { items: page.items, accounts };
  }

  show({ items, accounts }) {
    if (this.body.childElementCount === 0) this.#build(accounts);
    const names = new Map(accounts.map(({ id, name }) => [id, name])); // the list of one account does not name it
    showRows(this.#rows, items, ({ taskId }) => taskId, (task) => row(task, task.account ?? names.get(this.#filter.account)));
    this.#rows.parentElement.hidden = items.length === 0;
    this.#empty.hidden = items.length > 0;
    this.#more.hidden = this.#next === null;
  }

  #build(accounts) {
    const names = [["all", t("admin.everybody")], ...accounts.map(({ id, name }) => [id, name])];
    const statuses = [["", t("admin.any")], ...STATUSES.map((status) => [status, named("admin.status", status)])];
    this.#form.replaceChildren(
      field({ label: t("admin.account"), name: "account", control: select(names, "all") }),
      field({ label: t("admin.state"), name: "status", control: select(statuses, "") }),
      field({ label: t("admin.search"), name: "q", type: "search" }),
      formError(),
    );
    this.body.append(section("", this.#form), section("", table(t("admin.tasks"), heads(), this.#rows), this.#empty, h("div", { class: "verbs" }, this.#more)));
  }

  async #apply(event) {
    event.preventDefault();
    this.#filter = valuesOf(this.#form);
    this.#form.querySelector(".error").hidden = true;
    try {
      const { items, next } = await this.act("load-all-tasks", this.#filter);
      this.#next = next;
      this.put({ ...this.data, items });
      this.say(t("admin.shown", { n: items.length }));
    } catch (problem) {
      showProblem(this.#form, problem);
    }
  }

  async #loadMore() {
    try {
      const { items, next } = await this.act("load-all-tasks", { ...this.#filter, cursor: this.#next });
      this.#next = next;
      this.put({ ...this.data, items: [...this.data.items, ...items] });
    } catch (problem) {
      showProblem(this.#form, problem);
    }
  }
}

const heads = () => [t("admin.task"), t("admin.account"), t("admin.state"), t("admin.progress"), t("admin.lastMoved")];

function row(task, account) {
  const { name, description, status, progress, errorMessage, lastActivity, createdAt } = task;
  const when = lastActivity ?? createdAt;
  const word = description || saidOf(task, name);
  const title = h("span", { class: "cut", title: word }, word);
  const error = errorMessage && h("p", { class: "row-error" }, said(errorMessage));
  return tableRow(heads(), [[title, error || ""], account, badge(TONES[status] ?? "quiet", named("admin.status", status)), h("span", { class: "number" }, percent((progress ?? 0) / 100)), h("time", { datetime: when, title: exactTime(when) }, ago(when))]);
}

customElements.define("all-tasks-page", AllTasksPage);
