// <account-identities>: the outside identities that sign in to an account, as administrators see and change them.
//
// Properties: `account` ({id, name}), `said(sentence)`. Actions: "load-identities" {id}, "link-identity" {id, issuer,
// subject}, "unlink-identity" {id, issuer, subject}.

import { day, exactTime } from "../core/format.js";
import { t } from "../core/words.js";
import { ask } from "./ask.js";
import { DriveElement } from "./element.js";
import { h, icon } from "./dom.js";
import { field, formError, showSentence, valuesOf } from "./form.js";
import { section } from "./page-element.js";
import { showRows } from "./rows.js";

export class AccountIdentities extends DriveElement {
  account;
  said = () => {};
  #known = null;
  #list = h("ul", { class: "rows" });
  #none = h("p", { class: "quiet" }, t("admin.noIdentities"));
  #error = formError();
  #link = h("button", { type: "button", "data-action": "link", onclick: () => this.#ask() }, icon("plus"), t("admin.linkIdentity"));

  build() {
    this.append(section(t("admin.identities"), h("p", { class: "quiet" }, t("admin.identitiesText")), this.#none, this.#list, this.#error, h("div", { class: "verbs" }, this.#link)));
  }

  async connected() {
    try {
      this.#known = await this.act("load-identities", { id: this.account.id });
    } catch (problem) {
      showSentence(this.#error, problem.message);
    }
    this.update();
  }

  update() {
    this.#list.hidden = !this.#known?.length;
    this.#none.hidden = this.#known?.length !== 0;
    if (this.#known) showRows(this.#list, this.#known, ({ issuer, subject }) => `${issuer} ${subject}`, (identity) => this.#row(identity));
  }

  #row(identity) {
    const { issuer, subject, createdAt } = identity;
    const facts = h("p", { class: "facts" }, h("span", {}, issuer), createdAt && h("span", { title: exactTime(createdAt) }, t("admin.linkedOn", { day: day(createdAt) })));
    const unlink = h("button", { type: "button", class: "small", "data-action": "unlink", "aria-label": t("admin.unlinkOf", { subject }), onclick: () => this.#unlink(identity) }, t("admin.unlink"));
    return h("li", {}, icon("link"), h("div", { class: "words" }, h("div", { class: "title" }, h("span", { class: "name" }, subject)), facts), unlink);
  }

  async #ask() {
    const { id, name } = this.account;
    const made = await ask({
      title: t("admin.linkIdentityTitle", { name }),
      text: t("admin.linkIdentityText"),
      body: [
        field({ label: t("admin.issuer"), name: "issuer", help: t("admin.issuerHelp"), value: this.#known?.[0]?.issuer ?? "", inputmode: "url", spellcheck: "false" }),
        field({ label: t("admin.subject"), name: "subject", help: t("admin.subjectHelp"), autocapitalize: "none", spellcheck: "false" }),
      ],
      verb: t("admin.link"),
      submit: (form) => {
        const { issuer, subject } = valuesOf(form);
        return this.act("link-identity", { id, issuer: issuer.trim(), subject: subject.trim() });
      },
    });
    if (made === null) return;
    this.#known = [...(this.#known ?? []).filter(isOther(made)), { ...made, createdAt: new Date().toISOString() }];
    this.update();
    this.said(t("admin.identityLinked", { name }));
  }

  async #unlink(identity) {
    const { id, name } = this.account;
    const done = await ask({
      title: t("admin.unlinkTitle", { subject: identity.subject }),
      text: t("admin.unlinkText", { name }),
      verb: t("admin.unlink"),
      danger: true,
      submit: () => this.act("unlink-identity", { id, issuer: identity.issuer, subject: identity.subject }),
    });
    if (done === null) return;
    this.#known = this.#known.filter(isOther(identity));
    this.update();
    this.said(t("admin.identityUnlinked"));
    this.#link.focus();
  }
}

const isOther = ({ issuer, subject }) => (one) => one.issuer !== issuer || one.subject !== subject;

customElements.define("account-identities", AccountIdentities);
