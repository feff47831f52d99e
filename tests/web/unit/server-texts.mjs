// What the server says to people, read from its sources: sentences of errors, names of tasks, titles of operations and
// of their parameters, phases. A text is as the source has it, with places for values: "There is no such {what}."

import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const SOURCES = fileURLToPath(new URL("../../../src/", import.meta.url));
/** Layers whose errors can reach a client. */
const TALKING = /^((domain|store|blobs|engine|operations|notify|http)\/|outgoing\.rs$)/;
/** What is said on the command line, in the log, or in metrics alone. */
const SILENT = /^(operations\/transfer\/|http\/health\.rs|http\/identity\/(bearer|keys)\.rs|notify\/billing\.rs|blobs\/bring\.rs|operations\/previews\/|operations\/convert\/alone\.rs)|tests?(\.rs|\/)/;

/** @returns {Promise<{name: string, text: string}[]>} the sources without tests and comments */
export async function sources() {
  const names = (await readdir(SOURCES, { recursive: true })).filter((name) => name.endsWith(".rs") && TALKING.test(name) && !SILENT.test(name));
  const read = async (name) => {
    const whole = await readFile(path.join(SOURCES, name), "utf8");
    const [text] = whole.split(/#\[cfg\(test\)\]\nmod \w+ \{/);
    return { name, text: text.replace(/^\s*\/\/.*$/gm, "").replaceAll(`'"'`, "") };
  };
  return Promise.all(names.sort().map(read));
}

const literals = (text) => [...text.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, raw]) => raw.replace(/\\\n\s*/g, "").replace(/\\"/g, '"').replace(/\\\\/g, "\\"));
const isSentence = (text) => /[\w}"\])>/][.?]$|; \{\w*\}$/.test(text) && text.includes(" ") && /[a-z]{2}/.test(text.replace(/\{\w*\}/g, ""));
/** "Move files", "Unpack {}", "Password": in the operations they are names of tasks and titles. */
const isTitle = (text) => /^[A-Z]\w*:?( [^\n=]*)?[^.:\s]$/.test(text) && /[a-z]/.test(text) && !/[a-z][A-Z]|[A-Z]{4}/.test(text);
const PHASES = [/\.phase\("(\w+)"/g, /begin_long\([^()]*"(\w+)"\)/g];
/** The names of these are made of a verb and a number, or the name of one file. */
const VERBS = [["operations/bulk/mod.rs", /=> "([A-Z][a-z ]+)"/g], ["operations/encrypt.rs", /"(Encrypt)"/g], ["operations/decrypt.rs", /"(Decrypt)"/g]];

/** @returns {Promise<Map<string, string>>} each text with a file that says it */
export async function serverTexts() {
  const found = new Map();
  for (const { name, text } of await sources()) {
    const all = literals(text);
    const titles = name.startsWith("operations/") ? all.filter(isTitle) : [];
    const notices = [...text.matchAll(/let title =\s*format!\(\s*"((?:[^"\\]|\\.)*)"/g)].map(([whole]) => literals(whole)[0]);
    const phases = PHASES.flatMap((pattern) => [...text.matchAll(pattern)].map(([, phase]) => phase));
    const verbs = VERBS.filter(([file]) => file === name).flatMap(([, pattern]) => [...text.matchAll(pattern)].map(([, verb]) => verb));
    const said = [...all.filter(isSentence), ...titles.filter((title) => !verbs.includes(title)), ...notices, ...phases, ...verbs.flatMap((verb) => [`${verb} {} files`, `${verb} {}`])];
    for (const one of said) found.set(one, name);
  }
  return found;
}

const wordsOf = async (name, pattern) => [...(await readFile(path.join(SOURCES, name), "utf8")).matchAll(pattern)].map(([, word]) => word);

/** @returns {Promise<string[]>} the code word of every error */
export const errorCodes = () => wordsOf("domain/error.rs", /^        [A-Z]\w+ = "([A-Z_]+)",/gm);

/** @returns {Promise<string[]>} what the audit log calls things */
export async function auditActions() {
  const routes = await wordsOf("http/mod.rs", /^ +(?:GET|HEAD|POST|PUT|PATCH|DELETE) .*"([a-z]+\.[a-z_]+)" +=>/gm);
  const written = await wordsOf("notify/billing.rs", /"(usage\.[a-z_]+)"/g);
  const commands = [...(await wordsOf("cli/mod.rs", /"(account\.[a-z_]+)"/g)), ...(await wordsOf("app/transfer.rs", /"(files\.[a-z_]+)"/g))];
  return [...new Set([...routes, ...written, ...commands])];
}

/** @returns {Promise<string[]>} what people are told about */
export async function noticeSubjects() {
  const [subjects] = await wordsOf("domain/notification.rs", /Subject\("event"\) \{(.*?)\n {4}\}/gs);
  return [...subjects.matchAll(/= "([a-z.]+)"/g)].map(([, word]) => word);
}
