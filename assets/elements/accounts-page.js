// <accounts-page>: everybody who has an account, and one of them at "#/admin/accounts/<id>". Actions: "load-accounts",
// "make-account" {name, password, role, quotaBytes?}.

import { ago, bytes, exactTime, percent } from "../core/format.js";
import { named, t } from "../core/words.js";
import { quotaOf, ROLES, states } from "./account-card.js";
import { ask } from "./ask.js";
import { h, icon } from "./dom.js";
import { field, select, valuesOf } from "./form.js";
import { PageElement, section, table, tableRow } from "./page-element.js";
import { showRows } from "./rows.js";

export class AccountsPage extends PageElement {
  #rows = h("tbody");
  #make = h("button", { type: "button", class: "primary", "data-action": "make", onclick: () => this.#makeOne() }, icon("plus"), t("admin.makeAccount"));
  #table = null;

  texts() {
    return { title: t("admin.accounts"), lead: t("admin.accountsLead"), verbs: [this.#make] };
  }

  load() {
    return this.act("load-accounts");
  }

  show(accounts) {
    const [id] = this.rest;
    this.#make.hidden = id !== undefined;
    if (id !== undefined) return this.#showOne(id);
    const heads = [t("admin.name"), t("admin.role"), t("admin.room"), t("admin.state"), t("admin.since")];
    this.#table ??= section("", table(t("admin.accounts"), heads, this.#rows));
    if (!this.#table.isConnected) this.body.replaceChildren(this.#table);
    const sorted = accounts.toSorted((a, b) => a.name.localeCompare(b.name));
    showRows(this.#rows, sorted, (account) => account.id, (account) => row(heads, account, account.id === this.store.account.id));
  }

  #showOne(id) {
    if (this.body.querySelector("account-card")?.account === id) return;
    const back = h("a", { class: "up", href: "#/admin/accounts" }, icon("chevron-right"), t("admin.allAccounts"));
    this.body.replaceChildren(back, Object.assign(h("account-card"), { account: id, store: this.store, said: (sentence) => this.say(sentence) }));
  }

  async #makeOne() {
    const made = await ask({
      title: t("admin.makeAccount"),
      body: [
        field({ label: t("admin.name"), name: "name", help: t("admin.nameHelp"), autocapitalize: "none", spellcheck: "false", maxlength: 64 }),
        field({ label: t("admin.password"), name: "password", type: "password", autocomplete: "new-password", help: t("admin.passwordHelp") }),
        field({ label: t("admin.role"), name: "role", control: select(ROLES.map((role) => [role, named("admin.roleLong", role)]), "user") }),
        field({ label: t("admin.quota"), name: "quotaBytes", help: t("admin.quotaNewHelp"), placeholder: "100 GB" }),
      ],
      verb: t("admin.make"),
      submit: (form) => {
        const { quotaBytes, ...rest } = valuesOf(form);
        return this.act("make-account", { ...rest, name: rest.name.trim(), ...(quotaBytes.trim() === "" ? {} : { quotaBytes: quotaOf(quotaBytes) }) });
      },
    });
    if (made === null) return;
    this.put([...this.data, made]);
    this.say(t("admin.made", { name: made.name }));
  }
}

function row(heads, account, isMe) {
  const { id, name, role, usedBytes, quotaBytes, createdAt } = account;
  const link = h("a", { class: "link", href: `#/admin/accounts/${id}` }, name);
  const room = quotaBytes === null ? bytes(usedBytes) : t("admin.roomOf", { used: bytes(usedBytes), limit: bytes(quotaBytes), part: percent(usedBytes / Math.max(1, quotaBytes)) });
  return tableRow(heads, [[link, isMe ? h("span", { class: "quiet" }, ` ${t("admin.you")}`) : ""], named("admin.role", role), room, h("span", { class: "badges" }, ...states(account)), h("time", { title: exactTime(createdAt), datetime: createdAt }, ago(createdAt))]);
}

customElements.define("accounts-page", AccountsPage);
