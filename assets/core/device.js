// What a sign-in comes from, as far as its browser told: "Firefox on Linux".

const PROGRAMS = [
  ["Edge", /\bEdgA?\//],
  ["Opera", /\bOPR\//],
  ["Samsung Internet", /\bSamsungBrowser\//],
  ["Firefox", /\b(Firefox|FxiOS)\//],
  ["Chrome", /\b(HeadlessChrome|Chrome|CriOS|Chromium)\//],
  ["Safari", /\bSafari\//],
];

const SYSTEMS = [
  ["iPhone", /\biPhone\b/],
  ["iPad", /\biPad\b/],
  ["Android", /\bAndroid\b/],
  ["Windows", /\bWindows\b/],
  ["ChromeOS", /\bCrOS\b/],
  ["macOS", /\bMac OS X\b/],
  ["Linux", /\bLinux\b/],
];

/** @param {string | null} agent @returns {{program: string | null, system: string | null}} */
export function deviceOf(agent) {
  const known = (table) => table.find(([, pattern]) => pattern.test(agent ?? ""))?.[0] ?? null;
  const program = known(PROGRAMS) ?? /^([\w.-]+)\//.exec(agent ?? "")?.[1] ?? null;
  return { program, system: known(SYSTEMS) };
}
