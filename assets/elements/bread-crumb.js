// <bread-crumb>: where one is, and the way back up.
//
// Properties: `place` {view, folder}.

import { folderParts } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon } from "./dom.js";
import { folderHref } from "./route.js";

export class BreadCrumb extends DriveElement {
  #place = { view: "files", folder: "/" };
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
    const steps = [{ word: t(`shell.${view}`), href: `#/${view}`, folder: "/" }];
    if (view === "files") {
      const parts = folderParts(folder);
      parts.forEach((word, i) => {
        const path = `/${parts.slice(0, i + 1).join("/")}`;
        steps.push({ word, href: folderHref(path), folder: path });
      });
    }
    const last = steps.pop();
    this.#list.replaceChildren(
      ...steps.map(({ word, href, folder: path }) => h("li", {}, h("a", { href, title: word, "data-folder": path }, word), icon("chevron-right"))),
      h("li", {}, h("h1", { "aria-current": "page", title: last.word }, last.word)),
    );
  }
}

customElements.define("bread-crumb", BreadCrumb);
