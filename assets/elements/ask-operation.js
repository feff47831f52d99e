// Asks what a task over the chosen files needs to know. The fields are those of the operation's own schema, so that a new
// parameter of the server is a new field here.

import { isArchive, sharedConversions } from "../core/file-actions.js";
import { archiveName } from "../core/file-commands.js";
import { isFolder } from "../core/listing.js";
import { baseOf, join, splitName } from "../core/paths.js";
import { titleOf } from "../core/schema.js";
import { has, t } from "../core/words.js";
import { ask } from "./ask.js";
import { h, icon } from "./dom.js";
import { choice, field, passwordField } from "./form.js";

/** The type of task behind each verb; `single` types take one file. */
const TASKS = Object.freeze({
  compress: { type: "FileCompress" },
  extract: { type: "FileDecompress", single: true },
  convert: { type: "FileConversion", single: true },
  encrypt: { type: "FileEncrypt" },
  decrypt: { type: "FileDecrypt" },
  pool: { type: "FileMove", only: ["targetPoolId"] },
});

/** What the selection says already, or the dialog for links. */
const KNOWN = new Set(["fileIds", "fileId", "folder", "bundleId", "targetBundleId"]);
const OF_TABLES = new Set(["delimiter", "header"]);

/**
 * @param {{verb: string, items: object[], folder: string}} wish @param {(action: string, detail?: object) => Promise<any>} act
 * @returns {Promise<object[] | null>} the tasks that were begun
 */
export async function askOperation({ verb, items, folder }, act) {
  const { type, single = false, only } = TASKS[verb];
  const [operations, pools, folders] = await Promise.all(["load-operations", "load-pools", "load-folders"].map((action) => act(action)));
  const { parameters } = operations.find((operation) => operation.type === type);
  const known = h("datalist", { id: "operation-folders" }, ...folders.map(({ path }) => h("option", { value: path })));
  const about = { verb, items, folder, pools, required: new Set(parameters.required ?? []) };
  const names = Object.keys(parameters.properties).filter((name) => !KNOWN.has(name) && (!only || only.includes(name)));
  // What is needed comes first, as people read it.
  names.sort((a, b) => about.required.has(b) - about.required.has(a));
  const parts = names.map((name) => partOf(name, parameters.properties[name], about)).filter(Boolean);
  if (verb === "encrypt") parts.splice(1, 0, repeated(parts[0]));
  if (verb === "compress") tieFormat(parts);
  return ask({
    title: t(`filetools.${verb}Title`, { n: items.length, what: items[0].name }),
    text: has(`filetools.${verb}Hint`) ? t(`filetools.${verb}Hint`) : "",
    body: [...parts.map(({ node }) => node), known],
    verb: t(`files.${verb === "pool" ? "move" : verb}`),
    checked: true,
    submit: () => act("operate", { type, items, single, parameters: valuesOf(parts) }),
  });
}

/** A field of a schema's property: its node, and `value()`, undefined where it says nothing. */
function partOf(name, schema, about) {
  const word = titleOf(name, schema);
  const required = about.required.has(name);
  if (schema.type === "object") return group(name, schema, about);
  if (name.endsWith("PoolId")) return poolOf(name, word, required, about);
  if (schema.enum) return enumeration(name, schema, word, about);
  if (schema.type === "boolean") {
    const input = h("input", { type: "checkbox", name, checked: schema.default === true });
    return { name, node: choice(word, input), value: () => (input.checked === (schema.default ?? false) ? undefined : input.checked) };
  }
  if (schema.format === "password") {
    const { input, node } = passwordField({ name, required, minlength: schema.minLength, maxlength: schema.maxLength, autocomplete: about.verb === "encrypt" || about.verb === "compress" ? "new-password" : "off" });
    return { name, input, node: field({ label: word, name, control: input, around: node }), value: () => input.value || undefined };
  }
  return plain(name, schema, word, required, about);
}

