// <bread-crumb>: where one is, and the way back up. Of a long way the first and the last steps are shown, those between
// in a menu.
//
// Properties: `place` {view, folder}.

import { folderParts } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton } from "./dom.js";
import { folderHref } from "./route.js";

/** So many steps can be read beside each other; of more the first and the last are. */
const MOST = 5;
const LAST = 2;

export class BreadCrumb extends DriveElement {
  #place = { view: "files", folder: "/" };
  #shown = null;
  #list = h("ol");

  set place(place) {
    this.#place = place;
    this.requestUpdate();
  }

  build() {
    this.append(h("nav", { "aria-label": t("shell.youAreHere") }, this.#list));
  }

  update() {
    const { view, folder } = this.#place;
    if (this.#shown === view + folder) return; // an open menu stays open
    this.#shown = view + folder;
    const steps = [{ word: t(`shell.${view}`), href: `#/${view}`, folder: "/" }];
    if (view === "files") {
      const parts = folderParts(folder);
      parts.forEach((word, i) => {
        const path = `/${parts.slice(0, i + 1).join("/")}`;
        steps.push({ word, href: folderHref(path), folder: path });
      });
    }
    const last = steps.pop();
    const between = steps.length < MOST ? [] : steps.splice(1, steps.length - LAST);
    const held = this.contains(document.activeElement);
    const items = steps.map((step) => h("li", {}, link(step), icon("chevron-right")));
    if (between.length > 0) items.splice(1, 0, h("li", { class: "between" }, ...menu(between), icon("chevron-right")));
    this.#list.replaceChildren(...items, h("li", {}, h("h1", { "aria-current": "page", title: last.word }, last.word)));
    if (held) document.querySelector("main")?.focus({ preventScroll: true });
  }
}

const link = ({ word, href, folder }) => h("a", { href, title: word, "data-folder": folder }, word);

function menu(steps) {
  const list = h("div", { popover: "", id: "crumbs-between" }, ...steps.map(link));
  const button = iconButton("more", t("shell.between"), { popovertarget: list.id });
  list.addEventListener("beforetoggle", () => {
    const { left, bottom } = button.getBoundingClientRect();
    list.style.setProperty("--x", `${left}px`);
    list.style.setProperty("--y", `${bottom + 4}px`);
  });
  return [button, list];
}

customElements.define("bread-crumb", BreadCrumb);
