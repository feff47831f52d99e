// Rows that get another name or place: in the row itself, by the picker, cut or copied and pasted, dragged; each with the
// way back. Names that are taken are asked about.

import { both } from "../core/file-moves.js";
import { isFolder, originOf } from "../core/listing.js";
import { baseOf, isWithin, join, parentOf } from "../core/paths.js";
import { t } from "../core/words.js";
import { CARRIED } from "./pick-pointer.js";

/** What Ctrl-C or Ctrl-X took, in whichever place, and for whom. @type {{items: object[], isCut: boolean, account: string} | null} */
let held = null;
/** The rows under way to a folder. @type {object[]} */
let carried = [];

const placeWord = (folder) => (folder === "/" ? t("files.top") : baseOf(folder));
const goesIntoItself = (items, folder) => items.some((item) => isFolder(item) && isWithin(folder, item.path));

export class FileCarry {
  #view;
  #work;

  /** @param {import("./file-view.js").FileView} view @param {import("./file-work.js").FileWork} work */
  constructor(view, work) {
    this.#view = view;
    this.#work = work;
  }

  /** @param {AbortSignal} signal */
  listen(signal) {
    addEventListener("drop", () => (carried = []), { signal });
    this.#acceptDrops(signal);
    this.#markHeld();
  }

  rename(item) {
    const { list } = this.#view;
    this.#view.focusList(item);
    list.rowOf(item)?.rename((name) => {
      if (name === null) return this.#view.focusList(item);
      const named = isFolder(item) ? { ...item, path: join(parentOf(item.path), name), name } : { ...item, name };
      const isTaken = this.#view.listing.isTaken(named); // two rows of one name would be one
      this.#work.quietly(() => this.#giveName(item, named, isTaken ? {} : named), [item]);
      this.#view.focusList(isTaken ? item : named);
    });
  }

  async #giveName(item, named, fields) {
    const { name } = named;
    const change = this.#view.listing.patch(item, fields);
    let answer = await this.#work.shown(change, () => this.#work.act("rename", { item, name }), ({ conflicts }) => conflicts);
    if (answer.conflicts.length > 0) {
      const onConflict = await this.#work.ask("conflict", { items: [named], folder: originOf(item) });
      if (onConflict === null) return;
      answer = await this.#work.act("rename", { item, name, onConflict });
    }
    const [now] = answer.placed;
    this.#work.toast({ text: t("files.renamed", { name: now.name }), ...this.#wayBack(answer) });
  }

  /** @param {"move" | "copy"} verb */
  async pickPlace(verb, items) {
    const folder = await this.#work.ask("place", { verb, items, start: this.#view.mode === "files" ? this.#view.folder : originOf(items[0]) });
    if (folder !== null) await this.#place(verb, items, folder);
  }

  /** Moves or copies; where names are taken, asks what is to become of them. */
  async #place(verb, items, folder) {
    const { listing, selection } = this.#view;
    const leaves = verb === "move" && this.#view.mode === "files" && folder !== this.#view.folder;
    const change = listing.remove(leaves ? items : []);
    if (leaves) selection.drop(items);
    let answer = await this.#work.shown(change, () => this.#work.act(verb, { items, folder }), ({ conflicts }) => conflicts);
    if (answer.conflicts.length > 0) {
      const onConflict = await this.#work.ask("conflict", { items: answer.conflicts, folder });
      if (onConflict !== null) answer = both(answer, await this.#work.act(verb, { items: answer.conflicts, folder, onConflict }));
    }
    const { placed, conflicts } = answer;
    if (placed.length === 0) {
      if (conflicts.length === 0) this.#work.toast({ text: t("files.thereAlready", { n: items.length, what: items[0].name, where: placeWord(folder) }) });
      return;
    }
    const facts = { n: placed.length, what: placed[0].name, where: placeWord(folder) };
    const way = verb === "move" ? this.#wayBack(answer) : {};
    this.#work.toast({ text: t(verb === "move" ? "files.moved" : "files.copied", facts), ...way });
  }

  /** Offered only where it is known what went. */
  #wayBack({ placed, back }) {
    return back === null ? {} : this.#work.wayBack(() => this.#work.act("put-back", back), placed);
  }

  // Holding and pasting

  hold(items, isCut) {
    if (items.length === 0) return;
    held = { items, isCut, account: this.#account };
    this.#markHeld();
    this.#work.toast({ text: t("files.held", { n: items.length, what: items[0].name }) });
  }

  release() {
    held = null;
    this.#markHeld();
  }

  get #account() {
    return this.#view.store.account?.id;
  }

  /** What another account took is nobody's any more. */
  get #held() {
    return held?.account === this.#account ? held : null;
  }

  #markHeld() {
    this.#view.markCut(this.#held?.isCut ? held.items : []);
  }

  holdsAny = () => this.#held !== null;

  /** What was cut stays so until it has gone. */
  paste() {
    const taken = this.#held;
    const { items, isCut } = taken;
    return this.#work.quietly(async () => {
      await this.#refuseItself(items, this.#view.folder);
      await this.#place(isCut ? "move" : "copy", items, this.#view.folder);
      if (isCut && held === taken) this.release();
    }, items);
  }

  async #refuseItself(items, folder) {
    if (!goesIntoItself(items, folder)) return;
    await this.#work.load();
    throw new Error(t("filetools.intoItself"));
  }

  // Dragging

  carry(items) {
    carried = items;
  }

  drop({ folder, copies }) {
    const items = carried.filter((item) => !goesIntoItself([item], folder));
    carried = [];
    if (items.length > 0) return this.#work.quietly(() => this.#place(copies ? "copy" : "move", items, folder), items);
  }

  /** The way back up takes rows too, and so does the trash. */
  #acceptDrops(signal) {
    const goal = ({ target, dataTransfer }) => (dataTransfer?.types.includes(CARRIED) ? target.closest?.("bread-crumb a[data-folder], side-bar a[data-view=trash]") : null);
    const on = (type, listener) => addEventListener(type, listener, { signal, capture: true });
    on("dragover", (event) => {
      const link = goal(event);
      if (!link) return;
      event.preventDefault();
      link.setAttribute("data-over", "");
    });
    on("dragleave", ({ target }) => target.closest?.("a[data-over]")?.removeAttribute("data-over"));
    on("drop", (event) => {
      const link = goal(event);
      if (!link) return;
      event.preventDefault();
      link.removeAttribute("data-over");
      if (link.dataset.folder) return void this.drop({ folder: link.dataset.folder, copies: event.ctrlKey });
      this.#work.run("trash", carried);
      carried = [];
    });
  }
}
