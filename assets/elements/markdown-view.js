// <markdown-view>: a Markdown text as it is meant, or as it was written. Call show(text). Made of nodes, never of markup, so
// that nothing in the text can be more than text.

import { parseMarkdown } from "../core/markdown.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h } from "./dom.js";

/** The preview's own heading is of the second rank. */
const ABOVE = 2;

export class MarkdownView extends DriveElement {
  #source = h("button", { type: "button", class: "source", "aria-pressed": "false", onclick: () => this.#turn() }, t("preview.source"));
  #meant = h("article", { tabindex: 0, dir: "auto" });
  #written = h("pre", { tabindex: 0, hidden: true });

  build() {
    this.append(this.#source, this.#meant, this.#written);
  }

  /** @param {string} text */
  show(text) {
    this.#written.textContent = text;
    this.#meant.replaceChildren(...parseMarkdown(text).map(block));
  }

  #turn() {
    const isSource = this.#written.hidden;
    this.#written.hidden = !isSource;
    this.#meant.hidden = isSource;
    this.#source.setAttribute("aria-pressed", String(isSource));
  }
}

/** @param {import("../core/markdown.js").Block} one */
function block(one) {
  if (one.kind === "heading") {
    const tag = `h${Math.min(6, one.level + ABOVE)}`;
    return h(tag, { "data-level": one.level }, ...one.children.map(inline));
  }
  if (one.kind === "quote") return h("blockquote", {}, ...one.blocks.map(block));
  if (one.kind === "list") {
    const items = one.items.map((blocks, at) => h("li", {}, ticked(one.ticks?.[at] ?? null), ...blocks.map(block)));
    return one.start === null ? h("ul", {}, ...items) : h("ol", { start: one.start }, ...items);
  }
  if (one.kind === "table") return table(one);
  if (one.kind === "code") return h("pre", {}, h("code", {}, one.text));
  if (one.kind === "rule") return h("hr");
  return h("p", {}, ...one.children.map(inline));
}

/** What is done and what is not, in a list of things to do. @param {boolean | null} tick */
const ticked = (tick) => tick !== null && h("input", { type: "checkbox", disabled: true, checked: tick, "aria-label": t(tick ? "preview.done" : "preview.toDo") });

function table({ aligns, head, rows }) {
  const row = (tag, cells) => h("tr", {}, ...cells.map((cell, at) => h(tag, { scope: tag === "th" && "col", "data-align": aligns[at] }, ...cell.map(inline))));
  return h("table", {}, h("thead", {}, row("th", head)), h("tbody", {}, ...rows.map((cells) => row("td", cells))));
}

/** @param {import("../core/markdown.js").Inline} one */
function inline(one) {
  if (typeof one === "string") return document.createTextNode(one);
  if (one.kind === "break") return h("br");
  if (one.kind === "code") return h("code", {}, one.text);
  const children = one.children.map(inline);
  if (one.kind === "link") return h("a", { href: one.href, target: "_blank", rel: "noopener noreferrer" }, ...children);
  return h(one.kind, {}, ...children);
}

customElements.define("markdown-view", MarkdownView);
