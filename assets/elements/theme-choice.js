// <theme-choice>: light, dark, or as the system says. Remembered in this browser; theme.js applies it before the first
// paint.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h } from "./dom.js";

const KEY = "drive-theme";
const CHOICES = ["system", "light", "dark"];

let made = 0;

export class ThemeChoice extends DriveElement {
  build() {
    const chosen = document.documentElement.dataset.theme ?? "system";
    const name = `theme-${++made}`;
    const options = CHOICES.map((value) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name, value, checked: value === chosen, onchange: () => choose(value) }),
        h("span", {}, t(`account.${value}`)),
      ),
    );
    this.append(h("fieldset", {}, h("legend", {}, t("account.appearance")), h("div", {}, ...options)));
  }

  connected() {
    this.listen(window, "drive-theme", () => this.requestUpdate()); // it may have been chosen in another place
  }

  update() {
    const chosen = document.documentElement.dataset.theme ?? "system";
    for (const input of this.querySelectorAll("input")) input.checked = input.value === chosen;
  }
}

function choose(value) {
  if (value === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  try {
    localStorage.setItem(KEY, value);
  } catch {
    // storage refused: the choice lasts as long as the page
  }
  dispatchEvent(new Event("drive-theme"));
}

customElements.define("theme-choice", ThemeChoice);
