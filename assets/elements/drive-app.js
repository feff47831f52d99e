// <drive-app>: the whole page. Shows the door, or the places of whoever is signed in; follows the address.
//
// Properties: `store`, `problem` (why the start failed, or null), `opened(module)` (told of each place that was loaded). `say(sentence)` speaks to screen readers.
// Actions: "start" (try the start again), and those of its children.

import { percent } from "../core/format.js";
import { totals } from "../core/upload-view.js";
import { loadSaid } from "../core/said.js";
import { loadWords, t } from "../core/words.js";
import { VIEWS, viewsOf } from "../views/index.js";
import { DriveElement } from "./element.js";
import { h, icon, loadStyle, placeholder } from "./dom.js";
import { parseRoute } from "./route.js";

/** The title sums up all uploads; it is not read more often than this. By a timer, for a page in the background has no frames. */
const TITLE_MS = 250;
/** Most places are there before a skeleton would be seen. */
const SKELETON_AFTER_MS = 150;

export class DriveApp extends DriveElement {
  store;
  opened = () => {};
  /** By name: a place that was loaded, what stands there while it is, or why it could not be. @type {Map<string, HTMLElement>} */
  #places = new Map();
  /** Places that could not be loaded. They are tried again when somebody comes back or the connection does. */
  #failed = new Set();
  /** Where whoever was here last left; theirs again if they are the next. @type {{id: string, hash: string} | null} */
  #left = null;
  #problem = null;
  #shown = null;
  #titleTimer = null;
  #region = h("live-region");
  #toasts = h("toast-stack");
  #door = null;
  #frame = null;
  /** The account that the frame belongs to. */
  #whose = null;
  /** The parts of the frame, made when somebody signs in. */
  #parts = null;

  set problem(problem) {
    this.#problem = problem;
    this.requestUpdate();
  }

  say(sentence) {
    this.#region.say(sentence);
  }

