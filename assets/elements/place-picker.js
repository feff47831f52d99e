// <place-picker>: chooses a folder: a tree to be walked by keyboard, a field that narrows it, new folders in place, and the
// last three that were chosen.
//
// Properties: `paths` (of all folders, the top first), `barred` (what nothing may go into). `choose(path)`; `chosen` is the
// folder that is meant, and `take()` keeps it for the next time. Action: "make-folder" {path}.

import { isFolder } from "../core/listing.js";
import { baseOf, isWithin, join, nameFault, parentOf } from "../core/paths.js";
import { t } from "../core/words.js";
import { ask } from "./ask.js";
import { h, icon, setAttribute } from "./dom.js";
import { DriveElement } from "./element.js";
import { field, showSentence } from "./form.js";

const RECENT = "drive-places";
const RECENT_MAX = 3;
/** Rows of the tree that are drawn; a search finds the others. */
const SHOWN_MAX = 400;

const byName = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" }).compare;

/**
 * @param {{verb: "move" | "copy", items: object[], start: string}} wish @param {(action: string) => Promise<any>} act
 * @returns {Promise<string | null>} a folder's path
 */
export async function askPlace({ verb, items, start }, act) {
  const tree = await act("load-folders");
  const paths = ["/", ...tree.map(({ path }) => path).filter((path) => path !== "/")];
  const picker = Object.assign(h("place-picker"), { paths, barred: items.filter(isFolder).map(({ path }) => path), chosen: start });
  return ask({
    title: t(verb === "copy" ? "filetools.copyTo" : "filetools.moveTo", { n: items.length, what: items[0].name }),
    body: [picker],
    verb: t(verb === "copy" ? "filetools.copyHere" : "filetools.moveHere"),
    extra: [picker.maker],
    submit: async () => picker.take(),
  });
}

class PlacePicker extends DriveElement {
  paths = ["/"];
  /** Folders that are being moved: nothing goes into itself. */
  barred = [];
  chosen = "/";
  /** Asks for a new folder; stands among the buttons of the dialog. */
  maker = h("button", { type: "button", class: "new", onclick: () => this.#askName() }, icon("new-folder"), t("filetools.newHere"));
  #open = new Set(["/"]);
  #recent = h("div", { class: "recent" });
  #search = h("input", { type: "search", autocomplete: "off", placeholder: t("filetools.searchFolders"), "aria-label": t("filetools.searchFolders") });
  #tree = h("ul", { role: "tree", class: "tree", "aria-label": t("filetools.folders") });
  #where = h("p", { class: "help", role: "status" });
  #new = h("div", { class: "maker", hidden: true });

  build() {
    this.append(this.#search, this.#recent, this.#tree, this.#new, this.#where);
    this.#open.add(this.chosen);
    this.#choose(this.chosen);
    this.#drawRecent();
  }

  connected() {
    this.listen(this.#search, "input", () => this.#draw());
    this.listen(this.#search, "keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      this.#tree.querySelector("[role=treeitem]")?.focus();
    });
    this.listen(this.#tree, "click", ({ target }) => this.#onClick(target));
    this.listen(this.#tree, "dblclick", () => this.#isAllowed(this.chosen) && this.#submit());
    this.listen(this.#tree, "keydown", (event) => this.#onKey(event));
    requestAnimationFrame(() => this.#tree.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" }));
  }

  /** The folder that is meant, remembered; rejects where it may not be. */
  take() {
    if (!this.#isAllowed(this.chosen)) throw new Error(t("filetools.intoItself"));
    return this.#keep(this.chosen);
  }

  #submit() {
    this.closest("form").requestSubmit();
  }

  #complain(text) {
    showSentence(this.closest("form").querySelector(".error"), text);
  }

  #isAllowed = (path) => !this.barred.some((folder) => isWithin(path, folder));

  #keep(path) {
    try {
      localStorage.setItem(RECENT, JSON.stringify([path, ...recentPlaces().filter((one) => one !== path)].slice(0, RECENT_MAX)));
    } catch {
      // storage refused: nothing is remembered
    }
    return path;
  }

  #drawRecent() {
    const known = recentPlaces().filter((path) => this.paths.includes(path) && this.#isAllowed(path));
    const chip = (path) => h("button", { type: "button", class: "small", title: path, onclick: () => this.#choose(path) }, icon("clock"), h("span", {}, word(path)));
    this.#recent.hidden = known.length === 0;
    this.#recent.replaceChildren(...known.map(chip));
  }

  #choose(path) {
    for (let above = parentOf(path); above !== "/"; above = parentOf(above)) this.#open.add(above);
    this.#search.value = "";
    this.#select(path);
    this.#item(path)?.focus();
  }

  #select(path) {
    this.chosen = path;
    this.#where.textContent = path === "/" ? t("files.top") : path.slice(1).replaceAll("/", " / ");
    this.#draw();
  }

  #item(path) {
    return [...this.#tree.querySelectorAll("[role=treeitem]")].find((node) => node.dataset.path === path);
  }

  /** The rows of the tree as they stand below each other, with their depths. */
  #rows() {
    const words = this.#search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    if (words.length > 0) {
      const found = this.paths.filter((path) => words.every((one) => path.toLocaleLowerCase().includes(one)));
      return found.slice(0, SHOWN_MAX).map((path) => ({ path, depth: 0, isFound: true }));
    }
    const children = Map.groupBy(this.paths.slice(1), parentOf);
    const rows = [];
    const walk = (path, depth) => {
      const below = children.get(path) ?? [];
      rows.push({ path, depth, hasMore: below.length > 0 });
      if (!this.#open.has(path)) return;
      for (const child of below.sort((a, b) => byName(baseOf(a), baseOf(b)))) walk(child, depth + 1);
    };
    walk("/", 0);
    return rows.slice(0, SHOWN_MAX);
  }

  #draw() {
    const focused = document.activeElement?.closest?.("[role=treeitem]")?.dataset.path;
    const rows = this.#rows();
    const reach = rows.some(({ path }) => path === this.chosen) ? this.chosen : rows[0]?.path;
    this.#tree.replaceChildren(...rows.map((row) => this.#row(row, row.path === reach)));
    if (rows.length === 0) this.#tree.append(h("li", { class: "help", role: "none" }, t("filetools.noFolder")));
    if (focused !== undefined) this.#item(focused)?.focus();
  }

  #row({ path, depth, hasMore, isFound }, isReached) {
    const open = this.#open.has(path);
    const node = h(
      "li",
      {
        role: "treeitem",
        tabindex: isReached ? 0 : -1,
        "data-path": path,
        "aria-level": depth + 1,
        "aria-selected": String(path === this.chosen),
        "aria-expanded": hasMore ? String(open) : null,
        "aria-disabled": this.#isAllowed(path) ? null : "true",
      },
      hasMore ? icon(open ? "chevron-down" : "chevron-right") : h("span", { class: "gap" }),
      icon("folder"),
      h("span", { class: "word" }, word(path)),
      isFound && path !== "/" ? h("small", {}, parentOf(path).slice(1).replaceAll("/", " / ")) : null,
    );
    node.style.setProperty("--depth", depth);
    return node;
  }

  #onClick(target) {
    const row = target.closest("[role=treeitem]");
    if (!row) return;
    const { path } = row.dataset;
    if (target.closest(".icon") === row.firstElementChild) this.#toggle(path);
    this.#select(path);
    this.#item(path)?.focus();
  }

  #toggle(path, open = !this.#open.has(path)) {
    if (open) this.#open.add(path);
    else this.#open.delete(path);
    this.#draw();
  }

