// <notification-list>: what one was told, the newest first; new ones come in by themselves.
//
// Properties: `store`. Actions: "load-notices" {cursor?}, "read-notices" {ids?}, "remove-notice" {id}.

import { ago, exactTime } from "../core/format.js";
import { said } from "../core/said.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, placeholder } from "./dom.js";
import { showRows } from "./rows.js";

const ICONS = { "task.failed": "warning", "task.completed": "done", "file.shared": "link", "webhook.disabled": "warning", test: "bell" };

export class NotificationList extends DriveElement {
  store;
  #items = null;
  #next = null;
  #heading = h("h2", { tabindex: -1 }, t("notices.title"));
  #readAll = h("button", { type: "button", class: "small plain-button", onclick: () => this.#read() }, t("notices.readAll"));
  #list = h("ul", {});
  #state = h("div", { class: "state" });
  #more = h("button", { type: "button", class: "small", hidden: true, onclick: () => this.#load(this.#next) }, t("pages.more"));

  build() {
    this.dataset.page = "";
    const settings = h("a", { class: "button small plain-button", href: "#/settings/notifications" }, icon("settings"), t("notices.settings"));
    this.append(h("div", { class: "head" }, this.#heading, this.#readAll), this.#state, h("div", { class: "list" }, this.#list, this.#more), h("div", { class: "foot" }, settings));
  }

  connected() {
    this.listen(this.store, "notice", () => this.#take(this.store.notice));
    this.listen(this.store, "unread", () => this.requestUpdate());
    this.look();
  }

  look() {
    return this.#load();
  }

  #take({ unread: _, ...notice }) {
    if (this.#items === null || this.#items.some(({ id }) => id === notice.id)) return;
    this.#items = [{ createdAt: new Date().toISOString(), readAt: null, ...notice }, ...this.#items];
    this.requestUpdate();
  }

  async #load(cursor) {
    try {
      const { items, next } = await this.act("load-notices", { cursor });
      this.#items = cursor === undefined ? items : [...this.#items, ...items];
      this.#next = next;
      this.#state.replaceChildren();
    } catch (problem) {
      this.#fail(problem);
    }
    this.update();
  }

  update() {
    this.#readAll.hidden = this.store.unread === 0;
    this.#more.hidden = this.#next === null;
    if (this.#items === null) return;
    if (this.#items.length === 0) this.#state.replaceChildren(placeholder({ glyph: "bell", title: t("notices.none"), text: t("notices.noneText") }));
    else this.#state.querySelector(".placeholder")?.remove();
    showRows(this.#list, this.#items, ({ id }) => id, (notice) => this.#row(notice));
  }

  #row(notice) {
    const { id, event, taskId, createdAt, readAt } = notice;
    const [title, body] = [said(notice.title), event === "file.shared" ? sentence(notice.body) : said(notice.body)];
    const name = taskId ? h("a", { class: "name", href: `#/tasks/${encodeURIComponent(taskId)}`, onclick: () => this.#read([id]) }, title) : h("span", { class: "name" }, title);
    const words = h("div", { class: "words" }, name, body && h("p", {}, body), h("time", { datetime: createdAt, title: exactTime(createdAt) }, ago(createdAt)));
    const read = !readAt && iconButton("check", t("notices.read"), { "data-action": "read", "aria-label": t("notices.readOf", { title }), onclick: () => this.#read([id]) });
    const remove = iconButton("cancel", t("notices.remove"), { "data-action": "remove", "aria-label": t("notices.removeOf", { title }), onclick: () => this.#remove(id) });
    const unread = !readAt && h("span", { class: "dot", role: "img", "aria-label": t("notices.isUnread") });
    return h("li", { "data-event": event, "data-unread": !readAt }, icon(ICONS[event] ?? "bell"), unread, words, h("div", { class: "verbs" }, read, remove));
  }

  /** Marked at once; taken back when the server does not agree. @param {string[]} [ids] without: all */
  async #read(ids) {
    const now = new Date().toISOString();
    await this.#tried("read-notices", { ids }, this.#items.map((notice) => (!ids || ids.includes(notice.id) ? { ...notice, readAt: notice.readAt ?? now } : notice)));
    if (!ids) this.#heading.focus();
  }

  #remove(id) {
    return this.#tried("remove-notice", { id }, this.#items.filter((notice) => notice.id !== id));
  }

  async #tried(action, detail, wanted) {
    const before = this.#items;
    this.#items = wanted;
    this.update();
    try {
      await this.act(action, detail);
    } catch (problem) {
      this.#items = before;
      this.#fail(problem);
      this.update();
    }
  }

  #fail(problem) {
    this.#state.replaceChildren(h("p", { class: "error", role: "alert" }, icon("warning"), h("span", {}, problem.message)));
  }
}

/** What came by a link is told by its name alone, which may be any word. */
const sentence = (text) => (text.endsWith(".") ? said(text) : text);

customElements.define("notification-list", NotificationList);
