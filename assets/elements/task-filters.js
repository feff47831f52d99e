// The filters of the list of tasks: the fields above it, and the address, which keeps them for reload and Back.

import { said } from "../core/said.js";
import { named, t } from "../core/words.js";
import { h, icon, setText } from "./dom.js";
import { filtersOf, keepFilters } from "./route.js";

const OPEN = "Pending,InProgress,Paused";
/** What failed within a day, as the tiles of the lanes count it. */
const TODAY = "today";
const STATUSES = [["", "all"], [OPEN, "open"], ["Pending", "Pending"], ["InProgress", "InProgress"], ["Paused", "Paused"], ["Failed,Expired", "Failed"], [TODAY, "failedToday"], ["Completed", "Completed"], ["Cancelled", "Cancelled"]];
const SORTS = [["createdAt", "newest"], ["lastActivity", "active"], ["priority", "urgent"], ["name", "byName"]];
const DAY_MS = 24 * 3600 * 1000;
const TYPING_MS = 250;

export class TaskFilters {
  #onChange;
  #typing = null;
  #isAdmin = false;
  #lane = "";
  #status = select("status", STATUSES.map(([value, key]) => [value, t(`tasks.${key}`)]));
  #type = select("type", [["", t("tasks.everyType")]]);
  #owner = select("owner", [["", t("tasks.mine")], ["all", t("tasks.everybodys")]]);
  #sort = select("sort", SORTS.map(([value, key]) => [value, t(`tasks.${key}`)]));
  #search = h("input", { type: "search", class: "search", placeholder: t("tasks.search"), "aria-label": t("tasks.search") });
  #laneName = h("span");
  /** The lane that the list is limited to; pressed, it no longer is. */
  chip = h("button", { type: "button", class: "small", hidden: true, onclick: () => this.#leaveLane() }, this.#laneName, icon("cancel"));
  fields = [this.#search, this.#status, this.#type, this.#owner, this.#sort];

  /** @param {() => void} onChange */
  constructor(onChange) {
    this.#onChange = onChange;
    for (const field of [this.#status, this.#type, this.#owner, this.#sort]) field.addEventListener("change", () => this.#changed());
    this.#search.addEventListener("input", () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => this.#changed(), TYPING_MS);
    });
  }

  /** Administrators may look at everybody's tasks. */
  set isAdmin(isAdmin) {
    this.#isAdmin = isAdmin;
    this.#show();
  }

  /** Whether there are tasks that these keep out. */
  get isNarrow() {
    return Object.keys(this.value).some((key) => key !== "account");
  }

  /** As the server takes them. */
  get value() {
    const isToday = this.#status.value === TODAY;
    return given({
      status: isToday ? "Failed" : this.#status.value,
      finishedAfter: isToday ? new Date(Date.now() - DAY_MS).toISOString() : "",
      type: this.#type.value,
      lane: this.#lane,
      q: this.#search.value.trim(),
      account: this.#isAdmin ? this.#owner.value : "",
    });
  }

  get order() {
    return { sortBy: this.#sort.value, sortDescending: this.#sort.value !== "name" };
  }

  focus() {
    this.#search.focus();
  }

  clear() {
    for (const field of [this.#status, this.#type, this.#search]) field.value = "";
    this.#lane = "";
    this.#changed();
    this.focus();
  }

  /** One of the numbers of a lane. @param {{status: string, lane: string}} wish */
  narrow({ status, lane }) {
    this.#status.value = status === "Failed" ? TODAY : status;
    this.#lane = lane;
    this.#changed();
  }

  /** The types that this server knows, whatever they are. @param {{type: string, title: string}[]} operations */
  offer(operations) {
    const chosen = this.#type.value;
    this.#type.replaceChildren(this.#type.firstChild, ...operations.map(({ type, title }) => h("option", { value: type }, said(title))));
    choose(this.#type, chosen);
  }

  /** Takes them from the address. @returns {boolean} whether they are others now */
  read() {
    const before = JSON.stringify(this.#kept());
    const { status = "", type = "", lane = "", q = "", account = "", sort = "" } = filtersOf(location.hash);
    choose(this.#status, STATUSES.some(([value]) => value === status) ? status : "");
    choose(this.#type, type);
    choose(this.#owner, account === "all" ? account : "");
    choose(this.#sort, SORTS.some(([value]) => value === sort) ? sort : SORTS[0][0]);
    this.#lane = lane;
    if (this.#search.value.trim() !== q) this.#search.value = q;
    this.#show();
    return JSON.stringify(this.#kept()) !== before;
  }

  /** Puts them into the address. */
  write() {
    keepFilters("#/tasks", this.#kept());
  }

  #kept() {
    const sort = this.#sort.value === SORTS[0][0] ? "" : this.#sort.value;
    return given({ status: this.#status.value, type: this.#type.value, lane: this.#lane, q: this.#search.value.trim(), account: this.#owner.value, sort });
  }

  #changed() {
    clearTimeout(this.#typing);
    this.#show();
    this.write();
    this.#onChange();
  }

  #show() {
    this.#owner.hidden = !this.#isAdmin;
    this.#sort.hidden = this.value.account === "all"; // everybody's come the newest first
    this.chip.hidden = this.#lane === "";
    const name = named("tasks.lane", this.#lane);
    setText(this.#laneName, name);
    this.chip.setAttribute("aria-label", t("tasks.leaveLane", { lane: name }));
  }

  #leaveLane() {
    this.#lane = "";
    this.#changed();
    this.focus(); // the chip, which had the focus, is gone
  }
}

const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));

/** Also what is not on offer yet. */
function choose(field, value) {
  if (![...field.options].some((option) => option.value === value)) field.append(h("option", { value }, value));
  field.value = value;
}

function select(name, options) {
  return h("select", { "data-filter": name, "aria-label": t(`tasks.filter-${name}`) }, ...options.map(([value, words]) => h("option", { value }, words)));
}