  /** The keys of a tree: up and down, right opens and goes in, left closes and goes out, Enter takes it. */
  #onKey(event) {
    const rows = [...this.#tree.querySelectorAll("[role=treeitem]")];
    const at = rows.indexOf(document.activeElement);
    if (at < 0) return;
    const { path } = rows[at].dataset;
    const expanded = rows[at].getAttribute("aria-expanded");
    const go = (node) => node && (this.#select(node.dataset.path), this.#item(node.dataset.path)?.focus());
    const keys = {
      ArrowDown: () => go(rows[at + 1]),
      ArrowUp: () => go(rows[at - 1]),
      Home: () => go(rows[0]),
      End: () => go(rows.at(-1)),
      ArrowRight: () => (expanded === "false" ? this.#toggle(path, true) : expanded && go(rows[at + 1])),
      ArrowLeft: () => (expanded === "true" && path !== "/" ? this.#toggle(path, false) : go(this.#item(parentOf(path)))),
      " ": () => this.#select(path),
      Enter: () => this.#isAllowed(path) && (this.#select(path), this.#submit()),
    };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }

  #askName() {
    const input = h("input", { autocomplete: "off", spellcheck: "false", maxlength: 255 });
    const make = async () => {
      const name = input.value.trim();
      const fault = nameFault(name);
      if (fault) return this.#complain(t(`files.${fault}`));
      const path = join(this.chosen, name);
      try {
        await this.act("make-folder", { path });
      } catch (problem) {
        return this.#complain(problem.message);
      }
      this.#complain("");
      if (!this.paths.includes(path)) this.paths.push(path);
      this.#open.add(this.chosen);
      this.#new.hidden = true;
      this.#choose(path);
    };
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.preventDefault();
        event.stopPropagation();
        this.#new.hidden = true;
        this.maker.focus();
      }
      if (event.key !== "Enter") return;
      event.preventDefault();
      make();
    });
    const button = h("button", { type: "button", onclick: make }, t("filetools.create"));
    this.#new.replaceChildren(field({ label: t("filetools.newIn", { name: word(this.chosen) }), control: input }), button);
    this.#new.hidden = false;
    setAttribute(input, "placeholder", t("files.newFolder"));
    input.focus();
  }
}

const word = (path) => (path === "/" ? t("files.top") : baseOf(path));

function recentPlaces() {
  try {
    return JSON.parse(localStorage.getItem(RECENT)) ?? [];
  } catch {
    return [];
  }
}

customElements.define("place-picker", PlacePicker);
