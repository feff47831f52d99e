// <side-bar>: the places of Drive, at the side on a desk and at the bottom on a phone, where it also holds "Upload".
//
// Properties: `store`, `view` (a name of views/index.js). Actions: "pick-files".

import { t } from "../core/words.js";
import { viewsOf } from "../views/index.js";
import { DriveElement } from "./element.js";
import { h, icon, setAttribute, setText } from "./dom.js";

/** Places in the bar of a phone; the others are behind "More". */
const IN_BAR = ["files", "tasks", "shares"];

export class SideBar extends DriveElement {
  store;
  paceMs = 100;
  #view = "files";
  #links = new Map();
  #count = h("span", { class: "count number" });
  #add = h(
    "button",
    { type: "button", class: "primary add", "aria-label": t("shell.upload"), popovertarget: "add-menu" },
    icon("plus"),
  );
  #more = h("div", { id: "more-places", popover: "auto" });
  #sources = h("div", { id: "add-menu", popover: "auto" });
  #quota = h("quota-meter");

  set view(view) {
    this.#view = view;
    this.requestUpdate();
  }

  build() {
    const views = viewsOf(this.store.account);
    for (const { view, glyph } of views) {
      const link = h("a", { href: `#/${view}`, "data-view": view }, icon(glyph), h("span", {}, t(`shell.${view}`)));
      link.toggleAttribute("data-more", !IN_BAR.includes(view));
      this.#links.set(view, link);
    }
    this.#links.get("tasks").append(this.#count);
    const more = h("button", { type: "button", class: "more plain-button", popovertarget: "more-places" }, icon("more"), h("span", {}, t("shell.more")));
    more.hidden = views.every(({ view }) => IN_BAR.includes(view));
    this.#more.append(...views.filter(({ view }) => !IN_BAR.includes(view)).map(({ view, glyph }) => h("a", { href: `#/${view}` }, icon(glyph), t(`shell.${view}`))));
    this.#more.addEventListener("click", () => this.#more.hidePopover());
    for (const [action, glyph, word] of [
      ["take-photo", "camera", t("uploads.photo")],
      ["pick-files", "file", t("uploads.files")],
      ["pick-folder", "folder", t("uploads.folder")],
    ]) {
      this.#sources.append(h("button", { type: "button", class: "plain-button", onclick: () => this.act(action) }, icon(glyph), word));
    }
    this.#sources.addEventListener("click", () => this.#sources.hidePopover());
    this.#quota.store = this.store;
    this.setAttribute("role", "complementary"); // around the places: the mark, and how much is used
    this.setAttribute("aria-label", "Drive");
    this.append(
      h("a", { class: "brand", href: "#/files" }, icon("logo"), "Drive"),
      h("nav", { "aria-label": t("shell.places") }, ...this.#links.values(), this.#add, more),
      this.#quota,
      this.#more,
      this.#sources,
    );
  }

  connected() {
    this.listen(this.store, "tasks task account", () => this.requestUpdate());
  }

  update() {
    for (const [view, link] of this.#links) setAttribute(link, "aria-current", view === this.#view ? "page" : null);
    let active = 0;
    for (const { status } of this.store.tasks.values()) if (status === "InProgress" || status === "Pending") active++;
    setText(this.#count, active > 0 ? String(active) : "");
    setAttribute(this.#count, "aria-label", active > 0 ? t("shell.running", { n: active }) : null);
    this.#add.hidden = this.store.account?.role === "guest";
  }
}

customElements.define("side-bar", SideBar);
