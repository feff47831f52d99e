// <toast-stack>: what just happened, with the way back. Errors stay until they are dismissed; the rest goes by itself, but
// not while the pointer or the focus is on it.
//
// `show({ text, tone, word, run, href })`: `word` labels the button that does `run`, or the link to `href`.

import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton } from "./dom.js";

/** Long enough to take the way back; less where there is none. */
const KEPT_MS = Object.freeze({ way: 8000, plain: 4000 });
/** Errors do not count: they wait to be read. */
const MOST = 2;

export class ToastStack extends DriveElement {
  build() {
    this.setAttribute("role", "region");
    this.setAttribute("aria-label", t("files.messages"));
  }

  /** @param {{text: string, tone?: "danger", word?: string, run?: () => void, href?: string}} toast */
  show({ text, tone, word, run, href }) {
    const close = () => node.remove();
    const act = () => {
      close();
      run?.();
    };
    const way = href ? h("a", { class: "button small", href, onclick: close }, word) : word && h("button", { type: "button", class: "small", onclick: act }, word);
    const node = h(
      "div",
      { class: "toast", "data-tone": tone },
      icon(tone === "danger" ? "warning" : "check"),
      h("p", {}, text),
      way || null,
      iconButton("cancel", t("files.dismiss"), { onclick: close }),
    );
    for (const known of this.children) if (known.querySelector("p").textContent === text && !word) known.remove();
    const old = [...this.children].filter((known) => known.dataset.tone !== "danger");
    for (const known of old.slice(0, Math.max(0, old.length - MOST + 1))) known.remove();
    this.append(node);
    if (tone !== "danger") this.#leaveLater(node, way ? KEPT_MS.way : KEPT_MS.plain);
    return close;
  }

  #leaveLater(node, ms) {
    const later = () => {
      if (!node.isConnected) return;
      if (node.matches(":hover, :focus-within")) setTimeout(later, KEPT_MS.plain);
      else node.remove();
    };
    setTimeout(later, ms);
  }
}

customElements.define("toast-stack", ToastStack);
