// <account-card>: one account as administrators see and change it.
//
// Properties: `account` (its id), `store`, `said(sentence)`. Actions: "load-one-account" {id}, "change-account"
// {id, …}, "make-grant" {id, bytes, expiresAt, reason?}, "end-grant" {id, grant}.

import "./account-identities.js";
import { bytes, day, exactBytes, exactTime } from "../core/format.js";
import { parseSize, sizeText } from "../core/size.js";
import { named, t } from "../core/words.js";
import { ask } from "./ask.js";
import { DriveElement } from "./element.js";
import { h, icon, placeholder, setText } from "./dom.js";
import { field, formError, LAST_DAY, momentOf, select, send, valuesOf } from "./form.js";
import { badge, section } from "./page-element.js";
import { showRows } from "./rows.js";

export const ROLES = ["user", "admin", "guest"];
const DAY_MS = 86_400_000;

export class AccountCard extends DriveElement {
  account;
  store;
  said = () => {};
  #found = null;
  #grants = [];
  #name = h("h3", { class: "account-name", tabindex: -1 });
  #states = h("p", { class: "state-line" });
  #room = h("p", { class: "quiet number" });
  #form = h("form", { class: "narrow", novalidate: true, onsubmit: (event) => this.#save(event) });
  #list = h("ul", { class: "rows" });
  #none = h("p", { class: "quiet" }, t("admin.noGrants"));
  #factor = h("button", { type: "button", "data-action": "factor", onclick: () => this.#takeFactor() }, t("admin.takeFactor"));
  #toggle = h("button", { type: "button", class: "danger-quiet", "data-action": "toggle", onclick: () => this.#toggleDisabled() });

  connected() {
    this.#load();
  }

