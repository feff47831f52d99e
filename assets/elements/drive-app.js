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

export class DriveApp extends DriveElement {
  store;
  opened = () => {};
  /** Places that were loaded, by name: their element. @type {Map<string, HTMLElement>} */
  #places = new Map();
  #problem = null;
  #shown = null;
  #titleTimer = null;
  #region = h("live-region");
  #toasts = h("toast-stack");
  #door = null;
  #frame = null;
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
    this.say(toast.text);
    return this.#toasts.show(toast);
  }

  build() {
    this.append(this.#region, this.#toasts);
  }

  connected() {
    this.listen(this.store, "account", () => this.update());
    this.listen(this.store, "uploads upload", () => (this.#titleTimer ??= setTimeout(() => this.#updateTitle(), TITLE_MS)));
    this.listen(window, "hashchange", () => this.update());
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
    this.#frame = null; // the next account starts with a clean view
    this.#places.clear();
    if (this.#door === null) return void this.#loadDoor();
    const { code, refusal } = parseRoute(location.hash);
    this.#door.code = code;
    this.#door.refusal = refusal;
    this.#showOnly(this.#door);
  }

  async #loadDoor() {
    try {
      await loadPart(await import("../views/door.js"));
    } catch (error) {
      return this.#showOnly(this.#startFailed(error));
    }
    if (this.store.account !== null || this.#door !== null) return;
    this.#door = h("sign-in");
    this.update();
  }

  #showFrame() {
    this.#door = null;
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
    if (place !== null) {
      place.rest = rest;
      if (main.firstElementChild !== place) this.#enter(place);
    }
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

  /** The element of a place; null while it is being loaded, after which it is shown. */
  #place(view) {
    const known = view === "files" ? this.#parts.files : this.#places.get(view);
    if (known === undefined) this.#load(view);
    return known ?? null;
  }

  async #load(view) {
    const { store } = this;
    try {
      const module = await VIEWS.find((one) => one.view === view).load();
      await Promise.all([loadPart(module), loadSaid()]);
      this.opened(module);
      this.#places.set(view, Object.assign(h(module.tag), { store }));
    } catch (error) {
      console.error(error);
      const again = h("button", { type: "button", onclick: () => this.#load(view) }, icon("retry"), t("common.tryAgain"));
      this.#parts?.main.replaceChildren(placeholder({ glyph: "offline", title: t("shell.failed"), text: error.message }, again));
      return;
    }
    if (this.#frame !== null) this.update();
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

/** What a part that is loaded later needs beside its modules. */
const loadPart = ({ words = [], styles = [] }) => Promise.all([loadWords(...words), ...styles.map(loadStyle)]);

customElements.define("drive-app", DriveApp);
