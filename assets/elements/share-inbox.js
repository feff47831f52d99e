// <share-inbox>: where visitors of a link leave files.
//
// Action "send" {file, signal, onProgress}: its answer settles when the file is stored, or rejects with what to show.

import { filesOfEntry } from "../core/folder-reader.js";
import { bytes, bytesOf } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, iconButton, setIcon, setText } from "./dom.js";

/** Files that are sent at the same time. */
const TOGETHER = 2;

export class ShareInbox extends DriveElement {
  #waiting = [];
  #running = 0;
  #picker = h("input", { type: "file", multiple: true, hidden: true, onchange: () => this.#pick() });
  #rows = h("ul", { class: "rows" });
  #said = h("p", { class: "visually-hidden", role: "status" });

  build() {
    const choose = h("button", { type: "button", onclick: () => this.#picker.click() }, icon("upload"), t("share.choose"));
    this.append(
      h("div", { class: "target" }, h("p", {}, t("share.drop")), choose),
      this.#picker,
      this.#rows,
      this.#said,
    );
  }

  connected() {
    const over = (is) => this.toggleAttribute("data-over", is);
    this.listen(document, "dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      over(true);
    });
    this.listen(document, "dragleave", (event) => event.relatedTarget === null && over(false));
    this.listen(document, "drop", (event) => {
      event.preventDefault();
      over(false);
      this.#take(event.dataTransfer);
    });
    this.listen(window, "beforeunload", (event) => this.#running > 0 && event.preventDefault());
  }

  #pick() {
    this.add([...this.#picker.files]);
    this.#picker.value = "";
  }

  /** Folders too: what is in them, all in one place. */
  async #take(transfer) {
    const asked = [...(transfer?.items ?? [])].filter(({ kind }) => kind === "file").map((item) => ({ file: item.getAsFile(), entry: item.webkitGetAsEntry?.() }));
    this.add(asked.filter(({ file, entry }) => file && !entry?.isDirectory).map(({ file }) => file));
    for (const { entry } of asked.filter((one) => one.entry?.isDirectory)) {
      const { items, lost } = await filesOfEntry(entry, "/");
      this.add(items.map(({ file }) => file));
      for (const { name } of lost) this.#fail(this.#row(new File([], name)), { message: t("uploads.unreadable") });
    }
  }

  /** @param {File[]} files */
  add(files) {
    for (const file of files) this.#waiting.push(this.#row(file));
    this.#next();
  }

  #row(file) {
    const stop = new AbortController();
    const row = { file, stop, icon: icon("file"), bar: document.createElement("progress-bar"), state: h("span", { class: "state" }) };
    row.again = iconButton("retry", t("share.sendAgain", { name: file.name }), { hidden: true, onclick: () => this.#again(row) });
    row.cancel = iconButton("cancel", t("share.doNotSend", { name: file.name }), { onclick: () => this.#end(row) });
    const words = h("div", { class: "words" }, h("span", { class: "name", title: file.name }, file.name), row.state, row.bar);
    row.node = h("li", {}, row.icon, words, h("span", { class: "verbs" }, row.again, row.cancel));
    this.#rows.append(row.node);
    this.#show(row, 0, t("share.waiting"));
    return row;
  }

  #show({ file, bar, state }, sent, words, tone = "accent") {
    const value = file.size === 0 ? (sent === null ? 0 : 1) : sent / file.size;
    bar.show({ value, label: file.name, text: words, tone });
    setText(state, words);
  }

  #next() {
    while (this.#running < TOGETHER && this.#waiting.length > 0) this.#send(this.#waiting.shift());
  }

  async #send(row) {
    const { file, stop } = row;
    this.#running++;
    const onProgress = (sent) => this.#show(row, sent, bytesOf(sent, file.size));
    try {
      await this.act("send", { file, signal: stop.signal, onProgress });
      this.#show(row, file.size, t("share.sent", { size: bytes(file.size) }), "success");
      setIcon(row.icon, "done");
      row.cancel.hidden = true;
      setText(this.#said, t("share.wasSent", { name: file.name }));
    } catch (problem) {
      if (!stop.signal.aborted) this.#fail(row, problem);
    } finally {
      this.#running--;
      this.#next();
    }
  }

  #fail(row, problem) {
    this.#show(row, row.file.size, problem.message, "danger");
    setIcon(row.icon, "warning");
    row.node.toggleAttribute("data-failed", true);
    row.again.hidden = row.file.size === 0;
    setText(this.#said, t("share.notSent", { name: row.file.name, reason: problem.message }));
  }

  #again(row) {
    row.again.hidden = true;
    row.cancel.focus();
    row.node.toggleAttribute("data-failed", false);
    setIcon(row.icon, "file");
    this.#show(row, 0, t("share.waiting"));
    this.#waiting.push(row);
    this.#next();
  }

  #end(row) {
    row.stop.abort(new DOMException("not wanted any more", "AbortError"));
    this.#waiting = this.#waiting.filter((one) => one !== row);
    row.node.remove();
  }
}

customElements.define("share-inbox", ShareInbox);
