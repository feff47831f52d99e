// <pools-page>: where files lie: state, room, and what may be stored there. Action: "load-pools".

import { bytes, exactBytes, percent } from "../core/format.js";
import { said } from "../core/said.js";
import { named, t } from "../core/words.js";
import { h } from "./dom.js";
import { badge, PageElement } from "./page-element.js";
import { showRows } from "./rows.js";

/** From here on the disk is nearly full. */
const NEARLY_FULL = 0.9;

export class PoolsPage extends PageElement {
  #list = h("div", { class: "cards" });

  texts() {
    return { title: t("admin.pools"), lead: t("admin.poolsLead") };
  }

  load() {
    return this.act("load-pools");
  }

  show(pools) {
    if (this.body.childElementCount === 0) this.body.append(this.#list);
    showRows(this.#list, pools, ({ id }) => id, card);
  }
}

/** Fields that a server does not tell are left out. */
function card(pool) {
  const { name, isDefault, backend, state, reason, usedBytes, totalBytes, freeBytes, policy = {} } = pool;
  const isOn = state === undefined || state === "online";
  const title = h("div", { class: "title" }, h("h3", {}, name), isOn ? badge("ok", t("admin.online")) : badge("bad", t("admin.offline")), isDefault && badge("quiet", t("admin.default")));
  const facts = [
    backend && fact(t("admin.backend"), named("admin.backend", backend)),
    usedBytes !== undefined && fact(t("admin.poolUsed"), h("span", { title: exactBytes(usedBytes) }, bytes(usedBytes))),
    fact(t("admin.maxFile"), policy.maxFileSize ? bytes(policy.maxFileSize) : t("admin.anySize")),
    fact(t("admin.accepts"), policy.acceptTypes?.length ? policy.acceptTypes.join(", ") : t("admin.everything")),
    policy.requireRole && fact(t("admin.requires"), named("admin.role", policy.requireRole)),
    policy.encryption && fact(t("admin.encryption"), named("admin.encryption", policy.encryption)),
    policy.quotaMultiplier !== undefined && fact(t("admin.charges"), t("admin.times", { factor: policy.quotaMultiplier })),
    policy.public !== undefined && fact(t("admin.links"), t(policy.public ? "admin.allowed" : "admin.notAllowed")),
    policy.recycleDays !== undefined && fact(t("admin.recycle"), policy.recycleDays === 0 ? t("admin.noTrash") : t("admin.recycleDays", { n: policy.recycleDays })),
  ];
  const why = reason && h("p", { class: "error" }, said(reason));
  return h("section", { class: "card" }, title, why || "", ...disk(name, totalBytes, freeBytes), h("dl", { class: "facts" }, ...facts.filter(Boolean).flat()));
}

function disk(name, total, free) {
  if (!(total > 0) || typeof free !== "number") return [];
  const part = 1 - free / total;
  const text = t("admin.free", { free: bytes(free), total: bytes(total) });
  const bar = h("div", { class: "meter", role: "meter", "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(part * 100), "aria-valuetext": text, "aria-label": t("admin.diskOf", { name }), "data-nearly-full": part >= NEARLY_FULL }, h("span"));
  bar.style.setProperty("--part", part);
  return [bar, h("p", { class: "quiet number" }, `${text} · ${t("admin.fullPart", { part: percent(part) })}`)];
}

const fact = (name, value) => [h("dt", {}, name), h("dd", {}, value)];

customElements.define("pools-page", PoolsPage);
