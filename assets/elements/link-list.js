// <link-list>: the links that were given out: what they lead to, how often they were used, when they end; to be copied,
// changed, stopped and opened again.
//
// Properties: `store`. Actions: "load-links", "change-link", "remove-link", "list-files", "put-into-link", "toast".

import { ago, bytes, day, exactTime } from "../core/format.js";
import { t } from "../core/words.js";
import { ask } from "./ask.js";
import { askLink } from "./ask-link.js";
import { copyText } from "./clipboard.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, placeholder, setText } from "./dom.js";
import { glyphOf } from "./file-parts.js";

const SKELETON_AFTER_MS = 150;
const FILES_SHOWN = 100;
/** A timer waits no longer than this. */
const LONGEST_MS = 2 ** 31 - 1;

/** Whether a link works, and if not, why. @returns {"open" | "stopped" | "expired" | "used"} */
export function linkState({ shared, expiredAt, downloadLimit, downloads }, now = new Date()) {
  if (!shared) return "stopped";
  if (expiredAt && new Date(expiredAt) <= now) return "expired";
  return downloadLimit !== null && downloads >= downloadLimit ? "used" : "open";
}

export class LinkList extends DriveElement {
  store;
  rest = [];
  #links = null;
  #timer = null;
  #endTimer = null;
  #count = h("span", { class: "total number" });
  #new = h("button", { type: "button", class: "primary", onclick: () => this.#edit(null) }, icon("plus"), t("filetools.linkNew"));
  #problem = h("p", { class: "error", role: "alert", hidden: true });
  #list = h("ul", { class: "links" });
  #state = h("div", { class: "state" });

