// What stands in a file place when there are no rows: the skeleton, the empty place, the failure; and below the rows,
// when they could not be brought up to date.

import { folderParts } from "../core/format.js";
import { parentOf } from "../core/paths.js";
import { t } from "../core/words.js";
import { h, icon, placeholder } from "./dom.js";
import { folderHref, searchHref } from "./route.js";

const SKELETON_AFTER_MS = 150;

export class FileStates {
  #view;
  #timer = null;
  #state = h("div", { class: "state", hidden: true });
  #more = h("div", { class: "error more", role: "alert", hidden: true });

  /** @param {import("./file-view.js").FileView} view */
  constructor(view) {
    this.#view = view;
  }

  get nodes() {
    return [this.#more, this.#state];
  }

  /** The skeleton waits a moment, for most answers come before it would be seen. */
  update(total, problem) {
    this.#state.hidden = total > 0;
    this.#updateMore(total, problem);
    if (total !== null || problem) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    if (total > 0) return;
    if (problem) this.#show(`problem ${problem.message}`, () => this.#failed(problem));
    else if (total === 0) this.#show(`${this.#view.isMissing} ${this.#view.mode} ${this.#view.folder} ${this.#view.query} ${this.#view.mayChange}`, () => this.#empty());
    else {
      if (this.#state.dataset.shown !== "skeleton") this.#show("nothing", () => "");
      this.#timer ??= setTimeout(() => this.#show("skeleton", skeleton), SKELETON_AFTER_MS);
    }
  }

  #show(what, make) {
    if (this.#state.dataset.shown === what) return;
    this.#state.dataset.shown = what;
    this.#state.replaceChildren(make());
  }

  #retry(attributes = {}) {
    return h("button", { type: "button", ...attributes, onclick: () => this.#view.listing.refresh() }, icon("retry"), t("common.tryAgain"));
  }

  #failed(problem) {
    return placeholder({ glyph: "warning", title: t("files.notLoaded"), text: problem.message }, this.#retry());
  }

  #updateMore(total, problem) {
    const shown = problem && total > 0 ? problem.message : "";
    this.#more.hidden = shown === "";
    if (this.#more.hidden || this.#more.dataset.shown === shown) return;
    this.#more.dataset.shown = shown;
    this.#more.replaceChildren(icon("warning"), h("span", {}, t("files.outdated", { problem: shown })), this.#retry({ class: "small" }));
  }

  #empty() {
    if (this.#view.isMissing) return this.#missing();
    const { mode, query, folder, mayChange } = this.#view;
    if (query !== "") return this.#noneFound();
    if (mode === "trash") return placeholder({ glyph: "trash", title: t("files.emptyTrash"), text: t("files.emptyTrashText") });
    if (mode === "recent") return placeholder({ glyph: "clock", title: t("files.emptyRecent"), text: t("files.emptyRecentText") });
    const name = folderParts(folder).at(-1);
    const title = name ? t("files.emptyFolder", { name }) : t("files.emptyTop");
    if (!mayChange) return placeholder({ glyph: "files", title, text: t("files.emptyGuest") });
    const pick = h("button", { type: "button", class: "primary", onclick: () => this.#view.act("pick-files") }, icon("upload"), t("files.choose"));
    const text = t(matchMedia("(hover: hover)").matches ? "files.dropHint" : "files.pickHint");
    return placeholder({ glyph: "upload", title, text }, pick);
  }

  #missing() {
    const { folder, listing } = this.#view;
    let above = parentOf(folder);
    while (above !== "/" && !listing.folder(above)) above = parentOf(above);
    const [name, up] = [folder, above].map((path) => folderParts(path).at(-1) ?? t("files.top"));
    const link = h("a", { class: "button", href: folderHref(above) }, icon("folder"), t("files.goTo", { name: up }));
    return placeholder({ glyph: "folder", title: t("files.missing", { name }), text: t("files.missingText") }, link);
  }

  #noneFound() {
    const { query: q, folder } = this.#view;
    const name = folderParts(folder).at(-1);
    const where = name ? t("files.whereIn", { name }) : "";
    const everywhere = name ? h("a", { class: "button", href: searchHref("/", q) }, icon("search"), t("files.everywhere")) : null;
    const clear = h("a", { class: "button", href: folderHref(folder) }, t("files.clearSearch"));
    return placeholder({ glyph: "search", title: t("files.noneFound", { q }), text: t("files.noneFoundText", { where }) }, everywhere ?? clear);
  }
}

function skeleton() {
  const rows = Array.from({ length: 8 }, () =>
    h("div", { class: "skeleton-row" }, h("span", { class: "skeleton" }), h("span", { class: "skeleton" })),
  );
  return h("div", { class: "skeletons", "aria-label": t("common.loading"), role: "status" }, ...rows);
}
