// <password-page>: another password. Action: "change-password" {currentPassword, newPassword}.

import { t } from "../core/words.js";
import { h, icon } from "./dom.js";
import { field, formError, send, showProblem, valuesOf } from "./form.js";
import { PageElement } from "./page-element.js";

export class PasswordPage extends PageElement {
  #done = h("p", { class: "success", hidden: true }, icon("done"), h("span", {}, t("settings.passwordChanged")));
  #form = h(
    "form",
    { class: "narrow", novalidate: true, onsubmit: (event) => this.#onSubmit(event) },
    h("input", { type: "text", name: "username", autocomplete: "username", hidden: true }),
    field({ label: t("settings.currentPassword"), name: "currentPassword", type: "password", autocomplete: "current-password" }),
    field({ label: t("settings.newPassword"), name: "newPassword", type: "password", autocomplete: "new-password", help: t("settings.passwordHelp") }),
    field({ label: t("settings.repeatPassword"), name: "repeated", type: "password", autocomplete: "new-password" }),
    formError(),
    h("div", { class: "verbs" }, h("button", { type: "submit", class: "primary" }, t("settings.changePassword"))),
  );

  texts() {
    return { title: t("settings.password"), lead: t("settings.passwordLead") };
  }

  show() {
    if (this.body.childElementCount > 0) return;
    this.#form.elements.username.value = this.store.account.name;
    this.body.append(this.#done, this.#form);
  }

  async #onSubmit(event) {
    event.preventDefault();
    this.#done.hidden = true;
    const { currentPassword, newPassword, repeated } = valuesOf(this.#form);
    if (newPassword !== repeated) {
      showProblem(this.#form, { message: t("settings.notTheSame"), details: { field: "repeated" } });
      return;
    }
    if (!(await send(this.#form, () => this.act("change-password", { currentPassword, newPassword })))) return;
    this.#form.reset();
    this.#done.hidden = false;
    this.say(t("settings.passwordChanged"));
    this.focusHeading();
  }
}

customElements.define("password-page", PasswordPage);
