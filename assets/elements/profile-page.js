// <profile-page>: who one is here, the language and the appearance. Actions: "load-account", "choose-language" {name}.

import { ago, bytes, exactBytes, exactTime } from "../core/format.js";
import { keptLanguage, LANGUAGES, named, t } from "../core/words.js";
import { h } from "./dom.js";
import { field, select } from "./form.js";
import { PageElement, section } from "./page-element.js";

export class ProfilePage extends PageElement {
  #facts = h("dl", { class: "facts" });

  texts() {
    return { title: t("settings.profile") };
  }

  load() {
    return this.act("load-account");
  }

  show(account) {
    if (this.body.childElementCount === 0) this.body.append(section("", this.#facts), this.#language(), this.#theme());
    const { name, role, usedBytes, quotaBytes, createdAt } = account;
    const room = quotaBytes === null ? bytes(usedBytes) : t("settings.usedOf", { used: bytes(usedBytes), limit: bytes(quotaBytes) });
    this.#facts.replaceChildren(
      ...fact(t("settings.name"), name),
      ...fact(t("settings.role"), named("settings.role", role), named("settings.roleHelp", role)),
      ...fact(t("settings.used"), h("span", { title: exactBytes(usedBytes) }, room)),
      ...fact(t("settings.since"), h("time", { title: exactTime(createdAt), datetime: createdAt }, ago(createdAt))),
    );
  }

  #language() {
    const browsers = t("settings.languageBrowser");
    const list = select([["", browsers], ...Object.entries(LANGUAGES)], keptLanguage() ?? "", {
      onchange: () => this.act("choose-language", { name: list.value || null }),
    });
    return section(t("settings.language"), h("div", { class: "narrow" }, field({ label: t("settings.languageLabel"), name: "language", help: t("settings.languageHelp"), control: list })));
  }

  #theme() {
    return section(t("settings.appearance"), h("theme-choice", { class: "narrow" }));
  }
}

function fact(name, value, help = "") {
  return [h("dt", {}, name), h("dd", {}, value, help && h("span", { class: "help" }, help))];
}

customElements.define("profile-page", ProfilePage);