  build() {
    this.append(h("div", { class: "tools" }, this.#new, this.#count), this.#problem, h("div", { class: "scroll" }, this.#list, this.#state));
  }

  connected() {
    this.listen(this.store, "files links", () => this.#load());
    this.#timer = setTimeout(() => this.#links ?? this.#state.replaceChildren(skeleton()), SKELETON_AFTER_MS);
    this.#load();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    clearTimeout(this.#endTimer);
  }

  get #mayChange() {
    return this.store.account?.role !== "guest";
  }

  async #load() {
    try {
      this.#links = await this.act("load-links");
      this.#problem.hidden = true;
    } catch (problem) {
      if (this.#links === null) return this.#failed(problem);
      setText(this.#problem, t("files.outdated", { problem: problem.message }));
      this.#problem.hidden = false;
    }
    this.requestUpdate();
  }

  #failed(problem) {
    clearTimeout(this.#timer);
    const retry = h("button", { type: "button", onclick: () => this.#load() }, icon("retry"), t("common.tryAgain"));
    this.#state.replaceChildren(placeholder({ glyph: "warning", title: t("links.notLoaded"), text: problem.message }, retry));
  }

  update() {
    if (this.#links === null) return;
    clearTimeout(this.#timer);
    const isEmpty = this.#links.length === 0;
    this.#new.hidden = isEmpty || !this.#mayChange;
    this.#state.hidden = !isEmpty;
    if (isEmpty) this.#state.replaceChildren(this.#empty());
    setText(this.#count, isEmpty ? "" : t("links.count", { n: this.#links.length }));
    this.#lookAtNextEnd();
    const reach = (link) => [...link.querySelectorAll("button, input, summary")];
    const held = document.activeElement?.closest("li[data-link]");
    const at = held ? reach(held).indexOf(document.activeElement) : -1;
    const open = new Set([...this.#list.querySelectorAll("details[open]")].map((node) => node.closest("li").dataset.link));
    this.#list.replaceChildren(...this.#links.map((link) => this.#row(link, open.has(link.id))));
    const same = held && this.#list.querySelector(`li[data-link="${CSS.escape(held.dataset.link)}"]`);
    if (same) (reach(same)[at] ?? reach(same)[0]).focus({ preventScroll: true });
    else if (held) (isEmpty ? this.#state.querySelector("button") : this.#new)?.focus();
  }

  /** One that ends while it is looked at says so. */
  #lookAtNextEnd() {
    clearTimeout(this.#endTimer);
    const waits = this.#links.map(({ expiredAt }) => new Date(expiredAt ?? 0) - Date.now()).filter((wait) => wait > 0);
    if (waits.length > 0) this.#endTimer = setTimeout(() => this.requestUpdate(), Math.min(...waits, LONGEST_MS));
  }

  #empty() {
    const make = h("button", { type: "button", class: "primary", onclick: () => this.#edit(null) }, icon("plus"), t("filetools.linkNew"));
    return placeholder({ glyph: "link", title: t("links.empty"), text: t("links.emptyText") }, ...(this.#mayChange ? [make] : []));
  }

  #row(link, isOpen) {
    const state = linkState(link);
    const input = h("input", { class: "url", readonly: true, value: link.url, "aria-label": t("links.address", { name: link.name }), onfocus: () => input.select() });
    const copy = h("button", { type: "button", class: "copy", "aria-label": t("links.copyOf", { name: link.name }), onclick: () => this.#copy(link, input) }, icon("copy"), h("span", {}, t("filetools.copyLink")));
    return h(
      "li",
      { "data-link": link.id, "data-state": state },
      h("div", { class: "head" }, h("h2", {}, link.name), h("span", { class: "badge" }, icon(state === "open" ? "done" : state === "stopped" ? "pause" : "clock"), t(`links.${state}`)), ...(this.#mayChange ? [this.#verbs(link, state)] : [])),
      h("div", { class: "address" }, input, copy),
      h("p", { class: "facts" }, ...this.#facts(link)),
      link.files > 0 ? this.#files(link, isOpen) : null,
    );
  }

  #verbs(link, state) {
    const button = (glyph, word, verb, run) => iconButton(glyph, `${word}: ${link.name}`, { title: word, "data-verb": verb, onclick: run });
    const isStopped = state === "stopped";
    return h(
      "div",
      { class: "verbs" },
      button("edit", t("links.change"), "change", () => this.#edit(link)),
      button(isStopped ? "resume" : "pause", t(isStopped ? "links.again" : "links.stop"), isStopped ? "again" : "stop", () => this.#setShared(link, isStopped)),
      button("trash", t("filetools.linkRemove"), "remove", () => this.#remove(link)),
    );
  }

  #facts({ files, bytes: size, downloads, downloadLimit, expiredAt, hasPasscode, uploadInto, createdAt }) {
    const limit = downloadLimit === null ? t("links.downloads", { n: downloads }) : t("links.downloadsOf", { n: downloads, limit: downloadLimit });
    const ends = expiredAt ? t(new Date(expiredAt) > new Date() ? "links.endsOn" : "links.endedOn", { date: day(expiredAt, "long") }) : t("links.noEnd");
    const facts = [
      [`${t("common.files", { n: files })}${files > 0 ? ` · ${bytes(size)}` : ""}`],
      [limit],
      [ends, expiredAt && exactTime(expiredAt)],
      hasPasscode && [t("links.hasPasscode"), null, "key"],
      uploadInto && [t("links.takesFiles", { folder: uploadInto }), null, "upload"],
      [t("links.made", { when: ago(createdAt) }), exactTime(createdAt)],
    ];
    return facts.filter(Boolean).map(([text, title, glyph]) => h("span", { title: title ?? null }, glyph ? icon(glyph) : null, text));
  }

  /** The files, asked for when somebody looks. */
  #files(link, isOpen) {
    const list = h("ul", { class: "files" });
    const node = h("details", { open: isOpen }, h("summary", {}, icon("chevron-right"), t("links.showFiles")), list);
    const fill = async () => {
      const { items, total } = await this.act("list-files", { bundleId: link.id, deep: true, sortBy: "name", sortDescending: false, limit: FILES_SHOWN });
      const take = (file) => iconButton("cancel", t("links.takeOut", { name: file.name }), { onclick: () => this.#takeOut(file) });
      const rows = items.map((file) => h("li", {}, icon(glyphOf(file)), h("span", { class: "word" }, file.name), h("small", { class: "number" }, bytes(file.size)), this.#mayChange ? take(file) : null));
      if (total > items.length) rows.push(h("li", {}, h("small", {}, t("filetools.andMore", { n: total - items.length }))));
      list.replaceChildren(...rows);
    };
    node.addEventListener("toggle", () => node.open && this.#quietly(fill));
    return node;
  }

  async #quietly(work) {
    try {
      return await work();
    } catch (problem) {
      this.act("toast", { tone: "danger", text: problem.message });
    }
  }

  async #copy({ url }, input) {
    const isCopied = await copyText(url, input);
    this.act("toast", { text: t(isCopied ? "filetools.copied" : "filetools.copyYourself") });
  }

  async #edit(link) {
    if ((await this.#quietly(() => askLink({ link }, (...wish) => this.act(...wish)))) != null) await this.#load();
  }

  /** Shown at once; put back as it was when the server says no. */
  #setShared(link, shared) {
    this.#replace({ ...link, shared });
    return this.#quietly(async () => {
      try {
        this.#replace({ ...link, ...(await this.act("change-link", { bundleId: link.id, fields: { shared } })) });
        this.act("toast", { text: t(shared ? "links.opened" : "links.stoppedNow", { name: link.name }) });
      } catch (problem) {
        this.#replace(link);
        throw problem;
      }
    });
  }

  #replace(link) {
    this.#links = this.#links.map((one) => (one.id === link.id ? link : one));
    this.requestUpdate();
  }

  async #remove(link) {
    const done = await ask({
      title: t("filetools.linkTitle", { what: link.name }),
      text: t("filetools.linkText"),
      verb: t("filetools.linkRemove"),
      danger: true,
      submit: () => this.act("remove-link", { bundleId: link.id }),
    });
    if (done === null) return;
    this.#links = this.#links.filter(({ id }) => id !== link.id);
    this.requestUpdate();
    this.#new.focus();
  }

  async #takeOut(file) {
    await this.#quietly(() => this.act("put-into-link", { items: [file], bundleId: null }));
    await this.#load();
  }
}

function skeleton() {
  return h("div", { class: "skeletons", role: "status", "aria-label": t("common.loading") }, ...Array.from({ length: 3 }, () => h("div", { class: "skeleton card" })));
}

customElements.define("link-list", LinkList);
