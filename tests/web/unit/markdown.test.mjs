// Markdown as a tree: what is known becomes pieces, everything else stays text, whoever wrote it and however much of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { inline, parseMarkdown, safeHref } from "../../../assets/core/markdown.js";

const paragraph = (...children) => ({ kind: "paragraph", children });
const link = (href, ...children) => ({ kind: "link", href, children });
const bold = (...children) => ({ kind: "strong", children });
const leaning = (...children) => ({ kind: "em", children });

/** Every piece of a tree, at any depth. */
function* pieces(node) {
  yield node;
  if (typeof node === "string") return;
  for (const inner of within(node)) yield* pieces(inner);
}
const all = (text) => parseMarkdown(text).flatMap((block) => [...pieces(block)]);
const within = ({ children, blocks, items, head, rows }) => children ?? blocks ?? items?.flat() ?? (head && [...head.flat(), ...rows.flat(2)]) ?? [];
const depth = (node) => 1 + Math.max(0, ...within(node).map(depth));

test("blocks: headings, paragraphs, quotes, lists, code, rules, tables", () => {
  const text = [
    "# Harbour #", "", "two", "lines", "", "Quay", "----", "> said", "still said", ">> twice", "", "- boats", "  - red", "", "  and blue",
    "- nets", "", "3) three", "4) four", "", "```js", "let a = '*';", "```", "", "    indented", "", "* * *", "| a | b |", "|---|---|", "end",
  ].join("\n");
  assert.deepEqual(parseMarkdown(text), [
    { kind: "heading", level: 1, children: ["Harbour"] },
    paragraph("two\nlines"),
    { kind: "heading", level: 2, children: ["Quay"] },
    { kind: "quote", blocks: [paragraph("said\nstill said"), { kind: "quote", blocks: [paragraph("twice")] }] },
    {
      kind: "list",
      start: null,
      items: [[paragraph("boats"), { kind: "list", start: null, items: [[paragraph("red")]] }, paragraph("and blue")], [paragraph("nets")]],
    },
    { kind: "list", start: 3, items: [[paragraph("three")], [paragraph("four")]] },
    { kind: "code", text: "let a = '*';" },
    { kind: "code", text: "indented" },
    { kind: "rule" },
    { kind: "table", aligns: [null, null], head: [["a"], ["b"]], rows: [] },
    paragraph("end"),
  ]);
  assert.deepEqual(parseMarkdown("\r\n \r\n"), []);
  assert.deepEqual(parseMarkdown("```\nnever ends"), [{ kind: "code", text: "never ends" }]);
});

test("tables: columns, their sides, cells that are missing, too many or have a bar; what only begins like one stands as it is", () => {
  const text = "| Buoy | *Passed* | |\n|:--|--:|:-:|\n| 12 \\| 13 | **07:40** |\n| a | b | c | d |\nend";
  assert.deepEqual(parseMarkdown(text), [
    {
      kind: "table",
      aligns: ["left", "right", "center"],
      head: [["Buoy"], [leaning("Passed")], []],
      rows: [
        [["12 | 13"], [bold("07:40")]],
        [["a"], ["b"], ["c"]],
      ],
    },
    paragraph("end"),
  ]);
  assert.deepEqual(parseMarkdown("| a | b |\n| c | d |"), [{ kind: "code", text: "| a | b |\n| c | d |" }]);
  assert.deepEqual(parseMarkdown("| a | b |\n|---|\n| c |")[0].kind, "code");
});

test("lists of things to do", () => {
  assert.deepEqual(parseMarkdown("- [ ] nets\n- [x] *boats*\n- [y] [ ]\n- sails"), [
    { kind: "list", start: null, items: [[paragraph("nets")], [paragraph(leaning("boats"))], [paragraph("[y] [ ]")], [paragraph("sails")]], ticks: [false, true, null, null] },
  ]);
});

