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
import "./elements/sign-in.js";
import "./elements/search-box.js";
import "./elements/toast-stack.js";
import "./elements/file-row.js";
import "./elements/file-tile.js";
import "./elements/file-list.js";
import "./elements/selection-bar.js";
import "./elements/file-view.js";
import "./elements/drop-zone.js";
import "./elements/upload-row.js";
import "./elements/upload-group.js";
import "./elements/upload-tray.js";
import "./elements/drive-app.js";

import { Announcer } from "./core/announcer.js";
import { createApi } from "./core/api.js";
import { Awake } from "./core/awake.js";
import { sendChunk } from "./core/chunk-sender.js";
import { createFileCommands } from "./core/file-commands.js";
import { Hasher } from "./core/hasher.js";
import { lead } from "./core/leader.js";
import { Live } from "./core/live.js";
import { ObservedUploads } from "./core/observed-uploads.js";
import { noticeCommands } from "./core/notice-commands.js";
import { openMemory } from "./core/resume.js";
import { Session } from "./core/session.js";
import { Store } from "./core/store.js";
import { applyPacket } from "./core/sync.js";
import { createUploadCommands } from "./core/upload-commands.js";
import { Uploader } from "./core/uploader.js";
import { keepLanguage, loadWords, preferredLanguage, useLanguage, language } from "./core/words.js";
import { isMoving } from "./core/upload-view.js";

const WATCH_MS = 5000;
/** Changes of uploads that are looked at together, for what is said aloud. */
const SAY_MS = 300;

useLanguage(preferredLanguage());
document.documentElement.lang = language();
await loadWords("common", "shell", "account", "door", "files", "uploads");

const store = new Store();
const memory = await openMemory();
const api = createApi({ fetch: (...request) => fetch(...request), onSignedOut: () => session.ended() });
const observed = new ObservedUploads({ store });
const hasher = new Hasher({
  spawn: () => new Worker(new URL("./core/hash-worker.js", import.meta.url), { type: "module" }),
  subtle: isSecureContext ? crypto.subtle : undefined,
});
const uploader = new Uploader({
  store,
  memory,
  hasher,
  transport: { ...api, sendChunk: sendChunkSignedIn },
  takesOver: (taskId, key) => observed.forget(taskId, key),
});
const live = new Live({ url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws` });
const session = new Session({ api, store, live, uploader, observed, memory });
const uploads = createUploadCommands({ uploader, observed, store, api, memory, decide });
session.goOn = (key, items) => uploads.goOn(key, items);

async function sendChunkSignedIn(...chunk) {
  try {
    return await sendChunk(...chunk);
  } catch (problem) {
    if (problem.status === 401) session.ended();
    throw problem;
  }
}

/** Asks what to do with files whose names are taken; the question is loaded when it is first asked. */
async function decide(conflicts) {
  const { ask } = await import("./elements/upload-conflicts.js");
  return ask(conflicts);
}

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
  "add-files": ({ items, groups }) => uploads.add(items, groups),
  upload: ({ verb, key, file }) => uploads.run(verb, key, file),
  "upload-all": ({ verb, group }) => uploads.runAll(verb, group),
  "choose-folder": ({ key, chosen }) => uploads.chooseFolder(key, chosen),
  reopen: ({ key }) => session.reopen(key),
  "clear-finished": () => uploads.clearFinished(),
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
});
store.addEventListener("notice", () => store.notice && app.say(store.notice.title));
new Announcer(store, (sentence) => app.say(sentence), SAY_MS);
const awake = new Awake({ store, request: navigator.wakeLock && (() => navigator.wakeLock.request("screen")) });

live.addEventListener("packet", ({ packet }) => {
  if (packet.type === "hello") actions["count-notices"]().catch(() => {}); // the next one tells it too
  applyPacket(packet, { store, uploader, observed, onReset: () => (lookAgain(), session.refresh().catch(() => {})) });
});
live.addEventListener("state", ({ state }) => {
  if (state === "online" && missed) lookAgain();
  missed = state === "offline" || (missed && state !== "online");
  store.set("connection", state);
  if (state === "online") uploader.wake();
  if (state === "offline") session.check();
});
live.addEventListener("signed-out", () => session.ended());

addEventListener("online", () => {
  uploader.setOnline(true);
  live.wake();
});
navigator.serviceWorker?.addEventListener("message", ({ data }) => {
  if (data?.open) location.hash = new URL(data.open).hash; // a notification was clicked
});
addEventListener("offline", () => uploader.setOnline(false));
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  live.wake();
  awake.look();
});
addEventListener("beforeunload", (event) => {
  // What would stop when the page goes; a file that was only picked must be picked again afterwards.
  if ([...store.uploads.values()].some((view) => view.driven && isMoving(view))) event.preventDefault();
});
setInterval(() => observed.tick(), WATCH_MS);
lead(navigator.locks, () => session.lead());

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
