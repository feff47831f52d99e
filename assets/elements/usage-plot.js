// <usage-plot>: quantities as bars, each named and with its value beside it, so that nothing depends on colour; or the
// same as a table, and as a file.
//
// Property `plot`: {title, kind: "bars" | "columns", heads, rows: [{label, value, text, tone?, cells}], whole?, format?, file}.
// `heads` and `cells` are the table's; bars are parts of `whole`; `format(value)` names the marks of the axis of columns;
// `file` is the name of its CSV.

import { csv, marks } from "../core/plot.js";
import { percent } from "../core/format.js";
import { t } from "../core/words.js";
import { DriveElement } from "./element.js";
import { h, icon, s, setAttribute, setText } from "./dom.js";
import { saveText } from "./form.js";
import { table, tableRow } from "./page-element.js";

const ROW = 40;
const COLUMNS_HEIGHT = 200;
const COLUMNS_MAX = 24;
const AXIS = 56;
const UNDER = 24;
/** About the width of a letter, for cutting names that do not fit. */
const LETTER = 7.2;

export class UsagePlot extends DriveElement {
  #plot = null;
  #isTable = false;
  #title = h("h2", { tabindex: -1 });
  #drawing = s("svg", { class: "drawing", role: "img" });
  #table = h("div", { class: "table", hidden: true });
  #toggle = h("button", { type: "button", class: "small", onclick: () => this.#swap() });
  #save = h("button", { type: "button", class: "small", onclick: () => this.#saveFile() }, icon("download"), "CSV");
  #resize = null;

  set plot(plot) {
    this.#plot = plot;
    this.requestUpdate();
  }

  build() {
    this.append(h("header", {}, this.#title, h("div", { class: "verbs" }, this.#toggle, this.#save)), this.#drawing, this.#table);
  }

  connected() {
    this.#resize = new ResizeObserver(() => this.requestUpdate());
    this.#resize.observe(this);
  }

  disconnectedCallback() {
    super.disconnectedCallback();
    this.#resize.disconnect();
  }

  update() {
    if (this.#plot === null) return;
    const { title, rows, kind } = this.#plot;
    setText(this.#title, title);
    this.#toggle.replaceChildren(icon(this.#isTable ? "usage" : "list"), t(this.#isTable ? "usage.asPlot" : "usage.asTable"));
    setAttribute(this.#toggle, "aria-label", t(this.#isTable ? "usage.asPlotOf" : "usage.asTableOf", { title }));
    setAttribute(this.#save, "aria-label", t("usage.saveCsv", { title }));
    this.#drawing.toggleAttribute("hidden", this.#isTable);
    this.#table.hidden = !this.#isTable;
    if (this.#isTable) return this.#showTable();
    const width = Math.floor(this.#drawing.parentElement.clientWidth - 40);
    if (width <= 0) return;
    setAttribute(this.#drawing, "aria-label", `${title}. ${rows.map(({ label, text }) => `${label}: ${text}`).join(". ")}`);
    const height = kind === "bars" ? rows.length * ROW : COLUMNS_HEIGHT + UNDER;
    for (const [name, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` }))
      setAttribute(this.#drawing, name, value);
    this.#drawing.replaceChildren(...(kind === "bars" ? this.#bars(width) : this.#columns(width)));
  }

  #bars(width) {
    const { rows, whole } = this.#plot;
    return rows.flatMap(({ label, value, text, tone = "accent" }, at) => {
      const y = at * ROW;
      const room = Math.max(4, Math.floor((width - text.length * LETTER - 16) / LETTER));
      const long = value > 0 ? Math.max(3, (value / whole) * width) : 0;
      return [
        s("text", { x: 0, y: y + 15, class: "label" }, label.length > room ? `${label.slice(0, room - 1)}…` : label, s("title", {}, label)),
        s("text", { x: width, y: y + 15, class: "value", "text-anchor": "end" }, text),
        s("rect", { x: 0, y: y + 22, width, height: 8, rx: 4, class: "track" }),
        s("rect", { x: 0, y: y + 22, width: long, height: 8, rx: Math.min(4, long / 2), class: "bar", "data-tone": tone }),
      ];
    });
  }

  #columns(width) {
    const { format } = this.#plot;
    const rows = this.#plot.rows.slice(-COLUMNS_MAX);
    const scale = marks(Math.max(...rows.map(({ value }) => value)));
    const top = scale.at(-1) || 1;
    const y = (value) => COLUMNS_HEIGHT - (value / top) * (COLUMNS_HEIGHT - 16);
    const step = (width - AXIS) / rows.length;
    const wide = Math.min(48, step * 0.7);
    const every = Math.ceil(44 / step);
    const lines = scale.flatMap((mark) => [
      s("line", { x1: AXIS, x2: width, y1: y(mark), y2: y(mark), class: "line" }),
      s("text", { x: AXIS - 8, y: y(mark) + 4, class: "mark", "text-anchor": "end" }, format(mark)),
    ]);
    const columns = rows.flatMap(({ label, short, value, text }, at) => {
      const middle = AXIS + step * (at + 0.5);
      const high = value > 0 ? Math.max(2, COLUMNS_HEIGHT - y(value)) : 0;
      const isNamed = (rows.length - 1 - at) % every === 0;
      const edge = width - (short.length * LETTER) / 2; // the last name is not cut
      return [
        s("rect", { x: middle - wide / 2, y: COLUMNS_HEIGHT - high, width: wide, height: high, rx: Math.min(3, high), class: "bar" }, s("title", {}, `${label}: ${text}`)),
        ...(isNamed ? [s("text", { x: Math.min(middle, edge), y: COLUMNS_HEIGHT + 18, class: "mark", "text-anchor": "middle" }, short)] : []),
      ];
    });
    return [...lines, ...columns];
  }

  #showTable() {
    const { title, heads, rows } = this.#plot;
    const body = h("tbody", {}, ...rows.map(({ cells }) => tableRow(heads, cells.map(({ text }) => text))));
    this.#table.replaceChildren(table(title, heads, body));
  }

  #swap() {
    this.#isTable = !this.#isTable;
    this.update();
  }

  #saveFile() {
    const { heads, rows, file } = this.#plot;
    saveText(file, csv([heads, ...rows.map(({ cells }) => cells.map(({ value }) => value))]), "text/csv");
  }
}

/** A cell of the table, and what a file says instead. */
export const cell = (value, text = String(value)) => ({ value, text });

/** "4.1 MB · 62 %" @param {string} text @param {number} part @param {number} whole */
export const withShare = (text, part, whole) => {
  if (!(whole > 0)) return text;
  const isLittle = part > 0 && part / whole < 0.01;
  return `${text} · ${isLittle ? `< ${percent(0.01)}` : percent(part / whole)}`;
};

customElements.define("usage-plot", UsagePlot);
