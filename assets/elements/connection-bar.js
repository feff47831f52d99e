// <connection-bar>: says quietly that the live connection is gone, once that has lasted longer than a blink.
//
// Properties: `store`.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon } from "./dom.js";

const PATIENCE_MS = 1200;

export class ConnectionBar extends DriveElement {
  store;
  #timer = null;

  build() {
    this.hidden = true;
    this.setAttribute("role", "status");
    this.append(icon("offline"), h("span", {}, t("account.reconnecting")));
  }

  connected() {
    this.listen(this.store, "connection", () => this.update());
  }

  update() {
    if (this.store.connection === "online") {
      clearTimeout(this.#timer);
      this.#timer = null;
      this.hidden = true;
    } else {
      this.#timer ??= setTimeout(() => (this.hidden = false), PATIENCE_MS);
    }
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

customElements.define("connection-bar", ConnectionBar);
