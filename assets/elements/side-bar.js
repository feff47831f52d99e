// <side-bar>: the places of Drive, at the side on a desk and at the bottom on a phone, where it also holds "Upload".
//
// Properties: `store`, `view` ("files" or "tasks"). Actions: "pick-files".

import { DriveElement } from "./element.js";
import { h, icon, setAttribute, setText } from "./dom.js";

const PLACES = [
  { view: "files", href: "#/files", glyph: "files", word: "Files" },
  { view: "tasks", href: "#/tasks", glyph: "tasks", word: "Tasks" },
];

export class SideBar extends DriveElement {
  store;
  #view = "files";
  #links = new Map();
  #count = h("span", { class: "count number" });
  #add = h(
    "button",
    { type: "button", class: "primary add", "aria-label": "Upload files", onclick: () => this.act("pick-files") },
    icon("plus"),
  );
  #quota = h("quota-meter");

  set view(view) {
    this.#view = view;
    this.requestUpdate();
  }

  build() {
    for (const { view, href, glyph, word } of PLACES) {
      this.#links.set(view, h("a", { href }, icon(glyph), h("span", {}, word)));
    }
    this.#links.get("tasks").append(this.#count);
    this.#quota.store = this.store;
    this.append(
      h("a", { class: "brand", href: "#/files" }, icon("logo"), "Drive"),
      h("nav", { "aria-label": "Places" }, this.#links.get("files"), this.#add, this.#links.get("tasks")),
      this.#quota,
    );
  }

  connected() {
    this.listen(this.store, "tasks task account", () => this.requestUpdate());
  }

  update() {
    for (const [view, link] of this.#links) setAttribute(link, "aria-current", view === this.#view ? "page" : null);
    const active = [...this.store.tasks.values()].filter(
      ({ status }) => status === "InProgress" || status === "Pending",
    ).length;
    setText(this.#count, active > 0 ? String(active) : "");
    setAttribute(this.#count, "aria-label", active > 0 ? `${active} running` : null);
    this.#add.hidden = this.store.account?.role === "guest";
  }
}

customElements.define("side-bar", SideBar);
