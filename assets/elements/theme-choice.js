// <theme-choice>: light, dark, or as the system says. Remembered in this browser; theme.js applies it before the first
// paint.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h } from "./dom.js";

const KEY = "drive-theme";
const CHOICES = ["system", "light", "dark"];

export class ThemeChoice extends DriveElement {
  build() {
    const chosen = document.documentElement.dataset.theme ?? "system";
    const options = CHOICES.map((value) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "theme", value, checked: value === chosen, onchange: () => choose(value) }),
        h("span", {}, t(`account.${value}`)),
      ),
    );
    this.append(h("fieldset", {}, h("legend", {}, t("account.appearance")), h("div", {}, ...options)));
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
}

customElements.define("theme-choice", ThemeChoice);
