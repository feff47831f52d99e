// Reads Markdown into a tree of plain values, for elements/markdown-view.js to draw: headings, paragraphs, quotes, lists and
// what is ticked off in them, tables, rules, code; in lines emphasis, code and links. What it does not know, tags of HTML among it, stays the text it is.
//
// The text may come from anybody. So there are limits on depth, on pieces and on what is looked at for a link; beyond them
// it goes on as plain text. Only links to http, https and mailto are links.

/**
 * @typedef {string | {kind: "strong" | "em" | "del", children: Inline[]} | {kind: "code", text: string} |
 *           {kind: "link", href: string, children: Inline[]} | {kind: "break"}} Inline
 * @typedef {{kind: "heading", level: number, children: Inline[]} | {kind: "paragraph", children: Inline[]} |
 *           {kind: "quote", blocks: Block[]} | {kind: "list", start: number | null, items: Block[][], ticks?: (boolean | null)[]} |
 *           {kind: "table", aligns: ("left" | "center" | "right" | null)[], head: Inline[][], rows: Inline[][][]} |
 *           {kind: "code", text: string} | {kind: "rule"}} Block
 */

const DEPTH_MAX = 8;
const PIECES_MAX = 20_000;
const COLUMNS_MAX = 100;
const SCHEMES = new Set(["http:", "https:", "mailto:"]);

const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]+(.*))?$/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( {1,4}|$)/;
const INDENTED = /^(?: {4}|\t)/;
const TABLE = /^ {0,3}\|/;
const ALIGN = /^ *(:?)-+(:?) *$/;
const TICK = /^\[([ xX])\] +(?=\S)/;

/** @param {string} text @returns {Block[]} */
export function parseMarkdown(text) {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  return blocks(lines, 0, { left: PIECES_MAX });
}

/** @returns {Block[]} */
function blocks(lines, depth, budget) {
  const out = [];
  for (let at = 0; at < lines.length; ) {
    if (lines[at].trim() === "") {
      at++;
      continue;
    }
    const tooMuch = depth > DEPTH_MAX || --budget.left < 0;
    const read = tooMuch ? rest : READERS.find(({ begins }) => begins.test(lines[at]))?.read ?? paragraph;
    const [block, next] = read(lines, at, depth, budget);
    out.push(block);
    at = next;
  }
  return out;
}

const READERS = [
  { begins: FENCE, read: fenced },
  { begins: HEADING, read: heading },
  { begins: RULE, read: (_, at) => [{ kind: "rule" }, at + 1] },
  { begins: QUOTE, read: quote },
  { begins: ITEM, read: list },
  { begins: INDENTED, read: (lines, at) => verbatim(lines, at, INDENTED) },
  { begins: TABLE, read: table },
];

const rest = (lines, at) => [{ kind: "paragraph", children: [lines.slice(at).join("\n")] }, lines.length];

function fenced(lines, at) {
  const [, fence] = FENCE.exec(lines[at]);
  const isEnd = (line) => FENCE.exec(line)?.[1].startsWith(fence) && line.trim().replaceAll(fence[0], "") === "";
  let end = at + 1;
  while (end < lines.length && !isEnd(lines[end])) end++;
  return [{ kind: "code", text: lines.slice(at + 1, end).join("\n") }, end + 1];
}

