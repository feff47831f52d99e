// <id-field>: names one or several files, by looking for them.
//
// Properties: `multiple`, `control` (its input, for a label), `value` (an id, or a list of them). Actions: "suggest" {kind, q}.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton } from "./dom.js";

const TYPING_MS = 200;

export class IdField extends DriveElement {
  multiple = false;
  /** Chosen files by id. @type {Map<string, string>} */
  #chosen = new Map();
  #timer = null;
  #asked = 0;
  #chips = h("ul", { class: "chips" });
  #input = h("input", { type: "search", autocomplete: "off", role: "combobox", "aria-expanded": "false" });
  #found = h("div", { class: "found", hidden: true });

  get value() {
    const ids = [...this.#chosen.keys()];
    return this.multiple ? ids : ids[0];
  }

  get control() {
    return this.#input;
  }

  get isMissing() {
    return this.#chosen.size === 0;
  }

  build() {
    this.#input.placeholder = t("tasks.searchFile");
    this.#found.id = `${this.#input.id}-found`;
    this.#input.setAttribute("aria-controls", this.#found.id);
    this.append(this.#chips, this.#input, this.#found);
  }

  connected() {
    this.listen(this.#input, "input focus", () => this.#lookSoon());
    this.listen(this, "keydown", (event) => this.#onKey(event));
    this.listen(this, "focusout", ({ relatedTarget }) => !this.contains(relatedTarget) && this.#close());
  }

  #lookSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#look(), TYPING_MS);
  }

  async #look() {
    const asked = ++this.#asked;
    const found = await this.act("suggest", { kind: "file", q: this.#input.value.trim() })?.catch(() => []);
    if (asked !== this.#asked || !this.contains(document.activeElement)) return;
    const rows = (found ?? []).filter(({ value }) => !this.#chosen.has(value));
    const buttons = rows.map(({ value, label, detail }) =>
      h("button", { type: "button", class: "plain-button", onclick: () => this.#choose(value, label) }, icon("file"), h("span", {}, label), h("small", {}, detail === "/" ? "" : detail)),
    );
    this.#found.replaceChildren(...(buttons.length > 0 ? buttons : [h("p", {}, t("tasks.nothingFound"))]));
    this.#show(true);
  }

  #show(isShown) {
    this.#found.hidden = !isShown;
    this.#input.setAttribute("aria-expanded", String(isShown));
  }

  #close() {
    this.#asked++;
    clearTimeout(this.#timer);
    this.#show(false);
  }

  #onKey(event) {
    const buttons = [...this.#found.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    if (event.key === "Escape" && !this.#found.hidden) {
      event.preventDefault(); // closes the list, not the dialog around it
      event.stopPropagation();
      this.#close();
      this.#input.focus();
    }
    if (event.key === "Enter" && event.target === this.#input) event.preventDefault();
    if (event.key === "ArrowDown") (buttons[at + 1] ?? buttons[0])?.focus();
    else if (event.key === "ArrowUp") (buttons[at - 1] ?? this.#input).focus();
    else return;
    event.preventDefault();
  }

  #choose(value, label) {
    if (!this.multiple) this.#chosen.clear();
    this.#chosen.set(value, label);
    this.#input.value = "";
    this.#input.focus();
    this.#close();
    this.#updateChips();
  }

  #updateChips() {
    this.#chips.replaceChildren(
      ...[...this.#chosen].map(([value, label]) => {
        const drop = () => (this.#chosen.delete(value), this.#updateChips(), this.#input.focus());
        return h("li", {}, h("span", {}, label), iconButton("cancel", t("tasks.takeOut", { name: label }), { onclick: drop }));
      }),
    );
  }
}

customElements.define("id-field", IdField);