  /** @returns {() => void} takes it away again */
  #toast(toast) {
    if (!this.store.account) return () => {}; // what comes late is none of the next one's business
    this.say(toast.text);
    return this.#toasts.show(toast);
  }

  build() {
    this.append(this.#region, this.#toasts);
  }

  connected() {
    this.listen(this.store, "account", () => this.update());
    this.listen(this.store, "uploads upload", () => (this.#titleTimer ??= setTimeout(() => this.#updateTitle(), TITLE_MS)));
    this.listen(this.store, "connection", () => this.store.connection === "online" && this.#tryFailed());
    this.listen(window, "hashchange", () => this.#tryFailed());
    this.listen(this, "drive-action", (event) => {
      const { action, detail } = event;
      if (action === "toast") event.answer = this.#toast(detail);
      if (action === "pick-files") this.#parts.drop.pick();
      if (action === "pick-folder") this.#parts.drop.pickFolder();
      if (action === "take-photo") this.#parts.drop.takePhoto();
    });
  }

  update() {
    const { account } = this.store;
    if (account === undefined) this.#showOnly(this.#problem ? this.#startFailed(this.#problem) : null);
    else if (account === null) this.#showDoor();
    else this.#showFrame();
    this.#updateTitle();
  }

  #showOnly(node) {
    if (node === this.#shown) return;
    this.#shown?.remove();
    this.#shown = node;
    if (node) this.#toasts.before(node);
  }

  #tryFailed() {
    for (const view of this.#failed) this.#places.delete(view);
    this.#failed.clear();
    this.update();
  }

  #startFailed({ message }) {
    const retry = h(
      "button",
      { type: "button", class: "primary", onclick: () => this.act("start") },
      icon("retry"),
      t("common.tryAgain"),
    );
    const words = { glyph: "offline", title: t("shell.unreachable"), text: message };
    return h("div", { class: "alone" }, placeholder(words, retry));
  }

  #showDoor() {
    if (this.#frame !== null) this.#forget();
    if (this.#door === null) return void this.#loadDoor();
    const { code, refusal } = parseRoute(location.hash);
    this.#door.code = code;
    this.#door.refusal = refusal;
    this.#showOnly(this.#door);
  }

  /** The next account starts with a clean view, and finds no name of what was seen before. */
  #forget() {
    this.#frame = null;
    this.#places.clear();
    this.#failed.clear();
    this.#toasts.replaceChildren();
    this.#region.replaceChildren();
    this.#left = { id: this.#whose, hash: location.hash };
    history.replaceState(null, "", location.pathname);
  }

  async #loadDoor() {
    try {
      await loadPart(await import("../views/door.js"));
    } catch {
      return this.#showOnly(this.#startFailed({ message: t("common.unreachable") }));
    }
    if (this.store.account !== null || this.#door !== null) return;
    this.#door = h("sign-in");
    this.update();
  }

  #showFrame() {
    const { id } = this.store.account;
    if (this.#left?.id === id && location.hash === "") history.replaceState(null, "", this.#left.hash || "#/files");
    this.#left = this.#door = null;
    this.#whose = id;
    const { view, folder, q, rest, code, refusal } = parseRoute(location.hash);
    if (!viewsOf(this.store.account).some((one) => one.view === view)) return location.replace("#/files"); // not for them
    if (code || refusal) history.replaceState(null, "", "#/files"); // it has been used; do not leave it in the address
    this.#frame ??= this.#buildFrame();
    const { side, crumb, search, files, drop, main } = this.#parts;
    side.view = view;
    crumb.place = { view, folder };
    search.place = { folder, q };
    drop.folder = folder;
    drop.disabled = this.store.account.role === "guest";
    if (view === "files") files.place = { folder, q };
    const place = this.#place(view);
    place.rest = rest;
    if (main.firstElementChild !== place) this.#enter(place);
    const isNew = this.#frame !== this.#shown;
    this.#showOnly(this.#frame);
    if (isNew) main.focus(); // the door, which had the focus, is gone
  }

  /** Whoever went there by keyboard or screen reader starts at its top. */
  #enter(place) {
    const { main } = this.#parts;
    const isFirst = main.firstElementChild === null;
    main.replaceChildren(place);
    if (!isFirst && this.#shown === this.#frame) main.focus({ preventScroll: true });
  }

  /** The element of a place; while it is being loaded, what stands in for it: the one that was left would still hear keys. */
  #place(view) {
    if (view === "files") return this.#parts.files;
    if (!this.#places.has(view)) {
      this.#places.set(view, comingSoon());
      this.#load(view);
    }
    return this.#places.get(view);
  }

  async #load(view) {
    const { store } = this;
    const frame = this.#frame;
    let place;
    try {
      const module = await VIEWS.find((one) => one.view === view).load();
      await Promise.all([loadPart(module), loadSaid()]);
      this.opened(module);
      place = Object.assign(h(module.tag), { store });
    } catch (error) {
      console.error(error);
      place = this.#notLoaded();
    }
    if (this.#frame !== frame) return; // somebody else is signed in
    if (place.store !== store) this.#failed.add(view);
    this.#places.set(view, place);
    this.update();
  }

  /** With a connection, the parts are gone from the server or the browser remembers the failure: a new page helps both. */
  #notLoaded() {
    const isOnline = this.store.connection === "online";
    const help = () => (isOnline ? location.reload() : this.#tryFailed());
    const button = h("button", { type: "button", onclick: help }, icon("retry"), t(isOnline ? "shell.reload" : "common.tryAgain"));
    return placeholder({ glyph: "offline", title: t("shell.failed"), text: t(isOnline ? "shell.failedReload" : "shell.failedOffline") }, button);
  }

  #buildFrame() {
    const { store } = this;
    const make = (tag, properties = {}) => Object.assign(h(tag), properties);
    const parts = {
      side: make("side-bar", { store }),
      crumb: make("bread-crumb"),
      search: make("search-box"),
      files: make("file-view", { store }),
      drop: make("drop-zone"),
      main: h("main", { id: "main", tabindex: "-1" }),
    };
    this.#parts = parts;
    const skip = h(
      "a",
      { class: "skip", href: "#main", onclick: (event) => (event.preventDefault(), parts.main.focus()) },
      t("shell.skip"),
    );
    // The tray comes with what sends files, when there is time for it.
    customElements.whenDefined("upload-tray").then(() => parts.drop.before(make("upload-tray", { store })));
    return h(
      "div",
      { class: "frame" },
      skip,
      parts.side,
      h(
        "header",
        {},
        parts.crumb,
        parts.search,
        h("div", { class: "tools" }, make("notification-bell", { store }), make("account-menu", { store })),
      ),
      make("connection-bar", { store }),
      parts.main,
      parts.drop,
    );
  }

  /** "41 % · Drive": the tab tells how far it is while one looks elsewhere. */
  #updateTitle() {
    clearTimeout(this.#titleTimer);
    this.#titleTimer = null;
    const sum = totals(this.store.uploads.values());
    const place = this.store.account ? parseRoute(location.hash) : null;
    const where = place?.folder.split("/").pop() || (place && t(`shell.${place.view}`));
    const title = [sum.moving > 0 && percent(sum.part), where, "Drive"].filter(Boolean).join(" · ");
    if (document.title !== title) document.title = title;
  }
}

function comingSoon() {
  const node = h("div", { class: "coming", role: "status", "aria-label": t("common.loading") });
  const lines = () => Array.from({ length: 8 }, () => h("div", { class: "skeleton" }));
  setTimeout(() => node.append(...lines()), SKELETON_AFTER_MS);
  return node;
}

/** What a part that is loaded later needs beside its modules. */
const loadPart = ({ words = [], styles = [] }) => Promise.all([loadWords(...words), ...styles.map(loadStyle)]);

customElements.define("drive-app", DriveApp);
