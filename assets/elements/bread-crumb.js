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
    const steps = [{ word: t(`shell.${view}`), href: `#/${view}` }];
    if (view === "files") {
      const parts = folderParts(folder);
      parts.forEach((word, i) => steps.push({ word, href: folderHref(parts.slice(0, i + 1).join("/")) }));
    }
    const last = steps.pop();
    this.#list.replaceChildren(
      ...steps.map(({ word, href }) => h("li", {}, h("a", { href }, word), icon("chevron-right"))),
      h("li", {}, h("h1", { "aria-current": "page", title: last.word }, last.word)),
    );
  }
}

customElements.define("bread-crumb", BreadCrumb);
