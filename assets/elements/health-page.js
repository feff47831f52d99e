// <health-page>: how the server is doing, looked at again while it is shown. Action: "load-health".

import { bytes, number } from "../core/format.js";
import { named, t } from "../core/words.js";
import { h } from "./dom.js";
import { badge, PageElement, section, table, tableRow } from "./page-element.js";
import { showRows } from "./rows.js";

const LOOK_MS = 10_000;
const TONES = { healthy: "ok", degraded: "warn", unhealthy: "bad" };

export class HealthPage extends PageElement {
  #state = h("p", { class: "state-line" });
  #facts = h("dl", { class: "facts" });
  #pools = h("tbody");
  #queues = h("tbody");
  #timer = null;

  texts() {
    return { title: t("admin.health"), lead: t("admin.healthLead") };
  }

  connected() {
    super.connected();
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.reload(), LOOK_MS);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  load() {
    return this.act("load-health");
  }

  show({ ready, uploads }) {
    if (this.body.childElementCount === 0) {
      this.body.append(
        section("", this.#state, this.#facts),
        section(t("admin.pools"), table(t("admin.pools"), poolHeads(), this.#pools)),
        section(t("admin.queues"), table(t("admin.queues"), queueHeads(), this.#queues)),
      );
    }
    const { status, version, uptimeSeconds, database, pools = [], queues = {}, websocket, stuckWorkers = 0, uploads: open } = uploads;
    this.#state.replaceChildren(stateBadge(status), h("span", {}, named("admin.healthText", status)));
    const count = (value) => number(value ?? 0);
    this.#facts.replaceChildren(
      ...fact(t("admin.version"), version ?? "–"),
      ...fact(t("admin.uptime"), uptimeSeconds === undefined ? "–" : duration(uptimeSeconds)),
      ...fact(t("admin.answers"), stateBadge(ready.status)),
      ...fact(t("admin.database"), h("span", { class: "badges" }, stateBadge(database?.status ?? "unhealthy"), t("admin.writeQueue", { n: database?.writeQueue ?? 0 }))),
      ...fact(t("admin.openUploads"), count(open?.active)),
      ...fact(t("admin.connections"), count(websocket?.connections)),
      ...fact(t("admin.stuck"), stuckWorkers > 0 ? badge("warn", count(stuckWorkers)) : count(0)),
    );
    showRows(this.#pools, pools, ({ name }) => name, poolRow);
    const lanes = Object.entries(queues).map(([lane, figures]) => ({ lane, ...figures }));
    this.#queues.closest("section").hidden = lanes.length === 0;
    showRows(this.#queues, lanes, ({ lane }) => lane, ({ lane, pending, running }) => tableRow(queueHeads(), [named("tasks.lane", lane), count(pending), count(running)]));
  }
}

const poolHeads = () => [t("admin.name"), t("admin.state"), t("admin.freeHead"), t("admin.totalHead")];
const queueHeads = () => [t("admin.lane"), t("admin.pending"), t("admin.running")];
const size = (count) => (typeof count === "number" ? bytes(count) : "–");
/** An error in place of an answer has a number as its status. */
const stateBadge = (status) => badge(TONES[status] ?? "bad", named("admin.health", TONES[status] ? status : "unhealthy"));
const fact = (name, value) => [h("dt", {}, name), h("dd", { class: "number" }, value)];

function poolRow({ name, status, freeBytes, totalBytes }) {
  return tableRow(poolHeads(), [name, stateBadge(status), size(freeBytes), size(totalBytes)]);
}

/** "3 days 4 h", the two largest units. */
function duration(seconds) {
  const parts = [["day", Math.floor(seconds / 86_400)], ["hour", Math.floor(seconds / 3600) % 24], ["minute", Math.floor(seconds / 60) % 60], ["second", seconds % 60]];
  const from = Math.max(0, parts.findIndex(([, value]) => value > 0));
  const shown = seconds === 0 ? parts.slice(-1) : parts.slice(from, from + 2).filter(([, value]) => value > 0);
  return shown.map(([unit, value]) => number(value, { style: "unit", unit, unitDisplay: "short" })).join(" ");
}

customElements.define("health-page", HealthPage);