function heading(lines, at, depth, budget) {
  const [, marks, text = ""] = HEADING.exec(lines[at]);
  return [{ kind: "heading", level: marks.length, children: inline(text.trim().replace(/(?:^|[ \t])#+$/, ""), budget) }, at + 1];
}

/** Lines that stand as they are: indented code; what begins like a table and is none. */
function verbatim(lines, at, mark, isCut = true) {
  let end = at;
  while (end < lines.length && mark.test(lines[end])) end++;
  const kept = lines.slice(at, end);
  return [{ kind: "code", text: (isCut ? kept.map((line) => line.replace(mark, "")) : kept).join("\n") }, end];
}

/** What stands between the bars of a line; a bar with a backslash before it is text. */
const cellsOf = (line) => line.trim().replace(/^\||(?<!\\)\|$/g, "").split(/(?<!\\)\|/);

/** The second line tells the columns; a row with more cells loses them. */
function table(lines, at, depth, budget) {
  const marks = TABLE.test(lines[at + 1] ?? "") ? cellsOf(lines[at + 1]).map((cell) => ALIGN.exec(cell)) : [null];
  const names = cellsOf(lines[at]);
  if (marks.includes(null) || marks.length !== names.length || marks.length > COLUMNS_MAX) return verbatim(lines, at, TABLE, false);
  const row = (cells) => cells.slice(0, marks.length).map((cell) => (budget.left--, inline(cell.trim(), budget)));
  const aligns = marks.map(([, left, right]) => (right ? (left ? "center" : "right") : left ? "left" : null));
  const head = row(names);
  const rows = [];
  let end = at + 2;
  for (; end < lines.length && TABLE.test(lines[end]) && budget.left >= 0; end++) rows.push(row(cellsOf(lines[end])));
  return [{ kind: "table", aligns, head, rows }, end];
}

/** Whether a line only goes on with what the one before it says. */
const isText = (line) => line.trim() !== "" && READERS.every(({ begins }) => begins === INDENTED || !begins.test(line));

function quote(lines, at, depth, budget) {
  let end = at;
  while (end < lines.length && (QUOTE.test(lines[end]) || isText(lines[end]))) end++;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [{ kind: "quote", blocks: blocks(inner, depth + 1, budget) }, end];
}

const isNumbered = (marker) => /\d/.test(marker);

function list(lines, at, depth, budget) {
  const [, , first] = ITEM.exec(lines[at]);
  const items = [];
  const ticks = [];
  const goesOn = (mark) => mark !== null && mark[2].at(-1) === first.at(-1) && !RULE.test(lines[at]) && --budget.left >= 0;
  for (let mark = ITEM.exec(lines[at]); items.length === 0 || goesOn(mark); ) {
    const width = mark[0].length + (mark[3] === "" ? 1 : 0);
    const inner = [lines[at].slice(mark[0].length)];
    let end = at + 1;
    for (; end < lines.length; end++) {
      const line = lines[end];
      const indent = line.search(/[^ ]/);
      if (indent >= width || indent < 0) inner.push(line.slice(width));
      else if (lines[end - 1].trim() !== "" && isText(line)) inner.push(line.trimStart());
      else break;
    }
    const tick = TICK.exec(inner[0]);
    ticks.push(tick && tick[1] !== " ");
    if (tick) inner[0] = inner[0].slice(tick[0].length);
    items.push(blocks(inner, depth + 1, budget));
    at = end;
    mark = at < lines.length ? ITEM.exec(lines[at]) : null;
  }
  const start = isNumbered(first) ? Number.parseInt(first, 10) : null;
  return [{ kind: "list", start, items, ...(ticks.some((tick) => tick !== null) && { ticks }) }, at];
}

function paragraph(lines, at, depth, budget) {
  let end = at + 1;
  while (end < lines.length && !UNDERLINE.test(lines[end]) && isText(lines[end])) end++;
  const children = inline(lines.slice(at, end).map((line) => line.trimStart()).join("\n").trimEnd(), budget);
  const underline = end < lines.length && UNDERLINE.exec(lines[end]);
  if (underline) return [{ kind: "heading", level: underline[1][0] === "=" ? 1 : 2, children }, end + 1];
  return [{ kind: "paragraph", children }, end];
}

// Within lines. What is open, such as the beginning of a bold text, stands on a stack until its end is found; what never
// ends gives its mark and its content back as text. All of it is one walk along the text.

const MARKS = { "**": "strong", __: "strong", "*": "em", _: "em", "~~": "del" };
const SPECIAL = /[\\`*_~![\]<\n]|https?:\/\//g;
const TARGET = /\(\s{0,9}(?:<([^<>\n]{0,1000})>|([^\s<>()]{0,1000}(?:\([^\s<>()]{0,200}\)[^\s<>()]{0,200})?))(?:\s{1,9}"[^"\n]{0,300}")?\s{0,9}\)/y;
const BARE = /https?:\/\/[^\s<>"'`|\\^{}[\]]{1,1000}/y;
const ANGLE = /<((?:https?:\/\/|mailto:)[^\s<>]{1,1000})>/y;

/** @param {string} text @param {{left: number}} budget @returns {Inline[]} */
export function inline(text, budget = { left: PIECES_MAX }) {
  return new InlineReader(text, budget).read();
}

class InlineReader {
  #text;
  #budget;
  #at = 0;
  /** @type {{mark: string, children: Inline[]}[]} the lowest is the text itself */
  #open = [{ mark: "", children: [] }];
  /** Lengths of runs of backticks that have no partner further on. */
  #lonely = new Set();

  constructor(text, budget) {
    this.#text = text;
    this.#budget = budget;
  }

  read() {
    while (this.#at < this.#text.length) {
      SPECIAL.lastIndex = this.#at;
      const next = this.#budget.left > 0 ? (SPECIAL.exec(this.#text)?.index ?? this.#text.length) : this.#text.length;
      this.#put(this.#text.slice(this.#at, next));
      this.#at = next;
      if (next === this.#text.length) break;
      this.#budget.left--;
      this.#special(this.#text[next]);
    }
    while (this.#open.length > 1) this.#giveBack();
    return this.#open[0].children;
  }

  #special(letter) {
    if (letter === "\\") return this.#escape();
    if (letter === "`") return this.#code();
    if (letter === "\n") return this.#lineEnd();
    if (letter === "<") return this.#address(ANGLE);
    if (letter === "h") return this.#address(BARE);
    if (letter === "!") return this.#take(this.#text[this.#at + 1] === "[" ? "" : "!", 1); // a picture is a link to it
    if (letter === "[") return this.#begin("[");
    if (letter === "]") return this.#endLink();
    return this.#emphasis(letter);
  }

  /** Puts down a text for some letters. */
  #take(text, length = text.length) {
    this.#put(text);
    this.#at += length;
  }

  #put(piece) {
    if (piece === "") return;
    const { children } = this.#open.at(-1);
    if (typeof piece === "string" && typeof children.at(-1) === "string") children.push(children.pop() + piece);
    else children.push(piece);
  }

  #begin(mark) {
    if (this.#open.length > DEPTH_MAX) return this.#take(mark);
    this.#open.push({ mark, children: [] });
    this.#at += mark.length;
  }

  /** What was opened last is no more than text. */
  #giveBack() {
    const { mark, children } = this.#open.pop();
    for (const piece of [mark, ...children]) this.#put(piece);
  }

  #escape() {
    const next = this.#text[this.#at + 1] ?? "";
    if (next === "\n") return this.#take({ kind: "break" }, 2);
    return /[!-/:-@[-`{-~]/.test(next) ? this.#take(next, 2) : this.#take("\\");
  }

  #code() {
    const run = /`+/y;
    run.lastIndex = this.#at;
    const [ticks] = run.exec(this.#text);
    const from = this.#at + ticks.length;
    const end = this.#lonely.has(ticks.length) ? -1 : this.#runOf(ticks.length, from);
    if (end < 0) {
      this.#lonely.add(ticks.length);
      return this.#take(ticks);
    }
    const code = this.#text.slice(from, end).replaceAll("\n", " ");
    const isPadded = code.startsWith(" ") && code.endsWith(" ") && code.trim() !== "";
    return this.#take({ kind: "code", text: isPadded ? code.slice(1, -1) : code }, end + ticks.length - this.#at);
  }

  /** Where a run of exactly so many backticks begins, or -1. */
  #runOf(length, from) {
    const runs = /`+/g;
    runs.lastIndex = from;
    for (let run = runs.exec(this.#text); run; run = runs.exec(this.#text)) if (run[0].length === length) return run.index;
    return -1;
  }

  #lineEnd() {
    const { children } = this.#open.at(-1);
    const isHard = typeof children.at(-1) === "string" && children.at(-1).endsWith("  ");
    this.#take(isHard ? { kind: "break" } : "\n", 1);
  }

  #address(pattern) {
    pattern.lastIndex = this.#at;
    const found = this.#open.some(({ mark }) => mark === "[") ? null : pattern.exec(this.#text);
    const address = (found?.[1] ?? found?.[0] ?? "").replace(pattern === BARE ? /[.,:;!?)*_~]{1,9}$/ : /^$/, "");
    const href = safeHref(address);
    if (href === null) return this.#take(this.#text[this.#at]);
    return this.#take({ kind: "link", href, children: [address.replace(/^mailto:/, "")] }, pattern === BARE ? address.length : found[0].length);
  }

  #endLink() {
    const at = this.#open.findLastIndex(({ mark }) => mark === "[");
    if (at < 0) return this.#take("]");
    TARGET.lastIndex = this.#at + 1;
    const target = TARGET.exec(this.#text);
    while (this.#open.length > at + 1) this.#giveBack();
    if (target === null) {
      this.#giveBack();
      return this.#take("]");
    }
    const { children } = this.#open.pop();
    const href = safeHref(target[1] ?? target[2]);
    // A link that leads nowhere we let it lead is its text; so is one within another.
    if (href !== null && !this.#open.some(({ mark }) => mark === "[")) this.#put({ kind: "link", href, children });
    else for (const piece of children) this.#put(piece);
    this.#at += 1 + target[0].length;
  }

  #emphasis(letter) {
    const twice = this.#text[this.#at + 1] === letter;
    const mark = twice ? letter + letter : letter;
    if (!(mark in MARKS)) return this.#take(mark);
    const [before, after] = [this.#text[this.#at - 1] ?? " ", this.#text[this.#at + mark.length] ?? " "];
    const isWord = (one) => letter === "_" && /[\p{L}\p{N}]/u.test(one);
    const canEnd = /\S/.test(before) && !isWord(after);
    const canBegin = /\S/.test(after) && !isWord(before);
    const at = this.#open.findLastIndex((one) => one.mark === mark);
    if (!canEnd || at < 0 || this.#open.findLastIndex((one) => one.mark === "[") > at) return canBegin ? this.#begin(mark) : this.#take(mark);
    while (this.#open.length > at + 1) this.#giveBack();
    const { children } = this.#open.pop();
    return this.#take({ kind: MARKS[mark], children }, mark.length);
  }
}

/** The whole address of a link that may be followed, else null. @param {string} address */
export function safeHref(address) {
  try {
    const url = new URL(address); // without a base: an address within this page means nothing to who wrote the text
    return SCHEMES.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}
