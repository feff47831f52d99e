// <audit-page>: who did what, the newest first, page by page, and as a file. Actions: "load-audit" {filter, cursor},
// "load-accounts".

import { auditFile } from "../core/admin-commands.js";
import { named, namesOf, t } from "../core/words.js";
import { dateText, exactTime } from "../core/format.js";
import { h, icon, setAttribute } from "./dom.js";
import { clearProblem, field, formError, LAST_DAY, momentOf, select, showProblem, valuesOf } from "./form.js";
import { filtersOf, keepFilters } from "./route.js";
import { badge, PageElement, section, table, tableRow } from "./page-element.js";
import { showRows } from "./rows.js";

/** How things may have ended, the usual ones; a filter may be any. */
const OUTCOMES = ["ok", "FORBIDDEN", "NOT_SIGNED_IN", "SIGN_IN_FAILED", "CODE_REQUIRED", "PASSWORD_WRONG", "PASSCODE_WRONG", "NOT_FOUND", "INVALID_REQUEST", "CONFLICT", "TOO_MANY_REQUESTS"];

export class AuditPage extends PageElement {
  /** As the form has it; the address keeps it, for reload and Back. */
  #wanted = {};
  #next = null;
  #rows = h("tbody");
  #form = h("form", { class: "filters", novalidate: true, "aria-label": t("admin.filter"), onsubmit: (event) => this.#apply(event), onchange: (event) => this.#apply(event) });
  #file = h("a", { class: "button", download: "audit.ndjson" }, icon("download"), t("admin.export"));
  #empty = h("p", { class: "quiet" }, t("admin.nothingKept"));
  #more = h("button", { type: "button", onclick: () => this.#loadMore() }, t("pages.more"));

  set rest(rest) {
    super.rest = rest;
    const filters = filtersOf(location.hash);
    if (JSON.stringify(filters) === JSON.stringify(this.#wanted)) return;
    this.#wanted = filters;
    this.#fill();
    if (this.isConnected) this.reload();
  }

  get rest() {
    return super.rest;
  }

  texts() {
    return { title: t("admin.audit"), lead: t("admin.auditLead"), verbs: [this.#file] };
  }

  async load() {
    const [page, accounts] = await Promise.all([this.act("load-audit", this.#filter()), this.act("load-accounts")]);
    this.#next = page.next;
    return { items: page.items, accounts };
  }

  show({ items, accounts }) {
    if (this.body.childElementCount === 0) this.#build(accounts);
    setAttribute(this.#file, "href", auditFile(this.#filter()));
    showRows(this.#rows, items, ({ seq }) => String(seq), row);
    this.#rows.parentElement.hidden = items.length === 0;
    this.#empty.hidden = items.length > 0;
    this.#more.hidden = this.#next === null;
  }

  #build(accounts) {
    const any = ["", t("admin.any")];
    this.#form.replaceChildren(
      field({ label: t("admin.account"), name: "account", control: select([any, ...accounts.map(({ id, name }) => [id, name])], "") }),
      field({ label: t("admin.action"), name: "action", control: select([any, ...namesOf("audit.action").map((action) => [action, named("audit.action", action)])], "") }),
      field({ label: t("admin.outcome"), name: "outcome", control: select([any, ...OUTCOMES.map((code) => [code, code === "ok" ? t("admin.went") : named("audit.outcome", code)])], "") }),
      field({ label: t("admin.after"), name: "after", type: "date", max: LAST_DAY }),
      field({ label: t("admin.before"), name: "before", type: "date", max: LAST_DAY }),
      formError(),
    );
    this.#fill();
    this.body.append(section("", this.#form), section("", table(t("admin.audit"), heads(), this.#rows), this.#empty, h("div", { class: "verbs" }, this.#more)));
  }

  #fill() {
    for (const { name } of this.#form.elements) if (name) this.#form.elements[name].value = this.#wanted[name] ?? "";
  }

  /** Days as people mean them: from the first one's beginning to the last one's end, here. */
  #filter({ after, before, ...rest } = this.#wanted) {
    return { ...rest, after: after && momentOf(after, "00:00:00", "after"), before: before && momentOf(before, "23:59:59.999", "before") };
  }

  async #apply(event) {
    event.preventDefault();
    const wanted = Object.fromEntries(Object.entries(valuesOf(this.#form)).filter(([, value]) => value !== ""));
    clearProblem(this.#form);
    try {
      const { items, next } = await this.act("load-audit", this.#filter(wanted));
      this.#wanted = wanted;
      keepFilters("#/admin/audit", wanted);
      this.#next = next;
      this.put({ ...this.data, items });
      this.say(t("admin.shown", { n: items.length }));
    } catch (problem) {
      showProblem(this.#form, problem);
    }
  }

  async #loadMore() {
    try {
      const { items, next } = await this.act("load-audit", { ...this.#filter(), cursor: this.#next });
      this.#next = next;
      this.put({ ...this.data, items: [...this.data.items, ...items] });
      if (next === null) this.#rows.lastElementChild?.scrollIntoView({ block: "nearest" });
    } catch (problem) {
      showProblem(this.#form, problem);
    }
  }
}

const heads = () => [t("admin.when"), t("admin.who"), t("admin.action"), t("admin.object"), t("admin.address"), t("admin.outcome")];

function row({ at, account, action, object, address, outcome }) {
  const time = dateText(at, { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const result = outcome === "ok" ? badge("ok", t("admin.went")) : badge("warn", named("audit.outcome", outcome));
  return tableRow(heads(), [h("time", { datetime: at, title: exactTime(at), class: "number" }, time), account || "–", h("span", { title: action }, named("audit.action", action)), object ? h("code", { class: "cut", title: object }, object) : "–", h("span", { class: "number" }, address || "–"), result]);
}

customElements.define("audit-page", AuditPage);
