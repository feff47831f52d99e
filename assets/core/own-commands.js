// What the place "Settings" asks of the server: one's own account, its sign-ins, tokens, second factor, browsers and
// webhooks.

import { currentSubscription, subscribe, unsubscribe } from "./push.js";

const KEPT = "drive-push";

/** @param {{api: object}} means @returns {Record<string, (detail: object) => Promise<any>>} */
export function ownCommands({ api, store }) {
  const ask = async (method, path, body) => (await api.call(method, path, { body })).data;
  const one = (path, id) => `${path}/${encodeURIComponent(id)}`;
  return {
    "load-account": async () => {
      const account = await ask("GET", "/api/account");
      store.set("quota", await ask("GET", "/api/quota"));
      return account;
    },
    "change-password": (detail) => ask("POST", "/api/account/password", detail),

    "load-sign-ins": () => ask("GET", "/api/auth/sessions"),
    "end-sign-in": ({ id }) => ask("DELETE", one("/api/auth/sessions", id)),
    "end-other-sign-ins": () => ask("DELETE", "/api/auth/sessions"),

    "load-tokens": () => ask("GET", "/api/tokens"),
    "make-token": (detail) => ask("POST", "/api/tokens", detail),
    "revoke-token": ({ id }) => ask("DELETE", one("/api/tokens", id)),

    "load-second-factor": () => ask("GET", "/api/account/totp"),
    "begin-second-factor": (detail) => ask("POST", "/api/account/totp", detail),
    "confirm-second-factor": (detail) => ask("POST", "/api/account/totp/confirm", detail),
    "remove-second-factor": (detail) => ask("POST", "/api/account/totp/remove", detail),

    ...browserCommands(ask, one),
    ...webhookCommands({ api, ask, one }),
  };
}

/** The server knows a browser by an id, which is kept beside the subscription so that the row says "this browser". */
function browserCommands(ask, one) {
  return {
    "load-browsers": async () => {
      const [browsers, here] = await Promise.all([ask("GET", "/api/push/subscriptions"), currentSubscription()]);
      const own = here === null ? null : read();
      return browsers.map((browser) => ({ ...browser, current: browser.id === own }));
    },
    "add-browser": async () => {
      const { key } = await ask("GET", "/api/push/key");
      const made = await ask("POST", "/api/push/subscriptions", await subscribe(key));
      keep(made.id);
    },
    "remove-browser": async ({ id, current }) => {
      await ask("DELETE", one("/api/push/subscriptions", id));
      if (current) await unsubscribe();
    },
    "test-browsers": () => ask("POST", "/api/push/test"),
  };
}

function webhookCommands({ api, ask, one }) {
  return {
    "load-webhooks": () => ask("GET", "/api/webhooks"),
    "make-webhook": (detail) => ask("POST", "/api/webhooks", detail),
    "change-webhook": ({ id, ...change }) => ask("PATCH", one("/api/webhooks", id), change),
    "remove-webhook": ({ id }) => ask("DELETE", one("/api/webhooks", id)),
    "test-webhook": ({ id }) => ask("POST", `${one("/api/webhooks", id)}/test`),
    /** @returns {Promise<{items: object[], next: string | null}>} the newest first */
    "load-deliveries": async ({ id, cursor, limit = 20 }) => {
      const query = { cursor, limit };
      const { data, headers } = await api.call("GET", `${one("/api/webhooks", id)}/deliveries`, { query });
      return { items: data, next: headers.get("x-next-cursor") };
    },
  };
}

function read() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(id) {
  try {
    localStorage.setItem(KEPT, id);
  } catch {
    // storage refused: the row will not say that it is this browser
  }
}