test("lines: emphasis, code, links, breaks; a mark without its partner is text", () => {
  assert.deepEqual(inline("a **b _c_** ~~d~~"), ["a ", bold("b ", leaning("c")), " ", { kind: "del", children: ["d"] }]);
  assert.deepEqual(inline("snake_case_name, 2 * 3 * 4, **open, a ~ b"), ["snake_case_name, 2 * 3 * 4, **open, a ~ b"]);
  assert.deepEqual(inline("*a **b* c"), [leaning("a **b"), " c"]);
  assert.deepEqual(inline("``a ` b`` ` \\*c\\*"), [{ kind: "code", text: "a ` b" }, " ` *c*"]);
  assert.deepEqual(inline('[the *sea*](https://example.org/a_(b) "title").'), [link("https://example.org/a_(b)", "the ", leaning("sea")), "."]);
  assert.deepEqual(inline("![a boat](https://example.org/boat.png)"), [link("https://example.org/boat.png", "a boat")]);
  assert.deepEqual(inline("see https://example.org/x. <mailto:a@example.org>"), [
    "see ",
    link("https://example.org/x", "https://example.org/x"),
    ". ",
    link("mailto:a@example.org", "a@example.org"),
  ]);
  assert.deepEqual(inline("[a](b.md) [c] [d](#e)"), ["a [c] d"]);
  assert.deepEqual(inline("one  \ntwo\\\nthree"), ["one  ", { kind: "break" }, "two", { kind: "break" }, "three"]);
});

test("no link leads anywhere but to http, https and mailto", () => {
  const targets = [
    "javascript:alert(1)", " javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "\u0001javascript:alert(1)", "javascript&#58;alert(1)",
    "javascript://example.org/%0aalert(1)", "data:text/html,<script>alert(1)</script>", "vbscript:x", "blob:https://example.org/1", "file:///etc/passwd",
    "//example.org", "/api/files", "#setup=1", "?x", "", "view-source:https://example.org",
  ];
  for (const target of targets) {
    assert.equal(safeHref(target), null, target);
    for (const text of [`[x](${target})`, `[x](<${target}>)`, `<${target}>`, `![x](${target})`]) {
      for (const { kind, href } of all(text).filter((piece) => piece.kind === "link")) assert.match(href, /^https?:\/\//, `${kind}: ${text}`);
    }
  }
  assert.equal(safeHref("HTTPS://Example.org"), "https://example.org/");
});

test("tags of HTML are text", () => {
  for (const text of ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a <b>b</b> &amp; <iframe src=javascript:1>", "<!-- x -->"]) {
    assert.deepEqual(parseMarkdown(text), [paragraph(text)]);
  }
});

test("deep and huge texts end soon, with bounded depth and number of pieces", () => {
  const size = 256 * 1024;
  const fill = (text) => text.repeat(Math.ceil(size / text.length)).slice(0, size);
  const hostile = [
    ">", "> ", "- ", "  - x\n", "1. ", "*", "**a ", "_a ", "~~a", "`", "``a`", "[", "[]", "[](", "[a](b", "](", "![", "\\", "<https://", "https://a ",
    "[a](https://x \"", "#", "# a\n", "```\n", "* * ", "|\n", "\n", " ", "a\n", "<a ", "[a](<", "*a_b**c__", "- a\n\n", "> a\n", "[x](     ", "|a|\n|-|\n", "|a", "|-|", "| |\n", "- [ ] x\n",
  ];
  for (const one of hostile) {
    const began = performance.now();
    const blocks = parseMarkdown(fill(one));
    const ms = performance.now() - began;
    assert.ok(ms < 3000, `${JSON.stringify(one)} took ${ms} ms`);
    let count = 0;
    for (const block of blocks) {
      for (const _ of pieces(block)) count++;
      assert.ok(depth(block) <= 40, JSON.stringify(one));
    }
    assert.ok(count <= 70_000, `${JSON.stringify(one)} has ${count} pieces`);
  }
  for (const cells of [90, 100_000]) {
    const [columns, row] = ["|-".repeat(cells), "|a".repeat(90)];
    const [block] = parseMarkdown([columns, columns, ...Array(1000).fill(row)].join("\n"));
    assert.ok([...pieces(block)].length < 70_000, `${cells} columns`);
  }
  const ticks = Array.from({ length: 700 }, (_, at) => "`".repeat(at + 1)).join("a");
  const began = performance.now();
  assert.deepEqual(inline(ticks), [ticks]);
  assert.ok(performance.now() - began < 3000);
});
