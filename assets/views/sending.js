// Sending files: the line of uploads, its tray, and what is said of it. The first view does without them; they come when
// its list stands, or when something is to be sent.

import "../elements/upload-row.js";
import "../elements/upload-group.js";
import "../elements/upload-tray.js";

import { asShown } from "../core/api.js";
import { Announcer } from "../core/announcer.js";
import { Awake } from "../core/awake.js";
import { sendChunk, sendFile } from "../core/chunk-sender.js";
import { createFilesApi } from "../core/files-api.js";
import { Hasher } from "../core/hasher.js";
import { Intake } from "../core/intake.js";
import { Holds } from "../core/leader.js";
import { LeftBehind } from "../core/left-behind.js";
import { ObservedUploads } from "../core/observed-uploads.js";
import { openMemory } from "../core/resume.js";
import { loadSaid } from "../core/said.js";
import { createUploadCommands } from "../core/upload-commands.js";
import { Uploader } from "../core/uploader.js";

export const styles = ["upload-group", "upload-row", "upload-tray"].map((name) => `elements/${name}.css`);

const WATCH_MS = 5000;
/** Changes of uploads that are looked at together, for what is said aloud. */
const SAY_MS = 300;

/**
 * @param {{store: import("../core/store.js").Store, api: object, say: (sentence: string) => void, onSignedOut: () => void,
 *          onLeft: () => void}} means `onLeft`: an upload stands still that this browser began
 */
export async function createSending({ store, api, say, onSignedOut, onLeft }) {
  const [memory] = await Promise.all([openMemory(), loadSaid()]);
  const holds = new Holds(navigator.locks, new BroadcastChannel("drive-uploads"));
  const observed = new ObservedUploads({ store, isOurs: (taskId) => memory.has(taskId), left: (taskId) => holds.free(taskId), onLeft });
  const hasher = new Hasher({
    spawn: () => new Worker(new URL("../core/hash-worker.js", import.meta.url), { type: "module" }),
    subtle: isSecureContext ? crypto.subtle : undefined,
  });
  const signedIn = (send) => async (...what) => {
    const options = what.pop();
    try {
      return await send(...what, { ...options, headers: asShown(store.account) });
    } catch (problem) {
      if (problem.status === 401) onSignedOut();
      throw problem;
    }
  };
  const { makeFolder, file, change } = createFilesApi(api);
  const transport = { ...api, makeFolder, file, change, sendChunk: signedIn(sendChunk), sendFile: signedIn(sendFile) };
  const takesOver = (taskId, key) => observed.forget(taskId, key);
  const uploader = new Uploader({ store, memory, hasher, transport, takesOver, holds });
  const left = new LeftBehind({ store, send: (items) => intake.send(items), uploader, memory, holds, onLeft });
  const intake = new Intake({ api: transport, uploader, left, decide });
  const uploads = createUploadCommands({ uploader, observed, store, api, left, intake });
  new Announcer(store, say, SAY_MS);
  const awake = new Awake({ store, request: navigator.wakeLock && (() => navigator.wakeLock.request("screen")) });
  setInterval(() => {
    observed.tick();
    left.watch().catch(() => {}); // the next look tells it too
  }, WATCH_MS);
  return { uploader, observed, memory, holds, left, intake, uploads, awake };
}

/** Asks what to do with files whose names are taken; the question is loaded when it is first asked. */
async function decide(conflicts) {
  const { ask } = await import("../elements/upload-conflicts.js");
  return ask(conflicts);
}
