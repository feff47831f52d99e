// <sign-ins-page>: the devices that are signed in. Actions: "load-sign-ins", "end-sign-in" {id}, "end-other-sign-ins".

import { deviceOf } from "../core/device.js";
import { ago, exactTime } from "../core/format.js";
import { t } from "../core/words.js";
import { ask } from "./ask.js";
import { h, icon } from "./dom.js";
import { badge, PageElement, section } from "./page-element.js";
import { showRows } from "./rows.js";

export class SignInsPage extends PageElement {
  #list = h("ul", { class: "rows" });
  #others = h("button", { type: "button", class: "danger-quiet", onclick: () => this.#endOthers() }, t("settings.endOthers"));

  texts() {
    return { title: t("settings.signIns"), lead: t("settings.signInsLead") };
  }

  async load() {
    const all = await this.act("load-sign-ins");
    return all.toSorted((a, b) => b.current - a.current || (a.lastSeen < b.lastSeen ? 1 : -1));
  }

  show(sessions) {
    if (this.body.childElementCount === 0) this.body.append(section("", this.#list), h("div", { class: "verbs" }, this.#others));
    this.#others.hidden = sessions.every(({ current }) => current);
    showRows(this.#list, sessions, ({ id }) => id, (session) => this.#row(session));
  }

  #row(session) {
    const { kind, current, address, createdAt, lastSeen } = session;
    const name = nameOf(session);
    const facts = [
      address && h("span", {}, address),
      h("span", { title: exactTime(lastSeen ?? createdAt) }, current ? t("settings.activeNow") : t("settings.lastSeen", { when: ago(lastSeen ?? createdAt) })),
      h("span", { title: exactTime(createdAt) }, t("settings.signedIn", { when: ago(createdAt) })),
    ];
    const end = h("button", { type: "button", class: "small", "data-action": "end", "aria-label": t("settings.endOf", { name }), onclick: () => this.#end(session) }, t("settings.end"));
    const title = h("span", { class: "name", title: session.device ?? "" }, name);
    const words = h("div", { class: "words" }, h("div", { class: "title" }, title, current && badge("ok", t("settings.thisDevice"))), h("p", { class: "facts" }, ...facts.filter(Boolean)));
    return h("li", {}, icon(kind === "outside" ? "link" : "person"), words, !current && end);
  }

  async #end(session) {
    const name = nameOf(session);
    const done = await ask({
      title: t("settings.endTitle", { name }),
      text: t(session.kind === "outside" ? "settings.endOutsideText" : "settings.endText"),
      verb: t("settings.end"),
      danger: true,
      submit: () => this.act("end-sign-in", { id: session.id }),
    });
    if (done === null) return;
    this.put(this.data.filter(({ id }) => id !== session.id));
    this.say(t("settings.ended", { name }));
  }

  async #endOthers() {
    const done = await ask({
      title: t("settings.endOthersTitle"),
      text: t("settings.endOthersText"),
      verb: t("settings.endOthers"),
      danger: true,
      submit: () => this.act("end-other-sign-ins"),
    });
    if (done === null) return;
    this.say(t("settings.endedOthers", { n: done.ended }));
    this.focusHeading();
    await this.reload();
  }
}

function nameOf({ kind, device }) {
  if (kind === "outside") return t("settings.outside");
  const { program, system } = deviceOf(device);
  if (program === null) return system ?? t("settings.unknownDevice");
  return system === null ? program : t("settings.deviceOn", { program, system });
}

customElements.define("sign-ins-page", SignInsPage);
