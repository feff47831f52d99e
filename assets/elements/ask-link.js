// Asks for the terms of a link: for chosen files, a new one without files, or one that there is. At the end stands the link
// itself, copied.

import { isFolder } from "../core/listing.js";
import { baseOf } from "../core/paths.js";
import { t } from "../core/words.js";
import { ask, tell } from "./ask.js";
import { copyText } from "./clipboard.js";
import { h, icon, setText } from "./dom.js";
import { choice, field, passwordField } from "./form.js";

const DAY_MS = 86_400_000;
const ENDS = Object.freeze([1, 7, 30]);

/**
 * @param {{items?: object[], link?: object | null}} wish @param {(action: string, detail?: object) => Promise<any>} act
 * @returns {Promise<object | null>} the link
 */
export async function askLink({ items = [], link = null }, act) {
  const links = items.length > 0 ? (await act("load-links")).filter(({ shared }) => shared) : [];
  const folders = await act("load-folders");
  const terms = termsOf(link, items, folders);
  const target = targetOf(links, terms);
  const moved = items.filter((item) => !isFolder(item) && item.bundleId).length;
  const note = moved > 0 ? [h("p", { class: "help" }, t("filetools.movesFromLink", { n: moved }))] : [];
  const made = await ask({
    title: link ? t("filetools.linkChange") : items.length > 0 ? t("filetools.shareTitle", { n: items.length, what: items[0].name }) : t("filetools.linkNew"),
    body: [...(target ? [target.node] : []), ...note, terms.node],
    verb: link ? t("pages.save") : items.length > 0 ? t("files.share") : t("filetools.create"),
    checked: true,
    submit: async () => {
      const known = links.find(({ id }) => id === target?.value());
      const end = known ?? (link ? await act("change-link", { bundleId: link.id, fields: terms.value() }) : await act("make-link", { fields: terms.value() }));
      if (items.length > 0) await act("put-into-link", { items, bundleId: end.id });
      return end;
    },
  });
  if (made !== null && link === null) await tellLink(made);
  return made;
}

/** Where the files go: behind a new link, or one that there is. */
function targetOf(links, terms) {
  if (links.length === 0) return null;
  const select = h("select", {}, h("option", { value: "" }, t("filetools.linkNew")), ...links.map(({ id, name }) => h("option", { value: id }, name)));
  select.addEventListener("change", () => (terms.node.hidden = terms.node.disabled = select.value !== ""));
  return { node: field({ label: t("filetools.linkBehind"), control: select }), value: () => select.value || null };
}

function termsOf(link, items, folders) {
  const name = h("input", { required: true, maxlength: 200, autocomplete: "off" });
  name.value = link?.name ?? (items.length > 0 ? nameFor(items) : "");
  const about = h("textarea", { rows: 2, maxlength: 2000 });
  about.value = link?.description ?? "";
  const passcode = passcodeOf(link);
  const end = endOf(link);
  const limit = h("input", { type: "number", min: 1, inputmode: "numeric", placeholder: t("filetools.noLimit") });
  limit.value = link?.downloadLimit ?? "";
  const inbox = inboxOf(link, folders);
  const node = h(
    "fieldset",
    { class: "fields" },
    field({ label: t("filetools.linkName"), name: "name", control: name, help: t("filetools.linkNameHint") }),
    passcode.node,
    h("div", { class: "pair" }, end.node, field({ label: t("filetools.downloadLimit"), name: "downloadLimit", control: limit })),
    inbox.node,
    h("details", { open: about.value !== "" }, h("summary", {}, icon("chevron-right"), t("filetools.addWords")), field({ label: t("filetools.linkAbout"), name: "description", control: about })),
  );
  const value = () => ({
    name: name.value,
    description: about.value,
    ...passcode.value(),
    expiredAt: end.value(),
    downloadLimit: limit.value === "" ? null : Number(limit.value),
    uploadInto: inbox.value(),
  });
  return { node, value };
}

/** Kept, changed or taken away; nobody can read the old one, the server neither. */
function passcodeOf(link) {
  const { input, node } = passwordField({ autocomplete: "off", maxlength: 128, placeholder: link?.hasPasscode ? t("filetools.unchanged") : t("filetools.noPasscode") });
  const made = field({ label: t("filetools.passcode"), name: "passcode", control: input, around: node });
  const off = h("input", { type: "checkbox", onchange: () => (input.disabled = off.checked) });
  if (link?.hasPasscode) made.append(choice(t("filetools.passcodeOff"), off));
  const value = () => (off.checked ? { passcode: null } : input.value === "" ? {} : { passcode: input.value });
  return { node: made, value };
}

function endOf(link) {
  const date = h("input", { type: "datetime-local", "aria-label": t("filetools.endsOn"), hidden: true });
  const options = [h("option", { value: "" }, t("filetools.never")), ...ENDS.map((days) => h("option", { value: days }, t("filetools.days", { n: days }))), h("option", { value: "date" }, t("filetools.onDate"))];
  const select = h("select", {}, ...options);
  const show = () => {
    date.hidden = select.value !== "date";
    date.required = !date.hidden;
  };
  select.addEventListener("change", show);
  if (link?.expiredAt) {
    select.value = "date";
    date.value = localMinute(new Date(link.expiredAt));
  }
  show();
  const node = field({ label: t("filetools.ends"), name: "expiredAt", control: select });
  node.append(date);
  const value = () => {
    if (select.value === "") return null;
    if (select.value !== "date") return new Date(Date.now() + Number(select.value) * DAY_MS).toISOString();
    return new Date(date.value).toISOString();
  };
  return { node, value };
}

function inboxOf(link, folders) {
  const list = h("datalist", { id: "inbox-folders" }, ...folders.map(({ path }) => h("option", { value: path })));
  const path = h("input", { list: "inbox-folders", autocomplete: "off", spellcheck: "false" });
  path.value = link?.uploadInto ?? t("filetools.inboxFolder");
  const where = field({ label: t("filetools.inboxWhere"), name: "uploadInto", control: path });
  const box = h("input", { type: "checkbox", checked: link?.uploadInto != null, onchange: () => (where.hidden = !box.checked) });
  where.hidden = !box.checked;
  const node = h("div", { class: "field" }, choice(t("filetools.inbox"), box, t("filetools.inboxHint")), where, list);
  return { node, value: () => (box.checked ? path.value : null) };
}

/** The link, copied where the browser lets us. */
async function tellLink({ url, name }) {
  const input = h("input", { readonly: true, value: url, "aria-label": t("filetools.link"), onfocus: () => input.select() });
  const said = h("p", { class: "help", role: "status" });
  const copy = async () => setText(said, t((await copyText(url, input)) ? "filetools.copied" : "filetools.copyYourself"));
  const button = h("button", { type: "button", class: "copy", onclick: copy }, icon("copy"), t("filetools.copyLink"));
  const all = h("a", { class: "button", href: "#/shares", onclick: () => all.closest("dialog").close() }, t("filetools.allLinks"));
  const over = tell({ title: t("filetools.linkReady", { name }), body: [h("div", { class: "link" }, input, button), said], extra: [all] });
  copy();
  await over;
}

const nameFor = (items) => (isFolder(items[0]) ? baseOf(items[0].path) : items.length === 1 ? items[0].name : baseOf(items[0].folder) || t("common.files", { n: items.length }));

/** As a field for date and time wants it, in the person's own time zone. */
function localMinute(date) {
  const shifted = new Date(date - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}
