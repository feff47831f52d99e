// <settings-view>: one's own account, page by page.

import "./profile-page.js";
import "./password-page.js";
import "./sign-ins-page.js";
import "./tokens-page.js";
import "./second-factor-page.js";
import "./notices-page.js";
import "./webhooks-page.js";
import { t } from "../core/words.js";
import { PagedView } from "./paged-view.js";

export class SettingsView extends PagedView {
  get place() {
    return "settings";
  }

  get pages() {
    return [
      { page: "profile", glyph: "person", tag: "profile-page", word: t("settings.profile") },
      { page: "password", glyph: "lock", tag: "password-page", word: t("settings.password") },
      { page: "sign-ins", glyph: "clock", tag: "sign-ins-page", word: t("settings.signIns") },
      { page: "tokens", glyph: "key", tag: "tokens-page", word: t("settings.tokens") },
      { page: "second-factor", glyph: "shield", tag: "second-factor-page", word: t("settings.secondFactor") },
      { page: "notifications", glyph: "bell", tag: "notices-page", word: t("settings.notifications") },
      { page: "webhooks", glyph: "link", tag: "webhooks-page", word: t("settings.webhooks") },
    ];
  }
}

customElements.define("settings-view", SettingsView);
