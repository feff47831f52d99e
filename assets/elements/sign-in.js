// <sign-in>: the door. Signs in, here or at an outside provider, or with a set-up code makes the first account.
//
// Properties: `code` (the set-up code, or null), `refusal` (why signing in elsewhere failed, or null). Actions:
// "sign-in" {name, password, code?}, "set-up" {code, name, password}: their answer rejects with what to show;
// "ask-provider": answers with what the outside provider is called, or null.

import { PROVIDER_URL } from "../core/api.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, setText } from "./dom.js";

const signIn = () => ({ title: t("door.signInTitle"), text: "", verb: t("door.signIn"), busy: t("door.signingIn") });
const setUp = () => ({
  title: t("door.setUpTitle"),
  text: t("door.setUpText"),
  verb: t("door.setUp"),
  busy: t("door.settingUp"),
});

/** Why signing in elsewhere failed, in words. */
const refusalWords = (code) => (["UNREACHABLE", "FORBIDDEN"].includes(code) ? t(`door.${code}`) : t("door.refused"));

export class SignIn extends DriveElement {
  #code = null;
  #refusal = null;
  #provider = null;
  #busy = false;
  #title = h("h1");
  #text = h("p", { class: "lead" });
  #name = h("input", {
    name: "name",
    id: "sign-in-name",
    autocomplete: "username",
    autocapitalize: "none",
    spellcheck: "false",
    required: true,
  });
  #password = h("input", { name: "password", id: "sign-in-password", type: "password", required: true });
  #reveal = h(
    "button",
    { type: "button", class: "plain-button small", "aria-pressed": "false", onclick: () => this.#toggleReveal() },
    t("door.show"),
  );
  #factor = h("input", {
    name: "code",
    id: "sign-in-code",
    autocomplete: "one-time-code",
    autocapitalize: "none",
    spellcheck: "false",
    "aria-describedby": "sign-in-code-help",
  });
  #factorField = h(
    "div",
    { class: "field", hidden: true },
    h("label", { for: "sign-in-code" }, t("door.code")),
    this.#factor,
    h("p", { class: "help", id: "sign-in-code-help" }, t("door.codeHelp")),
  );
  #elsewhere = h("a", { class: "button elsewhere", href: PROVIDER_URL, hidden: true });
  #error = h("div", { class: "error", role: "alert", hidden: true });
  #submit = h("button", { type: "submit", class: "primary" });

  set code(code) {
    this.#code = code;
    this.requestUpdate();
  }

  set refusal(refusal) {
    if (refusal === this.#refusal) return;
    this.#refusal = refusal;
    this.#showError(refusal === null ? null : refusalWords(refusal));
  }

  build() {
    this.setAttribute("role", "main");
    this.append(
      h(
        "form",
        { onsubmit: (event) => this.#onSubmit(event) },
        h("div", { class: "mark" }, icon("logo")),
        this.#title,
        this.#text,
        h("div", { class: "field" }, h("label", { for: "sign-in-name" }, t("door.name")), this.#name),
        h(
          "div",
          { class: "field" },
          h("label", { for: "sign-in-password" }, t("door.password")),
          h("div", { class: "secret" }, this.#password, this.#reveal),
        ),
        this.#factorField,
        this.#error,
        this.#submit,
        this.#elsewhere,
      ),
    );
  }

  connected() {
    this.#name.focus();
    this.#askProvider();
  }

  update() {
    const words = this.#code === null ? signIn() : setUp();
    setText(this.#title, words.title);
    setText(this.#text, words.text);
    this.#text.hidden = words.text === "";
    setText(this.#submit, this.#busy ? words.busy : words.verb);
    this.#submit.disabled = this.#busy;
    this.#elsewhere.hidden = this.#code !== null || this.#provider === null;
    if (this.#provider !== null) setText(this.#elsewhere, t("door.elsewhere", { provider: this.#provider }));
    this.#password.autocomplete = this.#code === null ? "current-password" : "new-password";
  }

  #toggleReveal() {
    const isShown = this.#password.type === "password";
    this.#password.type = isShown ? "text" : "password";
    this.#reveal.setAttribute("aria-pressed", String(isShown));
    setText(this.#reveal, isShown ? t("door.hide") : t("door.show"));
  }

  async #askProvider() {
    try {
      this.#provider = (await this.act("ask-provider")) ?? null;
    } catch {
      return; // the password still works, and says so itself when the server is away
    }
    this.requestUpdate();
  }

  async #onSubmit(event) {
    event.preventDefault();
    const detail = { name: this.#name.value.trim(), password: this.#password.value };
    if (!this.#factorField.hidden) detail.code = this.#factor.value.trim();
    this.#showError(null);
    this.#setBusy(true);
    try {
      if (this.#code === null) await this.act("sign-in", detail);
      else await this.act("set-up", { code: this.#code, ...detail });
      this.#password.value = "";
      this.#askForCode(false);
    } catch (problem) {
      this.#onProblem(problem);
    } finally {
      this.#setBusy(false);
    }
  }

  #onProblem({ code, message, details }) {
    if (code === "CODE_REQUIRED" && this.#factorField.hidden) {
      this.#askForCode(true); // the password is right: nothing went wrong
      return;
    }
    this.#showError(message);
    const wrong = details?.field === "code" ? this.#factor : this.#password;
    wrong.select();
    wrong.focus();
  }

  #askForCode(isAsked) {
    this.#factorField.hidden = !isAsked;
    this.#factor.required = isAsked;
    this.#factor.value = "";
    if (isAsked) this.#factor.focus();
  }

  #showError(sentence) {
    this.#error.replaceChildren(...(sentence === null ? [] : [icon("warning"), h("span", {}, sentence)]));
    this.#error.hidden = sentence === null;
  }

  #setBusy(busy) {
    this.#busy = busy;
    this.update();
  }
}

customElements.define("sign-in", SignIn);
