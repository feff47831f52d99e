// <sign-in>: the door. Signs in, or with a set-up code makes the first account.
//
// Properties: `code` (the set-up code, or null). Actions: "sign-in" {name, password}, "set-up" {code, name, password};
// their answer rejects with what to show.

import { DriveElement } from "./element.js";
import { h, icon, setText } from "./dom.js";

const SIGN_IN = { title: "Sign in to Drive", text: "", verb: "Sign in", busy: "Signing in…" };
const SET_UP = {
  title: "Welcome to Drive",
  text: "Choose a name and a password for the first account. It can manage everything.",
  verb: "Create account",
  busy: "Creating…",
};

export class SignIn extends DriveElement {
  #code = null;
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
    "Show",
  );
  #error = h("div", { class: "error", role: "alert", hidden: true });
  #submit = h("button", { type: "submit", class: "primary" });

  set code(code) {
    this.#code = code;
    this.requestUpdate();
  }

  build() {
    this.append(
      h(
        "form",
        { onsubmit: (event) => this.#onSubmit(event) },
        h("div", { class: "mark" }, icon("logo")),
        this.#title,
        this.#text,
        h("div", { class: "field" }, h("label", { for: "sign-in-name" }, "Name"), this.#name),
        h(
          "div",
          { class: "field" },
          h("label", { for: "sign-in-password" }, "Password"),
          h("div", { class: "secret" }, this.#password, this.#reveal),
        ),
        this.#error,
        this.#submit,
      ),
    );
  }

  connected() {
    this.#name.focus();
  }

  update() {
    const words = this.#code === null ? SIGN_IN : SET_UP;
    setText(this.#title, words.title);
    setText(this.#text, words.text);
    this.#text.hidden = words.text === "";
    setText(this.#submit, this.#busy ? words.busy : words.verb);
    this.#submit.disabled = this.#busy;
    this.#password.autocomplete = this.#code === null ? "current-password" : "new-password";
  }

  #toggleReveal() {
    const isShown = this.#password.type === "password";
    this.#password.type = isShown ? "text" : "password";
    this.#reveal.setAttribute("aria-pressed", String(isShown));
    setText(this.#reveal, isShown ? "Hide" : "Show");
  }

  async #onSubmit(event) {
    event.preventDefault();
    const detail = { name: this.#name.value.trim(), password: this.#password.value };
    this.#error.hidden = true;
    this.#setBusy(true);
    try {
      if (this.#code === null) await this.act("sign-in", detail);
      else await this.act("set-up", { code: this.#code, ...detail });
      this.#password.value = "";
    } catch (problem) {
      this.#error.replaceChildren(icon("warning"), h("span", {}, problem.message));
      this.#error.hidden = false;
      this.#password.select();
      this.#password.focus();
    } finally {
      this.#setBusy(false);
    }
  }

  #setBusy(busy) {
    this.#busy = busy;
    this.update();
  }
}

customElements.define("sign-in", SignIn);
