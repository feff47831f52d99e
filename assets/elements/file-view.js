// <file-view>: a place that lists files: a folder or a search (mode "files"), what changed last ("recent"), the trash
// ("trash"). Holds the tools, the list, what floats above it, and the keys.
//
// Properties: `store`, `mode`, `place` {folder, q}. Actions: "pick-files", and those of file-work.js.

import { folderParts } from "../core/format.js";
import { actionsFor, placeActions } from "../core/file-actions.js";
import { ITEMS_MAX } from "../core/files-api.js";
import { isFolder, keyOf, Listing } from "../core/listing.js";
import { Pager } from "../core/pager.js";
import { isWithin, join, parentOf } from "../core/paths.js";
import { Pending } from "../core/pending.js";
import { Selection } from "../core/selection.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setAttribute, setIcon, setText } from "./dom.js";
import { FileStates } from "./file-states.js";
import { FileWork } from "./file-work.js";
import { folderHref, isTyping, searchHref } from "./route.js";

const FIRST_REFRESH_MS = 100;
const NEXT_REFRESH_MS = 1500;
const CLOCK_MS = 30_000;
/** Between a row and the bar that floats above the list. */
const ROOM = 8;
const SORTS = ["name", "size", "type", "updatedAt", "createdAt"];
/** Keys that lead into the list when nothing has the focus. */
const ENTERS = new Set(["ArrowDown", "ArrowUp", "Home", "End", "PageDown", "PageUp"]);
/** Useful ends first. */
const DESCENDS = new Set(["size", "updatedAt", "createdAt"]);

export class FileView extends DriveElement {
  store;
  mode = "files";
  /** For the frame, which tells every place what stands behind its name. */
  rest = [];
  #place = { folder: "/", q: "" };
  #sort = remembered("drive-sort", { key: "name", descends: false });
  #look = remembered("drive-look", "list");
  #pools = 1;
  /** How each place was left. @type {Map<string, {top: number, key?: string}>} */
  #positions = new Map();
  /** A folder was opened, which begins at its top however it was left. */
  #isEntering = false;
  /** Whether the listing is told of the present place. */
  #isAsked = false;
  /** How many are selected, as was said. */
  #told = 0;
  #refreshing = null;
  #refreshedAt = -Infinity;
  #leave = () => {};

