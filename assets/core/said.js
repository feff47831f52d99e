// What the server says to people comes in English, and this says it in their language: sentences of errors, names of
// tasks, titles of operations and of their parameters, phases. words/<language>/server-*.js has each of its texts as its
// source has it, with the same places for values. A text that is not known there stands as it came, so a newer server or
// an operation of somebody's own needs nothing here. English is the server's own language and loads nothing.

import { bytes } from "./format.js";
import { language } from "./words.js";

const PARTS = ["server-errors", "server-content", "server-tasks"];
const OWN = "en";

/** Texts without a place for values. @type {Map<string, string>} */
const plain = new Map();
/** The others, those with the most words of their own first. @type {{pattern: RegExp, names: string[], text: string}[]} */
const forms = [];
let loading = null;

/** Before something is said that may come from the server. Never rejects: without it, the server's words stand. */
export function loadSaid() {
  if (language() === OWN) return Promise.resolve();
  const modules = () => Promise.all(PARTS.map((part) => import(`../words/${language()}/${part}.js`)));
  loading ??= modules().then((found) => found.forEach((one) => learn(one.default)), () => (loading = null));
  return loading;
}

function learn(texts) {
  for (const [source, text] of Object.entries(texts)) {
    const names = [...source.matchAll(/\{(\w*)\}/g)].map(([, name]) => name);
    if (names.length === 0) plain.set(source, text);
    else forms.push({ pattern: new RegExp(`^${source.split(/\{\w*\}/).map(literally).join("(.+?)")}$`, "s"), names, text });
  }
  forms.sort((a, b) => b.pattern.source.length - a.pattern.source.length);
}

const literally = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** @param {string} text as the server says it @returns {string} as the person understands it */
export const said = (text) => (plain.size === 0 || typeof text !== "string" ? text : (known(text) ?? ofField(text) ?? behindColon(text) ?? text));

function known(text) {
  if (plain.has(text)) return plain.get(text);
  for (const { pattern, names, text: ours } of forms) {
    const values = pattern.exec(text)?.slice(1);
    if (values) return filled(ours, names, values);
  }
  return undefined;
}

/** Sets values in: `{name}` of that name, `{}` the next one, `{2}` the third; `{=…}` says it too, `{#…}` is a size. */
function filled(text, names, values) {
  let next = 0;
  return text.replace(/\{([=#]?)(\w*)\}/g, (_, how, name) => {
    const value = values[name === "" ? next++ : names.includes(name) ? names.indexOf(name) : Number(name)];
    if (how === "=") return said(value);
    return how === "#" ? bytes(Number(value)) : value;
  });
}

/** "newPassword must have 8 to 256 characters.": what a field is called stays, for it finds the field. */
function ofField(text) {
  const [, name, rest] = /^([a-z][\w.[\]-]*) (.+)$/is.exec(text) ?? [];
  const ours = rest && known(rest);
  return ours && `${name} ${ours}`;
}

/** "harbour.jpg: The picture's file is cut short or damaged." */
function behindColon(text) {
  for (let at = text.indexOf(": "); at >= 0; at = text.indexOf(": ", at + 1)) {
    const rest = text.slice(at + 2);
    const ours = known(rest) ?? ofField(rest);
    if (ours !== undefined) return `${text.slice(0, at)}: ${ours}`;
  }
  return undefined;
}