function plain(name, schema, word, required, about) {
  const isNumber = schema.type === "integer" || schema.type === "number";
  const attributes = isNumber ? { type: "number", min: schema.minimum, max: schema.maximum } : { type: "text", maxlength: schema.maxLength };
  const input = h("input", { name, required, ...attributes, autocomplete: "off", spellcheck: "false", placeholder: schema.default === undefined ? null : String(schema.default) });
  if (name === "targetFolder") input.setAttribute("list", "operation-folders");
  input.value = usual(name, about) ?? "";
  const value = () => (input.value === "" ? undefined : isNumber ? Number(input.value) : input.value);
  return { name, input, node: field({ label: word, name, control: input }), value };
}

function enumeration(name, schema, word, about) {
  const allowed = name === "targetFormat" ? sharedConversions(about.items) : schema.enum;
  const own = about.items.length === 1 ? splitName(about.items[0].name)[1].slice(1).replace("jpeg", "jpg") : "";
  const shown = allowed.filter((format) => schema.enum.includes(format) && format !== own);
  const input = h("select", { name }, ...shown.map((one) => h("option", { value: one, selected: one === schema.default }, one)));
  return { name, input, node: field({ label: word, name, control: input }), value: () => (input.value === schema.default ? undefined : input.value) };
}

function poolOf(name, word, required, { pools, items }) {
  const others = required || name === "targetPoolId" && items.length === 1 ? pools.filter(({ id }) => id !== items[0].poolId) : pools;
  if (pools.length < 2) return null;
  const input = h("select", { name, required }, ...(required ? [] : [h("option", { value: "" }, t("filetools.usualPool"))]), ...others.map((pool) => h("option", { value: pool.id }, pool.name)));
  return { name, node: field({ label: word, name, control: input }), value: () => input.value || undefined };
}

/** Options that most people leave alone, folded away. */
function group(name, schema, about) {
  const isTable = about.items.every((item) => /csv|json/.test(item.contentType ?? "") || /\.(csv|json|ndjson)$/i.test(item.name));
  const isPicture = about.items.every((item) => item.contentType?.startsWith("image/"));
  const wanted = Object.keys(schema.properties).filter((key) => (OF_TABLES.has(key) ? isTable : isPicture));
  if (wanted.length === 0) return null;
  const parts = wanted.map((key) => partOf(key, schema.properties[key], { ...about, required: new Set() })).filter(Boolean);
  const node = h("details", {}, h("summary", {}, icon("chevron-right"), t("filetools.more")), h("div", { class: "fields" }, ...parts.map((part) => part.node)));
  const value = () => {
    const values = valuesOf(parts);
    return Object.keys(values).length > 0 ? values : undefined;
  };
  return { name, node, value };
}

/** The same password twice, since one that is mistyped opens nothing. */
function repeated(first) {
  const { input, node } = passwordField({ required: true });
  const check = () => input.setCustomValidity(input.value === first.input.value ? "" : t("filetools.notTheSame"));
  for (const one of [input, first.input]) one.addEventListener("input", check);
  return { name: null, node: field({ label: t("filetools.repeat"), control: input, around: node }), value: () => undefined };
}

/** The archive's ending follows its format, and only zip takes a password. */
function tieFormat(parts) {
  const [format, output, password] = ["compressionFormat", "outputFileName", "password"].map((name) => parts.find((part) => part.name === name));
  format.input.addEventListener("change", () => {
    output.input.value = output.input.value.replace(/\.(zip|tar|tar\.gz|tar\.zst)$/, "") + `.${format.input.value}`;
    password.node.hidden = format.input.value !== "zip";
    if (password.node.hidden) password.input.value = "";
  });
}

function valuesOf(parts) {
  const pairs = parts.filter(({ name }) => name !== null).map(({ name, value }) => [name, value()]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

/** What stands in a field before anybody writes. */
function usual(name, { verb, items, folder }) {
  if (name === "targetFolder") return verb === "extract" && items.length === 1 ? join(folder, stemOf(items[0])) : folder;
  if (name === "outputFileName" && verb === "compress") return `${isFolder(items[0]) && items.length === 1 ? baseOf(items[0].path) : archiveName(items, folder)}.zip`;
  return null;
}

const stemOf = (item) => (isArchive(item) ? item.name.replace(/\.(tar\.\w+|\w+)$/i, "") : item.name) || "archive";
