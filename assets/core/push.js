// Web Push in this browser: the service worker that shows messages while no page is open, and the subscription that the
// server sends them to.

import { Problem } from "./api.js";

const WORKER = "/worker.js";

/** Service workers need a secure page; some browsers have no push at all. */
export const canPush = () =>
  globalThis.isSecureContext === true && "serviceWorker" in navigator && "PushManager" in globalThis;

const refused = (code) => new Problem({ status: 0, code, message: "" });

/** @param {string} text base64url @returns {Uint8Array} */
export function bytesOfKey(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** The subscription of this browser, or null. */
export async function currentSubscription() {
  if (!canPush()) return null;
  const registration = await navigator.serviceWorker.getRegistration(WORKER);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/**
 * Asks the person for leave, and the browser for a subscription.
 * @param {string} key the server's, in base64url
 * @returns {Promise<object>} what the server wants to know of it; rejects with PUSH_DENIED or PUSH_UNAVAILABLE
 */
export async function subscribe(key) {
  if ((await Notification.requestPermission()) !== "granted") throw refused("PUSH_DENIED");
  await navigator.serviceWorker.register(WORKER);
  const { pushManager } = await navigator.serviceWorker.ready;
  const options = { userVisibleOnly: true, applicationServerKey: bytesOfKey(key) };
  try {
    await (await pushManager.getSubscription())?.unsubscribe(); // it may be of another server or key
    return (await pushManager.subscribe(options)).toJSON();
  } catch {
    throw refused("PUSH_UNAVAILABLE");
  }
}

export async function unsubscribe() {
  await (await currentSubscription())?.unsubscribe();
}
