// The places of Drive, in the order of the side bar. "Files" comes with the first page; the others are
// modules of their own, loaded when somebody goes there. Such a module exports `tag`, the element of the place, and may
// export `words`, the areas it speaks with, `styles`, its style sheets below assets/, and
// `commands(means)`, what its elements' actions do: a table of functions, as in app.js.

/** @type {{view: string, glyph: string, admin?: boolean, guests?: boolean, load?: () => Promise<object>}[]} */
export const VIEWS = [
  { view: "files", glyph: "files" },
  { view: "recent", glyph: "clock", load: () => import("./recent.js") },
  { view: "shares", glyph: "link", load: () => import("./shares.js") },
  { view: "trash", glyph: "trash", load: () => import("./trash.js") },
  { view: "tasks", glyph: "tasks", load: () => import("./tasks.js") },
  { view: "usage", glyph: "usage", load: () => import("./usage.js") },
  { view: "settings", glyph: "settings", load: () => import("./settings.js") },
  { view: "admin", glyph: "shield", admin: true, load: () => import("./admin.js") },
];

/** @param {object} account @returns {typeof VIEWS} the places that somebody may go to */
export const viewsOf = (account) => VIEWS.filter(({ admin }) => !admin || account?.role === "admin");
