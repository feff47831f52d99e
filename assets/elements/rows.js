// Keeps a list or the body of a table like its data: a row whose item did not change keeps its node, and with it the
// focus; where the focused row changes or goes, the focus stays as near as can be.

import { arrange, childWithFocus } from "./dom.js";

/** @type {WeakMap<Element, Map<string, {node: Element, text: string}>>} */
const known = new WeakMap();

/**
 * @param {Element} parent @param {object[]} items @param {(item: object) => string} keyOf
 * @param {(item: object) => Element} make
 */
export function showRows(parent, items, keyOf, make) {
  const before = known.get(parent) ?? new Map();
  const after = new Map();
  const focus = focusIn(parent);
  for (const item of items) {
    const [key, text] = [keyOf(item), JSON.stringify(item)];
    const kept = before.get(key);
    after.set(key, kept?.text === text ? kept : { node: make(item), text });
  }
  arrange(parent, Array.from(after.values(), ({ node }) => node));
  known.set(parent, after);
  if (focus !== null) refocus(parent, focus);
}

function focusIn(parent) {
  const { activeElement } = document;
  if (!parent.contains(activeElement) || activeElement === parent) return null;
  const at = [...parent.children].indexOf(childWithFocus(parent));
  return { element: activeElement, at, action: activeElement.dataset.action };
}

function refocus(parent, { element, at, action }) {
  if (element.isConnected) {
    if (document.activeElement !== element) element.focus();
    return;
  }
  const row = parent.children[Math.min(at, parent.children.length - 1)];
  const target =
    (action && row?.querySelector(`[data-action="${action}"]`)) ||
    row?.querySelector("a, button, input, select") ||
    parent.closest("[data-page]")?.querySelector("h2");
  target?.focus();
}
