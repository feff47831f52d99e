// Makes and changes nodes without markup strings: text always enters as text.

const SVG = "http://www.w3.org/2000/svg";
const SPRITE = new URL("../icons.svg", import.meta.url).href;

/**
 * h("button", { type: "button", class: "quiet", onclick: fn }, "Retry"). Keys that start with "on" are listeners, true
 * and false switch boolean attributes, the rest are attributes.
 * @param {string} tag @param {object} [attributes] @param {...(Node | string | null | false)} children
 */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else setAttribute(node, name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== false));
  return node;
}

export function setAttribute(node, name, value) {
  const text = value === true ? "" : value;
  if (text === false || text === null || text === undefined) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(text)) node.setAttribute(name, text);
}

/** Changes a text only when it differs, so that selections and screen readers are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The same for drawings. @param {...(Node | string)} children */
export function s(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(node, name, value);
  node.append(...children);
  return node;
}

export function icon(name) {
  const svg = s("svg", { class: "icon", "aria-hidden": "true" }, s("use"));
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  const href = `${SPRITE}#${name}`;
  if (svg.firstChild.getAttribute("href") !== href) svg.firstChild.setAttribute("href", href);
}

/** A square button that shows an icon and says its label. */
export function iconButton(name, label, attributes = {}) {
  return h(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label, ...attributes },
    icon(name),
  );
}

/**
 * Changes what is shown without losing the focus: what had it keeps it, however it was moved, and if that is gone or hidden
 * the first that stands in its stead gets it.
 * @param {Element} root @param {() => void} change @param {() => Element[]} heirs
 */
export function keepFocus(root, change, heirs) {
  const had = document.activeElement;
  const isOurs = root.contains(had);
  change();
  const isThere = had?.isConnected && had.checkVisibility();
  if (!isOurs || (isThere && document.activeElement === had)) return;
  const heir = isThere ? had : heirs().find((one) => one.checkVisibility());
  heir?.focus({ preventScroll: true });
}

/** For a list whose rows come and go: the buttons of the row that stands where the one with the focus stood. @param {Element} list */
export function heirsIn(list) {
  const at = [...list.children].indexOf(childWithFocus(list));
  return () => {
    const near = list.children[Math.min(at, list.children.length - 1)];
    return near ? [...near.querySelectorAll("button, a")] : [];
  };
}

/**
 * Makes these the children of a list, in this order. What is in its place stays where it is, and never moves what is held:
 * by default the row with the focus, which it would lose.
 * @param {Element} list @param {Iterable<Element>} rows @param {Element | null} [held]
 */
export function arrange(list, rows, held = childWithFocus(list)) {
  const kept = new Set(rows);
  for (const child of [...list.children]) if (!kept.has(child)) child.remove();
  let place = list.firstElementChild;
  for (const row of kept) {
    if (row === held || row === place) place = row.nextElementSibling;
    else list.insertBefore(row, place);
  }
}

/** @param {Element} list */
export const childWithFocus = (list) => [...list.children].find((row) => row.contains(document.activeElement)) ?? null;

const styles = new Map();

/** A style sheet that comes with a part loaded later. @param {string} path below assets/ @returns {Promise<void>} */
export function loadStyle(path) {
  if (!styles.has(path)) {
    const href = new URL(`../${path}`, import.meta.url).href;
    const loaded = new Promise((resolve, reject) => {
      const failed = () => (styles.delete(path), reject(new Error(`${path} could not be loaded`)));
      document.head.append(h("link", { rel: "stylesheet", href, onload: resolve, onerror: failed }));
    });
    styles.set(path, loaded);
  }
  return styles.get(path);
}

/** An empty or failed view: one sentence, one action. @param {{glyph: string, title: string, text: string}} words */
export function placeholder({ glyph, title, text }, ...actions) {
  return h("div", { class: "placeholder" }, icon(glyph), h("h2", {}, title), h("p", {}, text), ...actions);
}
