// <notices-page>: what one wants to be told, by which way, and the browsers that are told while the page is closed.
// Actions: "load-notice-choices", "set-notice-choices" {choices}, "load-browsers", "add-browser", "remove-browser"
// {id, current}, "test-browsers".

import { deviceOf } from "../core/device.js";
import { ago } from "../core/format.js";
import { canPush } from "../core/push.js";
import { named, t } from "../core/words.js";
import { h, icon } from "./dom.js";
import { select, showSentence } from "./form.js";
import { badge, PageElement, section, table, tableRow } from "./page-element.js";
import { showRows } from "./rows.js";

const WAYS = ["stored", "push", "webhook"];
/** What is kept back for a while is only told of tasks that completed. */
const CHOICES = ["always", "long", "never"];

export class NoticesPage extends PageElement {
  #choices = h("tbody");
  #choiceError = h("div", { class: "error", role: "alert", hidden: true });
  #browsers = h("ul", { class: "rows" });
  #none = h("p", { class: "quiet" }, t("settings.noBrowsers"));
  #pushError = h("div", { class: "error", role: "alert", hidden: true });
  #add = h("button", { type: "button", class: "primary", "data-action": "add", onclick: () => this.#addBrowser() }, icon("bell"), t("settings.addBrowser"));
  #test = h("button", { type: "button", "data-action": "test", onclick: () => this.#testBrowsers() }, t("settings.testBrowsers"));

  texts() {
    return { title: t("settings.notifications"), lead: t("settings.notificationsLead") };
  }

  async load() {
    const [choices, browsers] = await Promise.all([this.act("load-notice-choices"), this.act("load-browsers")]);
    return { choices, browsers };
  }

  show({ choices, browsers }) {
    if (this.body.childElementCount === 0) this.#build();
    const heads = this.#heads();
    const rows = Object.entries(choices).map(([event, ways]) => ({ event, ways }));
    showRows(this.#choices, rows, ({ event }) => event, ({ event, ways }) => tableRow(heads, [named("notices.event", event), ...WAYS.map((way) => this.#choice(event, way, ways[way]))]));
    showRows(this.#browsers, browsers, ({ id }) => id, (browser) => this.#browser(browser));
    this.#none.hidden = browsers.length > 0;
    this.#browsers.hidden = browsers.length === 0;
    this.#test.hidden = browsers.length === 0;
    this.#add.hidden = !canPush() || browsers.some(({ current }) => current);
  }

  #heads() {
    return [t("settings.event"), ...WAYS.map((way) => named("settings.way", way))];
  }

  #build() {
    const hint = canPush() ? t("settings.pushText") : t(globalThis.isSecureContext ? "settings.pushNone" : "settings.pushInsecure");
    this.body.append(
      section(t("settings.choices"), h("p", { class: "quiet" }, t("settings.choicesText")), table(t("settings.choices"), this.#heads(), this.#choices), this.#choiceError),
      section(t("settings.browsers"), h("p", { class: "quiet" }, hint), this.#none, this.#browsers, this.#pushError, h("div", { class: "verbs" }, this.#add, this.#test)),
    );
  }

  #choice(event, way, chosen) {
    const words = CHOICES.filter((choice) => choice !== "long" || event === "task.completed" || chosen === "long").map((choice) => [choice, named("settings.choice", choice)]);
    const list = select(words, chosen, {
      "aria-label": `${named("notices.event", event)}: ${named("settings.way", way)}`,
      "data-action": way,
      onchange: () => this.#choose(event, way, list),
    });
    return list;
  }

  /** At once: the choice stands already, and goes back when the server refuses it. */
  async #choose(event, way, list) {
    const { choices } = this.data;
    const wanted = { ...choices, [event]: { ...choices[event], [way]: list.value } };
    this.#choiceError.hidden = true;
    this.data.choices = wanted;
    try {
      this.put({ ...this.data, choices: await this.act("set-notice-choices", { choices: wanted }) });
      this.say(t("settings.saved"));
    } catch (problem) {
      showSentence(this.#choiceError, problem.message);
      list.value = choices[event][way];
      this.data.choices = choices;
    }
  }

  #browser(browser) {
    const { device, service, createdAt, lastSentAt, current } = browser;
    const { program, system } = deviceOf(device);
    const name = program && system ? t("settings.deviceOn", { program, system }) : (program ?? t("settings.unknownDevice"));
    const sent = lastSentAt ? t("settings.lastSent", { when: ago(lastSentAt) }) : t("settings.neverSent");
    const facts = h("p", { class: "facts" }, h("span", {}, sent), h("span", {}, t("settings.added", { when: ago(createdAt) })), h("span", {}, service));
    const remove = h("button", { type: "button", class: "small", "data-action": "remove", "aria-label": t("settings.removeOf", { name }), onclick: () => this.#removeBrowser(browser, name) }, t("settings.remove"));
    const title = h("div", { class: "title" }, h("span", { class: "name" }, name), current && badge("ok", t("settings.thisBrowser")));
    return h("li", {}, icon("bell"), h("div", { class: "words" }, title, facts), remove);
  }

  async #addBrowser() {
    await this.#tried(async () => {
      await this.act("add-browser");
      await this.reload();
      this.say(t("settings.browserAdded"));
      this.#test.focus();
    });
  }

  async #testBrowsers() {
    await this.#tried(async () => {
      const { queued } = await this.act("test-browsers");
      this.say(t("settings.tested", { n: queued }));
      const word = this.#test.lastChild;
      word.textContent = t("settings.tested", { n: queued });
      setTimeout(() => (word.textContent = t("settings.testBrowsers")), 3000);
    });
  }

  async #removeBrowser(browser, name) {
    await this.#tried(async () => {
      await this.act("remove-browser", browser);
      this.put({ ...this.data, browsers: this.data.browsers.filter(({ id }) => id !== browser.id) });
      this.say(t("settings.removed", { name }));
    });
  }

  async #tried(work) {
    this.#pushError.hidden = true;
    try {
      await work();
    } catch (problem) {
      const own = { PUSH_DENIED: t("settings.pushDenied"), PUSH_UNAVAILABLE: t("settings.pushUnavailable") }[problem.code];
      showSentence(this.#pushError, own ?? problem.message);
    }
  }
}

customElements.define("notices-page", NoticesPage);
