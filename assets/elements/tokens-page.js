// <tokens-page>: tokens for programs. Actions: "load-tokens", "make-token" {name, scopes, expiresInDays},
// "revoke-token" {id}.

import { ago, day, exactTime } from "../core/format.js";
import { named, t } from "../core/words.js";
import { ask, secretBox, tell } from "./ask.js";
import { h, icon, placeholder } from "./dom.js";
import { checks, copyButton, field, select, valuesOf } from "./form.js";
import { badge, PageElement, section } from "./page-element.js";
import { showRows } from "./rows.js";

const SCOPES = ["files:read", "files:write", "tasks", "admin"];
const DAYS = ["7", "30", "90", "365", "3650"];

export class TokensPage extends PageElement {
  #list = h("ul", { class: "rows" });
  #empty = placeholder({ glyph: "key", title: t("settings.noTokens"), text: t("settings.noTokensText") });

  texts() {
    const make = h("button", { type: "button", class: "primary", "data-action": "make", onclick: () => this.#make() }, icon("plus"), t("settings.makeToken"));
    return { title: t("settings.tokens"), lead: t("settings.tokensLead"), verbs: [make] };
  }

  load() {
    return this.act("load-tokens");
  }

  show(tokens) {
    if (this.body.childElementCount === 0) this.body.append(section("", this.#list), this.#empty);
    this.#list.parentElement.hidden = tokens.length === 0;
    this.#empty.hidden = tokens.length > 0;
    showRows(this.#list, tokens, ({ id }) => id, (token) => this.#row(token));
  }

  #row(token) {
    const { name, scopes, createdAt, lastSeen, expiresAt } = token;
    const isOver = new Date(expiresAt) < new Date();
    const used = lastSeen && lastSeen !== createdAt ? t("settings.lastUsed", { when: ago(lastSeen) }) : t("settings.neverUsed");
    const facts = [
      h("span", {}, scopes.map((scope) => named("settings.scope", scope)).join(", ")),
      h("span", { title: lastSeen ? exactTime(lastSeen) : "" }, used),
      h("span", { title: exactTime(expiresAt) }, t("settings.endsOn", { day: day(expiresAt) })),
    ];
    const revoke = h("button", { type: "button", class: "small", "data-action": "revoke", "aria-label": t("settings.revokeOf", { name }), onclick: () => this.#revoke(token) }, t("settings.revoke"));
    const words = h("div", { class: "words" }, h("div", { class: "title" }, h("span", { class: "name" }, name), isOver && badge("warn", t("settings.isOver"))), h("p", { class: "facts" }, ...facts));
    return h("li", {}, icon("key"), words, revoke);
  }

  async #make() {
    const scopes = SCOPES.filter((scope) => scope !== "admin" || this.store.account.role === "admin");
    const days = DAYS.map((number) => [number, t("settings.days", { n: Number(number) })]);
    const done = await ask({
      title: t("settings.makeToken"),
      body: [
        field({ label: t("settings.tokenName"), name: "name", help: t("settings.tokenNameHelp"), maxlength: 64 }),
        checks({ legend: t("settings.scopes"), name: "scopes", options: scopes.map((scope) => [scope, named("settings.scopeLong", scope), scope === "files:read"]) }),
        field({ label: t("settings.expiry"), name: "expiresInDays", control: select(days, "90") }),
      ],
      verb: t("settings.make"),
      submit: (form) => {
        const values = valuesOf(form, ["scopes"]);
        return this.act("make-token", { ...values, expiresInDays: Number(values.expiresInDays) });
      },
    });
    if (done === null) return;
    const { token, ...made } = done;
    this.put([{ ...made, lastSeen: null }, ...this.data]);
    const box = secretBox({ label: t("settings.token"), value: token }, copyButton(token, t("pages.copy")));
    await tell({ title: t("settings.tokenMade", { name: made.name }), text: t("settings.tokenOnce"), body: [box] });
  }

  async #revoke({ id, name }) {
    const done = await ask({
      title: t("settings.revokeTitle", { name }),
      text: t("settings.revokeText"),
      verb: t("settings.revoke"),
      danger: true,
      submit: () => this.act("revoke-token", { id }),
    });
    if (done === null) return;
    this.put(this.data.filter((token) => token.id !== id));
    this.say(t("settings.revoked", { name }));
  }
}

customElements.define("tokens-page", TokensPage);
