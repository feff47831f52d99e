// Sizes as people type them: "500 MB", "1,5 TB", "2 GiB".

const UNITS = { "": 1, b: 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12, p: 1e15 };

/** @param {string} text @returns {number | null} whole bytes, or null when it is no size */
export function parseSize(text) {
  const found = /^(\d+(?:[.,]\d+)?)\s*(?:([kmgtp])(i?)b?|b|bytes?)?$/i.exec(text.trim());
  if (found === null) return null;
  const [, number, unit = "", binary] = found;
  const power = "kmgtp".indexOf(unit.toLowerCase()) + 1;
  const factor = binary ? 1024 ** power : UNITS[unit.toLowerCase()];
  const size = Math.round(Number(number.replace(",", ".")) * factor);
  return Number.isSafeInteger(size) ? size : null;
}

/** The shortest text that `parseSize` reads back exactly. @param {number} count */
export function sizeText(count) {
  for (const unit of ["P", "T", "G", "M", "k"]) {
    const value = count / UNITS[unit.toLowerCase()];
    if (value >= 1 && Number.isInteger(value * 100)) return `${value} ${unit}B`;
  }
  return String(count);
}
