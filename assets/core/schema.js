// From the JSON Schema of an operation's parameters to fields, and from their values back to parameters. Knows the part
// of JSON Schema that operations use: strings, numbers, booleans, enums, lists of ids or words, objects, and a choice
// between several forms.

import { said } from "./said.js";
import { humanised } from "./task-view.js";

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} title
 * @property {"text" | "password" | "number" | "boolean" | "enum" | "id" | "ids" | "words" | "object" | "date"} kind
 * @property {boolean} required
 * @property {"file" | "pool" | "bundle" | null} of what an id names
 * @property {any} [initial]
 * @property {any[]} [options]
 * @property {number} [minimum]
 * @property {number} [maximum]
 * @property {number} [minLength]
 * @property {Field[]} [fields] of an object
 */

/** The forms that a schema lets one choose from; most have one. @returns {{title: string, schema: object}[]} */
export function variantsOf(schema) {
  if (!schema.oneOf) return [{ title: "", schema }];
  return schema.oneOf.map((variant) => ({ title: said(variant.title ?? ""), schema: { ...variant, type: "object" } }));
}

/** @param {object} schema @returns {Field[]} in the schema's order, the required ones first */
export function fieldsOf({ properties = {}, required = [] }) {
  const fields = Object.entries(properties)
    .filter(([, property]) => property !== false && property.const === undefined)
    .map(([name, property]) => fieldOf(name, property, required.includes(name)));
  return [...fields.filter((field) => field.required), ...fields.filter((field) => !field.required)];
}

/** What is not asked, because there is one answer. */
export function constantsOf({ properties = {} }) {
  const fixed = Object.entries(properties).filter(([, property]) => property?.const !== undefined);
  return Object.fromEntries(fixed.map(([name, property]) => [name, property.const]));
}

/** What a property is called: by its own title, in the language of the page. */
export const titleOf = (name, { title }) => (title ? said(title) : humanised(name));

function fieldOf(name, property, required) {
  const { minimum, maximum, minLength, default: initial } = property;
  const field = { name, title: titleOf(name, property), required, of: subjectOf(name), initial, minimum, maximum, minLength };
  if (property.enum) return { ...field, kind: "enum", options: property.enum };
  switch (property.type) {
    case "object":
      return { ...field, kind: "object", fields: fieldsOf(property) };
    case "array":
      return { ...field, kind: property.items?.format === "uuid" ? "ids" : "words" };
    case "boolean":
      return { ...field, kind: "boolean" };
    case "integer":
    case "number":
      return { ...field, kind: "number" };
    default:
      return { ...field, kind: { password: "password", uuid: "id", "date-time": "date" }[property.format] ?? "text" };
  }
}

function subjectOf(name) {
  if (/pool/i.test(name)) return "pool";
  if (/bundle/i.test(name)) return "bundle";
  return /(file|target)Ids?$/i.test(name) ? "file" : null;
}

/**
 * What is sent: empty answers are left out, and so are those that say what would be without them.
 * @param {Field[]} fields @param {Record<string, any>} values
 */
export function parametersOf(fields, values) {
  const parameters = {};
  for (const { name, kind, initial, fields: inner, required } of fields) {
    let value = values[name];
    if (kind === "object") value = parametersOf(inner, value ?? {});
    if (kind === "words" && typeof value === "string") value = value.split(",").map((word) => word.trim()).filter(Boolean);
    if (kind === "number") value = value === "" || value === undefined ? undefined : Number(value);
    if (kind === "date") value = value ? new Date(value).toISOString() : undefined;
    const isEmpty = value === undefined || value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
    if (isEmpty || (!required && value === initial) || (kind === "boolean" && !value && initial === undefined)) continue;
    parameters[name] = value;
  }
  return parameters;
}
