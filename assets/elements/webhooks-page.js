// <webhooks-page>: addresses that are told, and one of them with its log at "#/settings/webhooks/<id>". Actions:
// "load-webhooks", "make-webhook", "change-webhook" {id, …}, "remove-webhook" {id}, "test-webhook" {id},
// "load-deliveries" {id, cursor}.

import "./delivery-log.js";
import { named, t } from "../core/words.js";
import { ask, secretBox, tell } from "./ask.js";
import { h, icon, placeholder } from "./dom.js";
import { checks, copyButton, field, formError, select, send, showSentence, valuesOf } from "./form.js";
import { badge, PageElement, section } from "./page-element.js";
import { showRows } from "./rows.js";

const EVENTS = ["task.failed", "task.completed", "file.shared"];
const FORMATS = ["generic", "ntfy", "gotify"];

export class WebhooksPage extends PageElement {
  #list = h("ul", { class: "rows" });
  #empty = placeholder({ glyph: "link", title: t("settings.noWebhooks"), text: t("settings.noWebhooksText") });
  #make = h("button", { type: "button", class: "primary", "data-action": "make", onclick: () => this.#makeOne() }, icon("plus"), t("settings.makeWebhook"));
  #open = null;

  texts() {
    return { title: t("settings.webhooks"), lead: t("settings.webhooksLead"), verbs: [this.#make] };
  }

  load() {
    return this.act("load-webhooks");
  }

  show(webhooks) {
    const [id] = this.rest;
    const one = webhooks.find((webhook) => webhook.id === id);
    this.#make.hidden = one !== undefined;
    if (one !== undefined) return this.#showOne(one);
    this.#open = null;
    if (!this.#list.isConnected) this.body.replaceChildren(section("", this.#list), this.#empty);
    this.#list.parentElement.hidden = webhooks.length === 0;
    this.#empty.hidden = webhooks.length > 0;
    showRows(this.#list, webhooks, (webhook) => webhook.id, (webhook) => row(webhook));
  }

  async #makeOne() {
    const done = await ask({
      title: t("settings.makeWebhook"),
      body: [...fields({ url: "", format: "generic", events: EVENTS, hasSecret: false })],
      verb: t("settings.make"),
      submit: (form) => this.act("make-webhook", wanted(form)),
    });
    if (done === null) return;
    const { secret, ...made } = done;
    this.put([...this.data, made]);
    await this.#tellSecret(secret);
    location.hash = `#/settings/webhooks/${made.id}`;
  }

  async #tellSecret(secret) {
    if (!secret) return;
    const box = secretBox({ label: t("settings.secret"), value: secret }, copyButton(secret, t("pages.copy")));
    await tell({ title: t("settings.webhookSecret"), text: t("settings.webhookSecretText"), body: [box] });
  }

  #showOne(webhook) {
    if (this.#open?.id === webhook.id && this.body.contains(this.#open.log)) {
      this.#open.heading.textContent = webhook.url;
      this.#open.state.replaceChildren(...state(webhook));
      this.#open.toggle.textContent = t(webhook.enabled ? "settings.switchOff" : "settings.switchOn");
      return;
    }
    const { id } = webhook;
    const log = Object.assign(h("delivery-log"), { webhook: id });
    const stateLine = h("p", { class: "state-line" }, ...state(webhook));
    const toggle = h("button", { type: "button", onclick: () => this.#change(id, { enabled: !this.#webhook(id).enabled }) }, t(webhook.enabled ? "settings.switchOff" : "settings.switchOn"));
    const test = h("button", { type: "button", "data-action": "test", onclick: () => this.#test(id, log) }, icon("bell"), t("settings.testWebhook"));
    const remove = h("button", { type: "button", class: "danger-quiet", "data-action": "remove", onclick: () => this.#remove(webhook) }, t("settings.deleteWebhook"));
    const form = h("form", { class: "narrow", novalidate: true, onsubmit: (event) => this.#save(event, id) }, ...fields(webhook), formError(), h("div", { class: "verbs" }, h("button", { type: "submit", class: "primary" }, t("pages.save"))));
    const back = h("a", { class: "up", href: "#/settings/webhooks" }, icon("chevron-right"), t("settings.allWebhooks"));
    const error = formError();
    const about = section(webhook.url, stateLine, h("div", { class: "verbs" }, test, toggle, remove), error);
    this.#open = { id, log, heading: about.querySelector("h2, h3"), state: stateLine, toggle, error };
    this.body.replaceChildren(
      back,
      about,
      section(t("settings.change"), form),
      section(t("settings.deliveries"), log),
    );
  }

  #webhook(id) {
    return this.data.find((webhook) => webhook.id === id);
  }

  async #save(event, id) {
    event.preventDefault();
    const form = event.target;
    let answer;
    const done = await send(form, async () => (answer = await this.act("change-webhook", { id, ...wanted(form) })));
    if (!done) return;
    form.elements.secret.value = "";
    await this.#changed(answer);
    this.say(t("settings.saved"));
  }

  async #change(id, change) {
    const { error } = this.#open;
    error.hidden = true;
    try {
      await this.#changed(await this.act("change-webhook", { id, ...change }));
    } catch (problem) {
      showSentence(error, problem.message);
    }
  }

  async #changed({ secret, ...webhook }) {
    this.put(this.data.map((one) => (one.id === webhook.id ? webhook : one)));
    await this.#tellSecret(secret);
  }

  async #test(id, log) {
    const { error } = this.#open;
    error.hidden = true;
    try {
      const { deliveryId } = await this.act("test-webhook", { id });
      this.say(t("settings.testSent"));
      await log.follow(deliveryId);
      await this.reload(); // whether it arrived stands in its state
    } catch (problem) {
      showSentence(error, problem.message);
    }
  }

  async #remove({ id, url }) {
    const done = await ask({
      title: t("settings.deleteWebhookTitle"),
      text: t("settings.deleteWebhookText", { url }),
      verb: t("settings.deleteWebhook"),
      danger: true,
      submit: () => this.act("remove-webhook", { id }),
    });
    if (done === null) return;
    this.put(this.data.filter((webhook) => webhook.id !== id));
    location.hash = "#/settings/webhooks";
    this.say(t("settings.webhookDeleted"));
  }
}

function row(webhook) {
  const { id, url, format, events } = webhook;
  const link = h("a", { class: "name", href: `#/settings/webhooks/${id}`, title: url }, url);
  const facts = h("p", { class: "facts" }, h("span", {}, named("settings.format", format)), h("span", {}, events.map((event) => named("notices.event", event)).join(", ")));
  return h("li", { class: "leads" }, icon("link"), h("div", { class: "words" }, h("div", { class: "title" }, link, ...state(webhook).slice(0, 1)), facts), icon("chevron-right"));
}

function state({ enabled, failedInRow, lastArrived }) {
  if (!enabled) return [badge("warn", t("settings.webhookOff")), h("span", {}, failedInRow > 0 ? t("settings.webhookGivenUp", { n: failedInRow }) : "")];
  if (failedInRow > 0) return [badge("warn", t("settings.webhookFailing", { n: failedInRow }))];
  if (lastArrived === false) return [badge("warn", t("settings.webhookMissed"))];
  return [badge("ok", t("settings.webhookOn"))];
}

function* fields({ url, format, events, hasSecret }) {
  const formats = FORMATS.map((name) => [name, named("settings.format", name)]);
  yield field({ label: t("settings.url"), name: "url", type: "url", inputmode: "url", value: url, help: t("settings.urlHelp"), placeholder: "https://" });
  yield field({ label: t("settings.format"), name: "format", control: select(formats, format) });
  yield checks({ legend: t("settings.events"), name: "events", options: EVENTS.map((event) => [event, named("notices.event", event), events.includes(event)]) });
  yield field({ label: t("settings.webhookSecretField"), name: "secret", type: "password", autocomplete: "new-password", help: t(hasSecret ? "settings.secretKept" : "settings.secretHelp") });
}

function wanted(form) {
  const { url, format, events, secret } = valuesOf(form, ["events"]);
  return { url: url.trim(), format, events, ...(secret === "" ? {} : { secret }) };
}

customElements.define("webhooks-page", WebhooksPage);
