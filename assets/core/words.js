// What the client says, in the person's language. Each area of the client has its own words, as one module for each
// language (words/en/files.js, words/de/files.js, …), loaded when the area is.
//
// t("files.selected", { n: 3 }): the text of a key with its values set in. A text that depends on a number `n` is an
// object by plural form: { one: "{n} file", other: "{n} files" }.

export const LANGUAGES = Object.freeze({ en: "English", de: "Deutsch" });
const KEPT = "drive-language";

const texts = new Map();
let chosen = "en";
/** Made once, for it takes a while. */
let rules = new Intl.PluralRules(chosen);

/** The language in use: "en" or "de". */
export const language = () => chosen;

/** For dates and numbers: British forms of English dates. */
export const locale = () => (chosen === "en" ? "en-GB" : chosen);

/** Formatters are costly to make: one for each kind. @type {Map<string, Intl.NumberFormat | Intl.DateTimeFormat>} */
const formatters = new Map();

/** @param {typeof Intl.NumberFormat | typeof Intl.DateTimeFormat} Kind @param {object} [options] its options */
export function formatter(Kind, options = {}) {
  const key = `${locale()} ${Kind.name} ${JSON.stringify(options)}`;
  if (!formatters.has(key)) formatters.set(key, new Kind(locale(), options));
  return formatters.get(key);
}

/** The language somebody chose here before, or the first of the browser's that there is. */
export function preferredLanguage({ kept = read(), wanted = globalThis.navigator?.languages ?? [] } = {}) {
  const known = (tag) => Object.keys(LANGUAGES).find((name) => tag === name || tag?.startsWith(`${name}-`));
  return known(kept) ?? wanted.map(known).find(Boolean) ?? "en";
}

/** What was chosen here, or null where the browser's language is wanted. */
export const keptLanguage = () => read();

/** Remembers the choice; the page has to be loaded again for it. @param {string | null} name null: the browser's */
export function keepLanguage(name) {
  try {
    if (name === null) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, name);
  } catch {
    // storage refused: the browser's language it is
  }
}

function read() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/** Before anything else is said. @param {string} name */
export function useLanguage(name) {
  chosen = name;
  rules = new Intl.PluralRules(name);
  texts.clear();
}

/** Loads the words of areas. @param {...string} areas */
export async function loadWords(...areas) {
  const modules = await Promise.all(areas.map((area) => import(`../words/${chosen}/${area}.js`)));
  areas.forEach((area, at) => addWords(area, modules[at].default));
}

/** @param {string} area @param {Record<string, string | Record<string, string>>} words by key, without the area */
export function addWords(area, words) {
  for (const [key, text] of Object.entries(words)) texts.set(`${area}.${key}`, text);
}

/** Whether there is such a text: for names that come from the server. @param {string} key */
export const has = (key) => texts.has(key);

/** @param {string} key @param {Record<string, string | number>} [values] @returns {string} */
export function t(key, values = {}) {
  const found = texts.get(key);
  if (found === undefined) throw new Error(`there is no text "${key}"`);
  const text = typeof found === "string" ? found : (found[plural(values.n)] ?? found.other);
  return text.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? formatter(Intl.NumberFormat).format(value) : String(value ?? "");
  });
}

/** The names that there are words for. @param {string} key @returns {string[]} */
export const namesOf = (key) => [...texts.keys()].filter((one) => one.startsWith(`${key}-`)).map((one) => one.slice(key.length + 1));

/** The word for a name that the server uses; the name itself where a newer server has one that is not known here. */
export const named = (key, name) => (texts.has(`${key}-${name}`) ? t(`${key}-${name}`) : String(name ?? ""));

const plural = (number) => rules.select(Number(number));
