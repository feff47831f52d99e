// <second-factor-page>: a code beside the password. Actions: "load-second-factor", "begin-second-factor"
// {currentPassword}, "confirm-second-factor" {code}, "remove-second-factor" {currentPassword, code}.

import "./qr-code.js";
import { t } from "../core/words.js";
import { ask } from "./ask.js";
import { h, icon } from "./dom.js";
import { copyButton, field, formError, saveText, send, valuesOf } from "./form.js";
import { badge, PageElement, section } from "./page-element.js";

/** From here on it is time for new ones. */
const FEW_CODES = 3;

export class SecondFactorPage extends PageElement {
  texts() {
    return { title: t("settings.secondFactor"), lead: t("settings.secondFactorLead") };
  }

  load() {
    return this.act("load-second-factor");
  }

  show({ enabled, recoveryCodesLeft }) {
    this.body.replaceChildren(enabled ? this.#on(recoveryCodesLeft) : this.#off());
  }

  #off() {
    const begin = h("button", { type: "button", class: "primary", "data-action": "begin", onclick: () => this.#begin() }, t("settings.turnOn"));
    return section("", h("p", { class: "state-line" }, badge("quiet", t("settings.isOff")), h("span", {}, t("settings.isOffText"))), h("div", { class: "verbs" }, begin));
  }

  #on(left) {
    const remove = h("button", { type: "button", class: "danger-quiet", "data-action": "remove", onclick: () => this.#remove() }, t("settings.turnOff"));
    const few = left <= FEW_CODES && h("p", { class: "note" }, icon("warning"), h("span", {}, t("settings.fewCodes")));
    return section("", h("p", { class: "state-line" }, badge("ok", t("settings.isOn")), h("span", {}, t("settings.codesLeft", { n: left }))), few, h("div", { class: "verbs" }, remove));
  }

  async #begin() {
    const begun = await ask({
      title: t("settings.turnOn"),
      text: t("settings.beginText"),
      body: [field({ label: t("settings.currentPassword"), name: "currentPassword", type: "password", autocomplete: "current-password" })],
      verb: t("pages.next"),
      submit: (form) => this.act("begin-second-factor", valuesOf(form)),
    });
    if (begun !== null) this.#showSecret(begun);
  }

  /** Three steps on the page: read the code, and tell what the app shows. */
  #showSecret({ secret, uri }) {
    const code = Object.assign(h("qr-code"), { text: uri, label: t("settings.qrLabel") });
    const spaced = secret.match(/.{1,4}/g).join(" ");
    const form = h(
      "form",
      { novalidate: true, onsubmit: (event) => this.#confirm(event) },
      field({ label: t("settings.code"), name: "code", help: t("settings.codeHelp"), inputmode: "numeric", autocomplete: "one-time-code", maxlength: 12, class: "code" }),
      formError(),
      h("div", { class: "verbs" },
        h("button", { type: "submit", class: "primary" }, t("settings.confirm")),
        h("button", { type: "button", onclick: () => this.reload().then(() => this.focusHeading()) }, t("common.cancel"))),
    );
    const byHand = h(
      "details",
      {},
      h("summary", {}, t("settings.byHand")),
      h("div", { class: "secret-box" }, h("code", { tabindex: 0, "aria-label": t("settings.secret") }, spaced), copyButton(secret, t("pages.copy"))),
      h("p", {}, h("a", { class: "link", href: uri }, t("settings.openApp"))),
    );
    this.body.replaceChildren(
      section(t("settings.step1"), h("p", {}, t("settings.step1Text")), code, byHand),
      section(t("settings.step2"), form),
    );
    this.focusHeading();
  }

  async #confirm(event) {
    event.preventDefault();
    const form = event.target;
    let codes;
    const done = await send(form, async () => ({ recoveryCodes: codes } = await this.act("confirm-second-factor", valuesOf(form))));
    if (done) this.#showCodes(codes);
  }

  /** Once, and never again: copied, saved or printed. */
  #showCodes(codes) {
    const grouped = codes.map((code) => code.match(/.{1,4}/g).join("-"));
    const { name } = this.store.account;
    const text = `${t("settings.codesTitle", { name })}\n\n${grouped.join("\n")}\n\n${t("settings.codesText")}\n`;
    const save = h("button", { type: "button", onclick: () => saveText(`drive-${name}-codes.txt`, text) }, icon("download"), t("settings.saveCodes"));
    const print = h("button", { type: "button", onclick: () => window.print() }, icon("document"), t("settings.printCodes"));
    const done = h("button", { type: "button", class: "primary", onclick: () => this.reload().then(() => this.focusHeading()) }, t("settings.kept"));
    const list = h("ul", { class: "codes", tabindex: 0, "aria-label": t("settings.recoveryCodes") }, ...grouped.map((code) => h("li", {}, h("code", {}, code))));
    this.body.replaceChildren(
      section("", h("p", { class: "state-line" }, badge("ok", t("settings.isOn")))),
      h("section", { class: "printed" }, h("h3", {}, t("settings.codesTitle", { name })), h("p", {}, t("settings.codesText")), list,
        h("div", { class: "verbs" }, copyButton(grouped.join("\n"), t("pages.copy")), save, print)),
      h("div", { class: "verbs" }, done),
    );
    this.say(t("settings.onSaid"));
    this.focusHeading();
  }

  async #remove() {
    const done = await ask({
      title: t("settings.turnOff"),
      text: t("settings.turnOffText"),
      body: [
        field({ label: t("settings.currentPassword"), name: "currentPassword", type: "password", autocomplete: "current-password" }),
        field({ label: t("settings.code"), name: "code", help: t("settings.codeOrRecovery"), autocomplete: "one-time-code" }),
      ],
      verb: t("settings.turnOff"),
      submit: (form) => this.act("remove-second-factor", valuesOf(form)),
    });
    if (done === null) return;
    this.put({ enabled: false, recoveryCodesLeft: 0 });
    this.say(t("settings.offSaid"));
    this.focusHeading();
  }
}

customElements.define("second-factor-page", SecondFactorPage);
