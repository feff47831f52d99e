// <admin-view>: the server and its people, page by page, for administrators.

import "./accounts-page.js";
import "./pools-page.js";
import "./audit-page.js";
import "./health-page.js";
import "./all-tasks-page.js";
import { t } from "../core/words.js";
import { PagedView } from "./paged-view.js";

export class AdminView extends PagedView {
  get place() {
    return "admin";
  }

  get pages() {
    return [
      { page: "accounts", glyph: "person", tag: "accounts-page", word: t("admin.accounts") },
      { page: "pools", glyph: "archive", tag: "pools-page", word: t("admin.pools") },
      { page: "tasks", glyph: "tasks", tag: "all-tasks-page", word: t("admin.tasks") },
      { page: "audit", glyph: "list", tag: "audit-page", word: t("admin.audit") },
      { page: "health", glyph: "info", tag: "health-page", word: t("admin.health") },
    ];
  }
}

customElements.define("admin-view", AdminView);
