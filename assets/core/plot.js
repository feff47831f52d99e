// What the plots of the usage are made of: marks of an axis, sums over accounts, tables as CSV.

/** Round marks from 0 to at least the greatest value. @param {number} max @param {number} [wanted] about so many */
export function marks(max, wanted = 4) {
  if (!(max > 0)) return [0];
  const rough = max / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, at) => at * step);
}

/** Every month from the first to the last, also those in which nothing came. @param {string[]} months as "2026-03" */
export function monthsBetween(months) {
  const known = months.filter((month) => /^\d{4}-\d{2}$/.test(month)).toSorted();
  if (known.length === 0) return [];
  const number = (month) => Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1;
  const [first, last] = [number(known[0]), number(known.at(-1))];
  const text = (at) => `${Math.floor(at / 12)}-${String((at % 12) + 1).padStart(2, "0")}`;
  return Array.from({ length: last - first + 1 }, (_, at) => text(first + at));
}

/** The usage of several accounts as that of one. @param {object[]} all what `GET /api/usage` tells of each */
export function together(all) {
  const sum = (field) => all.reduce((total, one) => total + one[field], 0);
  const merged = (list, key, fields = ["files", "bytes", "charged"]) => {
    const found = new Map();
    for (const row of all.flatMap((one) => one[list])) {
      const known = found.get(row[key]);
      found.set(row[key], known ? { ...known, ...Object.fromEntries(fields.map((field) => [field, known[field] + row[field]])) } : row);
    }
    return [...found.values()];
  };
  const inOrder = (rows, key) => rows.toSorted((a, b) => (a[key] < b[key] ? -1 : 1));
  return {
    used: sum("used"),
    reserved: sum("reserved"),
    trash: sum("trash"),
    limit: null,
    byPool: merged("byPool", "poolId"),
    byType: merged("byType", "type"),
    byMonth: inOrder(merged("byMonth", "month"), "month"),
    uploadsByDay: inOrder(merged("uploadsByDay", "day", ["uploads", "bytes", "seconds"]), "day"),
  };
}

/** A table as CSV (RFC 4180); no spreadsheet takes a text of it for a formula. @param {(string | number)[][]} rows */
export function csv(rows) {
  const cell = (value) => {
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}
