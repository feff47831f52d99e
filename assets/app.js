// Drive's browser client: makes the parts, ties them together, starts. Everything else is in core/ (no page) and
// elements/ (no requests).

import "./elements/progress-bar.js";
import "./elements/quota-meter.js";
import "./elements/theme-choice.js";
import "./elements/live-region.js";
import "./elements/connection-bar.js";
import "./elements/bread-crumb.js";
import "./elements/account-menu.js";
import "./elements/notification-bell.js";
import "./elements/side-bar.js";
import "./elements/search-box.js";
import "./elements/toast-stack.js";
import "./elements/file-row.js";
import "./elements/file-tile.js";
import "./elements/file-list.js";
import "./elements/selection-bar.js";
import "./elements/file-view.js";
import "./elements/drop-zone.js";
import "./elements/drive-app.js";

import { createApi } from "./core/api.js";
import { createFileCommands } from "./core/file-commands.js";
import { Later } from "./core/later.js";
import { Live } from "./core/live.js";
import { noticeCommands } from "./core/notice-commands.js";
import { said } from "./core/said.js";
import { Session } from "./core/session.js";
import { Store } from "./core/store.js";
import { applyPacket } from "./core/sync.js";
import { keepLanguage, language, loadWords, preferredLanguage, t, useLanguage } from "./core/words.js";
import { isMoving } from "./core/upload-view.js";
import { loadStyle } from "./elements/dom.js";

/** What the first view does without comes when its list stands, and no later than this. */
const CALM_MS = 2000;
/** Hears of no upload. */
const DEAF = { handleEvent: () => false };

useLanguage(preferredLanguage());
document.documentElement.lang = language();
await loadWords("common", "shell", "account", "files", "uploads");

const store = new Store();
const api = createApi({ fetch: (...request) => fetch(...request), shown: () => store.account, onSignedOut: () => session.ended() });
const live = new Live({ url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws` });
const calm = Promise.withResolvers();
const sending = new Later(async () => {
  const { createSending, styles } = await import("./views/sending.js");
  await Promise.all(styles.map(loadStyle));
  const made = await createSending({ store, api, say: (sentence) => app.say(sentence), onSignedOut: () => session.ended(), onLeft: () => session.goOn() });
  made.uploader.setOnline(isOnline);
  made.uploader.setAccount(store.account?.id ?? null);
  return made;
});
const session = new Session({ api, store, live, sending, calm: calm.promise, channel: new BroadcastChannel("drive-account"), start });

/** The two answers that the first list is made of. Calm comes once it is painted. */
const first = { "list-files": Promise.withResolvers(), "load-folders": Promise.withResolvers() };
Promise.allSettled(Object.values(first).map(({ promise }) => promise)).then(() => requestAnimationFrame(() => setTimeout(calm.resolve)));

/** As the browser tells it, while it tells: it may be wrong about the beginning. */
let isOnline = true;

const tellNotTaken = ({ message }) => app.act("toast", { tone: "danger", text: t("uploads.notTaken", { reason: message }) });
/** A browser tells of a part that did not come in words of its own. */
const tellNotLoaded = () => app.act("toast", { tone: "danger", text: t("files.toolsFailed", { problem: t("common.unreachable") }) });

/** Whether the connection was gone since the lists were last looked at. */
let missed = false;

/** Events tell what happened while there are any; whatever was shown before may be out of date. */
function lookAgain() {
  store.filesChanged();
  store.tasksChanged();
}

/** What the page's elements ask for. An answer that can fail is shown by whoever asked. */
const actions = {
  start: () => start(),
  "set-up": ({ code, name, password }) => session.setUp(code, name, password),
  "sign-in": ({ name, password, code }) => session.signIn(name, password, code),
  "ask-provider": () => session.provider(),
  "sign-out": () => session.signOut(),
  "add-files": ({ items, groups, ...more }) => sending.get().then(({ uploads }) => uploads.add(items, groups, more).catch(tellNotTaken), tellNotLoaded),
  upload: ({ verb, key, file }) => sending.now.uploads.run(verb, key, file),
  "upload-all": ({ verb, group }) => sending.now.uploads.runAll(verb, group),
  "choose-again": ({ key, chosen }) => sending.now.left.choose(key, chosen),
  reopen: ({ key }) => sending.now.left.open(key),
  "clear-finished": () => sending.now.uploads.clearFinished(),
  task: ({ verb, taskId }) => session.changeTask(verb, taskId),
  ...createFileCommands({ api, store }),
  ...noticeCommands({ api, store }),
  say: ({ sentence }) => app.say(sentence),
  "choose-language": ({ name }) => {
    keepLanguage(name);
    location.reload();
  },
};

const app = Object.assign(document.createElement("drive-app"), {
  store,
  opened: ({ commands }) => Object.assign(actions, commands?.({ api, store, session })),
});
app.addEventListener("drive-action", (event) => {
  event.answer = actions[event.action]?.(event.detail);
  first[event.action]?.resolve(event.answer);
});
store.addEventListener("notice", () => store.notice && app.say(said(store.notice.title)));
setTimeout(calm.resolve, CALM_MS);

live.addEventListener("packet", ({ packet }) => {
  if (packet.type === "hello" && !session.greet(packet.data)) return;
  if (packet.type === "hello") actions["count-notices"]().catch(() => {}); // the next one tells it too
  const { uploader = DEAF, observed = DEAF } = sending.now ?? {};
  applyPacket(packet, { store, uploader, observed, onReset: () => (lookAgain(), session.refresh().catch(() => {})) });
});
live.addEventListener("state", ({ state }) => {
  if (state === "online" && missed) lookAgain();
  missed = state === "offline" || (missed && state !== "online");
  store.set("connection", state);
  if (state === "online") sending.now?.uploader.wake();
  if (state === "offline") session.check();
});
live.addEventListener("signed-out", () => session.ended());

for (const type of ["online", "offline"]) {
  addEventListener(type, () => {
    isOnline = type === "online";
    sending.now?.uploader.setOnline(isOnline);
    if (isOnline) live.wake();
    else live.lost();
  });
}
navigator.serviceWorker?.addEventListener("message", ({ data }) => {
  if (data?.open) location.hash = new URL(data.open).hash; // a notification was clicked
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  live.wake();
  sending.now?.awake.look();
});
addEventListener("beforeunload", (event) => {
  // What would stop when the page goes; a file that was only picked must be picked again afterwards.
  if (sending.now?.intake.isAsking || [...store.uploads.values()].some((view) => view.driven && isMoving(view))) event.preventDefault();
});
calm.promise
  .then(async () => (await import("./core/leader.js")).lead(navigator.locks, () => session.lead()))
  .catch(() => session.lead()); // alone, as far as can be told

async function start() {
  app.problem = null;
  try {
    await session.start();
  } catch (problem) {
    app.problem = problem;
  }
}

document.body.append(app);
start();