  selection = new Selection();
  #pending = new Pending();
  listing = new Listing({
    pager: new Pager({ load: (query) => this.act("list-files", query), pending: this.#pending }),
    pending: this.#pending,
    loadFolders: () => this.act("load-folders"),
  });
  #work = new FileWork(this);
  #states = new FileStates(this);

  #count = h("span", { class: "total number" });
  #upload = h("button", { type: "button", class: "primary upload", onclick: () => this.act("pick-files") }, icon("upload"), h("span", {}, t("files.upload")));
  #newFolder = h("button", { type: "button", class: "new-folder", onclick: () => this.#work.run("newFolder", []) }, icon("new-folder"), h("span", {}, t("files.newFolder")));
  #empty = h("button", { type: "button", class: "empty-trash", onclick: () => this.#work.run("empty-trash", []) }, icon("trash"), t("files.emptyNow"));
  #order = h("select", { "aria-label": t("files.sortBy"), onchange: () => this.#sortBy(this.#order.value, DESCENDS.has(this.#order.value)) });
  #turn = iconButton("descending", t("files.direction"), { class: "icon-button turn", onclick: () => this.#sortBy(this.#sort.key, !this.#sort.descends) });
  #looks = iconButton("grid", t("files.tiles"), { class: "icon-button looks", onclick: () => this.#changeLook() });
  #info = iconButton("info", t("files.details"), { class: "icon-button info", onclick: () => this.#work.toggleDetails(this.#targets()) });
  #note = h("p", { class: "note", hidden: true });
  #list = h("file-list");
  #bar = h("selection-bar", { hidden: true });
  #body = h("div", { class: "body" });

  get list() {
    return this.#list;
  }

  get folder() {
    return this.#place.folder;
  }

  get query() {
    return this.#place.q;
  }

  /** Whether the place is a folder that is not there. */
  get isMissing() {
    return this.listing.total === 0 && this.query === "" && this.listing.isMissing;
  }

  /** Whether something new can be put here. */
  get #takesNew() {
    return this.mode === "files" && this.mayChange && this.query === "" && !this.isMissing;
  }

  get mayChange() {
    return this.store.account?.role !== "guest";
  }

  /** @param {{folder: string, q: string}} place */
  set place(place) {
    const from = this.#place;
    this.#place = place;
    if (place.folder !== from.folder || place.q !== from.q) {
      this.#isAsked = false;
      if (this.isConnected) this.#expect(from);
    }
    if (this.isConnected && !this.#isAsked) this.#ask(); // elsewhere nobody would answer
  }

  /** The focus goes to the first row, or to the folder that was left; on the way back all lies where it lay. */
  #expect(from) {
    const { folder, q } = this.#place;
    this.#positions.set(searchHref(from.folder, from.q), this.#list.position);
    const isBelow = from.folder !== folder && isWithin(from.folder, folder);
    const below = isBelow ? join(folder, from.folder.slice(folder === "/" ? 1 : folder.length + 1).split("/")[0]) : null;
    const active = document.activeElement;
    const isLost = active?.closest("bread-crumb") != null || this.#note.contains(active) || this.#states.nodes.some((node) => node.contains(active));
    const { top = 0, key } = (!this.#isEntering && this.#positions.get(searchHref(folder, q))) || {};
    this.#list.expect({ top, key: below === null ? key : `folder:${below}`, isLost });
    this.#isEntering = false;
  }

  build() {
    this.#order.append(...SORTS.map((key) => h("option", { value: key }, t(`files.${key}`))));
    const covered = () => (this.#bar.hidden ? 0 : Math.max(0, this.#list.getBoundingClientRect().bottom - this.#bar.getBoundingClientRect().top + ROOM));
    Object.assign(this.#list, { listing: this.listing, selection: this.selection, mode: this.mode, covered });
    const tools = h("div", { class: "tools" }, this.#upload, this.#newFolder, this.#empty, this.#count, this.#order, this.#turn, this.#looks, this.#info);
    this.#body.append(this.#list, ...this.#states.nodes, this.#bar);
    this.append(h("div", { class: "column" }, tools, this.#note, this.#body));
  }

  connected() {
    this.listen(this.listing, "change", () => this.#onListed());
    this.listen(this.selection, "change", () => this.requestUpdate());
    this.listen(this.store, "files", ({ key }) => {
      if (key) this.selection.dropKeys([key]);
      this.#refreshSoon();
    });
    this.listen(this.store, "account", () => this.requestUpdate());
    this.listen(this, "wish", (event) => this.#onWish(event));
    this.listen(this.#list, "focusin", () => this.#work.details && this.requestUpdate());
    this.listen(this.#body, "contextmenu", (event) => this.#onEmptyMenu(event));
    this.listen(window, "keydown", (event) => this.#onKey(event));
    const clock = setInterval(() => this.#list.requestUpdate(), CLOCK_MS);
    this.#leave = () => clearInterval(clock);
    if (!this.#isAsked) this.#list.toTop(); // another place was chosen meanwhile
    if (!this.#isAsked || this.listing.total === null) this.#ask();
    else this.listing.refresh(); // it may have changed while another view was shown
    this.act("load-pools")?.then((pools) => (this.#pools = pools.length), () => {});
    this.#work.prepare();
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#leave();
    this.#work.leave();
  }

  /** What was chosen and is no more is not chosen. */
  #onListed() {
    if (this.selection.size > 0 && this.listing.isWhole) this.selection.drop(this.selection.list().filter((item) => this.listing.find(keyOf(item)) < 0));
    this.requestUpdate();
  }

  #ask() {
    this.#isAsked = true;
    const { key, descends } = this.#sort;
    this.selection.clear();
    this.listing.show({ mode: this.mode, ...this.#place, sort: key, descends });
    this.requestUpdate();
  }

  /** Soon after one change; while many come, no more often than is pleasant to look at. */
  #refreshSoon() {
    const wait = Math.max(FIRST_REFRESH_MS, this.#refreshedAt + NEXT_REFRESH_MS - performance.now());
    this.#refreshing ??= setTimeout(() => {
      this.#refreshing = null;
      this.#refreshedAt = performance.now();
      if (this.isConnected) this.listing.refresh();
    }, wait);
  }

  #sortBy(key, descends) {
    this.#sort = { key, descends };
    remember("drive-sort", this.#sort);
    this.#list.toTop();
    this.#ask();
  }

  #changeLook() {
    this.#look = this.#look === "tiles" ? "list" : "tiles";
    remember("drive-look", this.#look);
    this.update();
    this.#list.toTop();
    this.#list.requestUpdate();
  }

  /** What a verb without a row is about: the selection, or the row with the focus. */
  #targets() {
    if (this.selection.size > 0) return this.selection.list();
    const { focused } = this.#list;
    return focused ? [focused] : [];
  }

  actionsFor(items) {
    return actionsFor(items, { mode: this.mode, role: this.store.account?.role, pools: this.#pools });
  }

  #onWish({ verb, about }) {
    if (verb === "clear") this.selection.clear();
    else if (verb === "sort") this.#sortBy(about.key, about.key === this.#sort.key ? !this.#sort.descends : DESCENDS.has(about.key));
    else if (verb === "open") this.#open(about);
    else if (verb === "menu") this.#menu(about);
    else if (verb === "carry") this.#work.carry?.carry(this.#chosenWith(about.item));
    else if (verb === "drop") this.#work.carry?.drop(about);
    else this.#work.run(verb, this.selection.list());
  }

  #open({ item, event }) {
    this.#isEntering = isFolder(item);
    this.#work.open(item, event);
  }

  /** The row that was pointed at, or all that are selected if it is one of them. */
  #chosenWith(item) {
    return item && !this.selection.has(item) ? [item] : this.selection.list();
  }

  async #menu(about) {
    const items = about.item ? this.#chosenWith(about.item) : this.selection.list();
    if (about.item && !this.selection.has(about.item)) this.selection.clear();
    const verb = await this.#work.menu({ ...about, actions: this.actionsFor(items) });
    if (verb) this.#work.run(verb, items);
    else if (document.activeElement === document.body) this.focusList(about.item);
  }

  /** Where there are no rows, the menu is about the place itself. */
  async #onEmptyMenu(event) {
    if (event.defaultPrevented || !this.#takesNew || event.target.closest("a, button, input, file-row, file-tile, selection-bar")) return;
    event.preventDefault();
    const { clientX: x, clientY: y } = event;
    const verb = await this.#work.menu({ x, y, actions: placeActions({ holds: this.#work.carry?.holdsAny() }) });
    if (verb === "paste") this.#work.carry?.paste();
    else if (verb === "upload") this.act("pick-files");
    else if (verb) this.#work.run(verb, []);
  }

  #onKey(event) {
    if (isTyping(event) || event.defaultPrevented) return;
    const command = event.ctrlKey || event.metaKey;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const verb = command ? { a: "all", c: "hold", x: "cut", v: "paste" }[key] : { F2: "rename", Delete: "trash", Backspace: "up", Escape: "clear", "?": "shortcuts" }[key];
    const isUp = event.altKey && key === "ArrowUp";
    if (ENTERS.has(key) && !event.altKey && !command && this.listing.total && [document.body, document.querySelector("main")].includes(event.target)) {
      event.preventDefault();
      return this.#list.enter();
    }
    if (isUp || (verb && !event.altKey)) this.#onVerb(isUp ? "up" : verb, event);
  }

  #onVerb(verb, event) {
    const items = this.#targets();
    const may = new Set(this.actionsFor(items).map((action) => action.verb));
    if (verb === "clear") return this.selection.size > 0 ? this.selection.clear() : this.#work.carry?.release();
    if (verb === "hold" && !getSelection().isCollapsed) return;
    if (verb === "paste" && !this.#work.carry?.holdsAny()) return; // the browser's own: what it brings is uploaded
    event.preventDefault();
    if (verb === "all") return this.#selectAll();
    if (verb === "up") return this.#up();
    if (verb === "shortcuts") return this.#work.run("shortcuts", []);
    if (verb === "hold" || verb === "cut") return may.has("move") && this.#work.carry?.hold(items, verb === "cut");
    if (verb === "paste") return this.mayChange && this.mode === "files" && this.#work.carry?.paste();
    const meant = verb === "trash" && this.mode === "trash" ? "purge" : verb;
    if (may.has(meant)) this.#work.run(meant, items);
  }

  #up() {
    if (this.mode !== "files") return;
    if (this.query !== "") location.hash = folderHref(this.folder);
    else if (this.folder !== "/") location.hash = folderHref(parentOf(this.folder));
  }

  /** What is here at once, the rest as it comes. */
  async #selectAll() {
    const { total, folders, query } = this.listing;
    if (!total) return;
    if (total <= 500) return this.selection.replace(await this.listing.between(0, total - 1));
    const files = await this.#work.quietly(() => this.act("load-all", query));
    if (files === undefined) return;
    this.selection.replace([...folders, ...files].slice(0, ITEMS_MAX));
    if (total > ITEMS_MAX) this.act("toast", { text: t("files.tooMany", { n: ITEMS_MAX }) });
  }

  update() {
    const { total, problem } = this.listing;
    const isFiles = this.mode === "files";
    const items = this.selection.list();
    Object.assign(this.#list, { look: this.#look, sort: isFiles ? this.#sort : {}, showFolder: !isFiles || this.query !== "" });
    this.#list.requestUpdate();
    const begins = this.#bar.hidden && items.length > 0;
    if (items.length !== this.#told) this.act("say", { sentence: t("files.selected", { n: items.length }) });
    this.#told = items.length;
    this.#bar.show(items, this.actionsFor(items));
    if (begins) this.#list.revealFocus();
    setAttribute(this.#info, "aria-pressed", String(this.#work.followDetails(this.#targets())));
    this.markPage("data-choosing", items.length > 0);
    this.#upload.hidden = this.#newFolder.hidden = !this.#takesNew;
    this.#order.hidden = this.#turn.hidden = !isFiles || !total;
    this.#looks.hidden = this.#info.hidden = !total;
    this.#empty.hidden = this.mode !== "trash" || !total || !this.mayChange;
    this.#order.value = this.#sort.key;
    setIcon(this.#turn.firstChild, this.#sort.descends ? "descending" : "ascending");
    setIcon(this.#looks.firstChild, this.#look === "tiles" ? "list" : "grid");
    const other = t(this.#look === "tiles" ? "files.list" : "files.tiles");
    setAttribute(this.#looks, "aria-label", other);
    setAttribute(this.#looks, "title", other);
    setText(this.#count, this.#counted());
    this.#updateNote(total);
    this.#states.update(total, problem);
    if (!total) this.listing.want(0, 0);
  }

  #counted() {
    const { folderCount, fileCount, total } = this.listing;
    if (!total) return "";
    return [folderCount > 0 && t("files.folders", { n: folderCount }), fileCount > 0 && t("common.files", { n: fileCount })].filter(Boolean).join(", ");
  }

  #updateNote(total) {
    const isSearch = this.query !== "";
    this.#note.hidden = !total || !(isSearch || this.mode === "trash");
    const shown = `${this.mode} ${this.query} ${this.folder}`;
    if (this.#note.hidden || this.#note.dataset.shown === shown) return;
    this.#note.dataset.shown = shown;
    const clear = h("a", { class: "button small", href: folderHref(this.folder) }, t("files.clearSearch"));
    const where = folderParts(this.folder).at(-1);
    const words = t("files.resultsFor", { q: this.query }) + (where ? t("files.whereIn", { name: where }) : "");
    this.#note.replaceChildren(...(isSearch ? [h("span", {}, words), clear] : [icon("info"), t("files.trashNote")]));
  }

  /** Rows that wait to be moved by pasting look faint. @param {object[]} items */
  markCut(items) {
    this.#list.cut = new Set(items.map(keyOf));
    this.#list.requestUpdate();
  }

  /** Puts the focus on a row, or on the one that took its place. */
  focusList(item) {
    if (!this.isConnected) return;
    this.#list.focusRow(item);
    if (!this.listing.total) document.querySelector("main")?.focus();
  }
}

function remembered(key, usual) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? usual;
  } catch {
    return usual;
  }
}

function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // storage refused: it is as usual next time
  }
}

customElements.define("file-view", FileView);
