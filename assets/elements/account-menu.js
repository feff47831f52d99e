// <account-menu>: who is signed in, the appearance, and the way out.
//
// Properties: `store`. Actions: "sign-out".

import { isMoving } from "../core/upload-view.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, loadStyle, setAttribute, setText } from "./dom.js";

export class AccountMenu extends DriveElement {
  store;
  #letter = h("span", { "aria-hidden": "true" });
  #button = h("button", { type: "button", class: "avatar", popovertarget: "account-panel" }, this.#letter);
  #name = h("strong");
  #role = h("span", { class: "role" });
  #quota = h("quota-meter");
  #error = h("p", { class: "error", role: "alert", hidden: true });
  #panel = h("div", { id: "account-panel", popover: "auto" });

  build() {
    this.#quota.store = this.store;
    this.#panel.append(
      h("div", { class: "who" }, this.#name, this.#role),
      this.#quota,
      h("theme-choice"),
      this.#error,
      h(
        "button",
        { type: "button", "data-action": "sign-out", onclick: () => this.#signOut() },
        icon("sign-out"),
        t("account.signOut"),
      ),
    );
    this.append(this.#button, this.#panel);
  }

  connected() {
    this.listen(this.store, "account", () => this.requestUpdate());
    this.listen(window, "hashchange", () => this.#panel.hidePopover());
  }

  update() {
    const { account } = this.store;
    if (!account) return;
    setText(this.#letter, [...account.name][0]?.toUpperCase() ?? "?");
    setAttribute(this.#button, "aria-label", t("account.menu", { name: account.name }));
    setAttribute(this.#button, "title", account.name);
    setText(this.#name, account.name);
    setText(this.#role, t(`account.${account.role}`));
  }

  /** What is being sent waits until then, and where the browser gives no handles its files have to be chosen again. */
  async #mayStop() {
    const sending = [...this.store.uploads.values()].filter((view) => view.driven && isMoving(view)).length;
    if (sending === 0) return true;
    this.#panel.hidePopover();
    const [{ ask }] = await Promise.all([import("./ask.js"), loadStyle("styles/forms.css")]);
    const words = { title: t("account.stillSending", { n: sending }), text: t("account.stillSendingText"), verb: t("account.signOut") };
    return (await ask({ ...words, submit: async () => true })) !== null;
  }

  async #signOut() {
    this.#error.hidden = true;
    if (!(await this.#mayStop())) return;
    try {
      await this.act("sign-out");
    } catch (problem) {
      setText(this.#error, t("account.stillSignedIn", { reason: problem.message }));
      this.#error.hidden = false;
    }
  }
}

customElements.define("account-menu", AccountMenu);