  async #load() {
    try {
      const { account, grants } = await this.act("load-one-account", { id: this.account });
      this.#grants = grants;
      this.#found = account;
    } catch (problem) {
      const again = h("button", { type: "button", onclick: () => this.#load() }, icon("retry"), t("common.tryAgain"));
      this.replaceChildren(placeholder({ glyph: "warning", title: t("pages.failed"), text: problem.message }, again));
      return;
    }
    this.#show();
  }

  #show() {
    const found = this.#found;
    setText(this.#name, found.name);
    this.#form.replaceChildren(
      field({ label: t("admin.role"), name: "role", control: select(ROLES.map((role) => [role, named("admin.roleLong", role)]), found.role) }),
      field({ label: t("admin.quota"), name: "quotaBytes", value: found.quotaBytes === null ? "" : sizeText(found.quotaBytes - this.#granted()), help: t("admin.quotaHelp"), placeholder: t("admin.noLimit") }),
      formError(),
      h("div", { class: "verbs" }, h("button", { type: "submit", class: "primary" }, t("pages.save"))),
    );
    const password = h("button", { type: "button", "data-action": "password", onclick: () => this.#setPassword() }, icon("key"), t("admin.setPassword"));
    const grant = h("button", { type: "button", "data-action": "grant", onclick: () => this.#makeGrant() }, icon("plus"), t("admin.makeGrant"));
    const identities = Object.assign(h("account-identities"), { account: found, said: this.said });
    this.replaceChildren(
      h("section", {}, this.#name, this.#states, this.#room),
      section(t("admin.roleAndQuota"), this.#form),
      section(t("admin.grants"), h("p", { class: "quiet" }, t("admin.grantsText")), this.#none, this.#list, h("div", { class: "verbs" }, grant)),
      identities,
      section(t("admin.access"), h("div", { class: "verbs" }, password, this.#factor, this.#toggle)),
    );
    this.update();
  }

  /** What the limit holds for a while only. */
  #granted() {
    return this.#grants.reduce((sum, grant) => sum + grant.bytes, 0);
  }

  update() {
    if (this.#found === null) return;
    const { disabled, secondFactor, usedBytes, reservedBytes, quotaBytes } = this.#found;
    this.#states.replaceChildren(...states(this.#found));
    const limit = quotaBytes === null ? t("admin.noLimit") : bytes(quotaBytes);
    setText(this.#room, t("admin.roomLine", { used: bytes(usedBytes), reserved: bytes(reservedBytes), limit }));
    this.#factor.hidden = !secondFactor;
    setText(this.#toggle, t(disabled ? "admin.enable" : "admin.disable"));
    this.#toggle.hidden = this.account === this.store.account.id;
    this.#list.hidden = this.#grants.length === 0;
    this.#none.hidden = this.#grants.length > 0;
    showRows(this.#list, this.#grants, ({ id }) => id, (grant) => this.#grantRow(grant));
  }

  async #change(change) {
    this.#found = await this.act("change-account", { id: this.account, ...change });
    this.update();
  }

  async #save(event) {
    event.preventDefault();
    const done = await send(this.#form, async () => {
      const { role, quotaBytes } = valuesOf(this.#form);
      await this.#change({ role, quotaBytes: quotaOf(quotaBytes) });
    });
    if (done) this.said(t("admin.saved"));
  }

  async #setPassword() {
    const { name } = this.#found;
    const done = await ask({
      title: t("admin.setPasswordTitle", { name }),
      text: t("admin.setPasswordText"),
      body: [field({ label: t("admin.newPassword"), name: "password", type: "password", autocomplete: "new-password", help: t("admin.passwordHelp") })],
      verb: t("admin.setPassword"),
      submit: (form) => this.#change(valuesOf(form)),
    });
    if (done) this.said(t("admin.passwordSet", { name }));
  }

  async #takeFactor() {
    const { name } = this.#found;
    const done = await ask({
      title: t("admin.takeFactorTitle", { name }),
      text: t("admin.takeFactorText"),
      verb: t("admin.takeFactor"),
      danger: true,
      submit: () => this.#change({ secondFactor: false }),
    });
    if (done === null) return;
    this.#found = { ...this.#found, secondFactor: false }; // the answer still has it
    this.update();
    this.said(t("admin.factorTaken", { name }));
    this.#name.focus();
  }

  async #toggleDisabled() {
    const { name, disabled } = this.#found;
    const done = await ask({
      title: t(disabled ? "admin.enableTitle" : "admin.disableTitle", { name }),
      text: t(disabled ? "admin.enableText" : "admin.disableText"),
      verb: t(disabled ? "admin.enable" : "admin.disable"),
      danger: !disabled,
      submit: () => this.#change({ disabled: !disabled }),
    });
    if (done) this.said(t(disabled ? "admin.enabledSaid" : "admin.disabledSaid", { name }));
  }

  #grantRow(grant) {
    const { bytes: size, reason, expiresAt, createdAt } = grant;
    const facts = h("p", { class: "facts" }, h("span", { title: exactTime(expiresAt) }, t("admin.until", { day: day(expiresAt) })), h("span", {}, t("admin.givenOn", { day: day(createdAt) })), reason && h("span", {}, reason));
    const end = h("button", { type: "button", class: "small", "data-action": "end", "aria-label": t("admin.endGrantOf", { size: bytes(size) }), onclick: () => this.#endGrant(grant) }, t("admin.endGrant"));
    return h("li", {}, icon("clock"), h("div", { class: "words" }, h("div", { class: "title" }, h("span", { class: "name number", title: exactBytes(size) }, `+ ${bytes(size)}`)), facts), end);
  }

  async #makeGrant() {
    const { name } = this.#found;
    const soon = new Date(Date.now() + DAY_MS).toISOString().slice(0, 10);
    const month = new Date(Date.now() + 30 * DAY_MS).toISOString().slice(0, 10);
    const done = await ask({
      title: t("admin.makeGrantTitle", { name }),
      text: t("admin.makeGrantText"),
      body: [
        field({ label: t("admin.more"), name: "bytes", placeholder: "10 GB", help: t("admin.moreHelp") }),
        field({ label: t("admin.untilLabel"), name: "expiresAt", type: "date", min: soon, max: LAST_DAY, value: month }),
        field({ label: t("admin.reason"), name: "reason", help: t("admin.reasonHelp"), maxlength: 200 }),
      ],
      verb: t("admin.give"),
      submit: (form) => this.#giveGrant(valuesOf(form)),
    });
    if (done) this.said(t("admin.given", { name }));
  }

  async #giveGrant({ bytes: size, expiresAt, reason }) {
    const grant = { bytes: sizeOf(size, "bytes"), expiresAt: momentOf(expiresAt, "23:59:59", "expiresAt") };
    const made = await this.act("make-grant", { id: this.account, ...grant, ...(reason.trim() === "" ? {} : { reason: reason.trim() }) });
    this.#grants = [...this.#grants, made];
    this.#changeLimit(made.bytes);
  }

  async #endGrant(grant) {
    const done = await ask({
      title: t("admin.endGrantTitle", { size: bytes(grant.bytes) }),
      text: t("admin.endGrantText"),
      verb: t("admin.endGrant"),
      danger: true,
      submit: () => this.act("end-grant", { id: this.account, grant: grant.id }),
    });
    if (done === null) return;
    this.#grants = this.#grants.filter(({ id }) => id !== grant.id);
    this.#changeLimit(-grant.bytes);
    this.said(t("admin.grantEnded"));
  }

  #changeLimit(by) {
    const { quotaBytes } = this.#found;
    this.#found = { ...this.#found, quotaBytes: quotaBytes === null ? null : quotaBytes + by };
    this.update();
  }
}

/** Bytes, or null for no limit; a problem at the field when it is no size. @param {string} text */
export function quotaOf(text) {
  return text.trim() === "" ? null : sizeOf(text, "quotaBytes");
}

function sizeOf(text, name) {
  const size = parseSize(text);
  if (size !== null && (size > 0 || name === "quotaBytes")) return size;
  throw Object.assign(new Error(t("admin.noSize")), { details: { field: name } });
}

/** What keeps somebody out, or guards them. */
export function states({ disabled, secondFactor }) {
  return [disabled ? badge("warn", t("admin.disabled")) : badge("ok", t("admin.active")), secondFactor && badge("quiet", t("admin.secondFactor"))].filter(Boolean);
}

customElements.define("account-card", AccountCard);
