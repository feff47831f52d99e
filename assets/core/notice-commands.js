// Notifications: the list, what is unread, and what somebody wants to be told.

/**
 * @param {{api: object, store: import("./store.js").Store}} means
 * @returns {Record<string, (detail: object) => Promise<any>>}
 */
export function noticeCommands({ api, store }) {
  const ask = (method, path, options) => api.call(method, `/api/notifications${path}`, options);
  const unread = (count) => store.set("unread", count);
  return {
    "count-notices": async () => unread((await ask("GET", "/unread")).data.unread),
    /** @param {{cursor?: string}} detail @returns {Promise<{items: object[], next: string | null}>} the newest first */
    "load-notices": async ({ cursor }) => {
      const { data, headers } = await ask("GET", "", { query: { cursor, limit: 30 } });
      unread(Number(headers.get("x-unread") ?? store.unread));
      return { items: data, next: headers.get("x-next-cursor") };
    },
    /** @param {{ids?: string[]}} detail without ids: all */
    "read-notices": async ({ ids }) => {
      const { data } = await ask("POST", "/read", { body: ids === undefined ? { all: true } : { ids } });
      unread(data.unread);
    },
    "remove-notice": async ({ id }) => {
      await ask("DELETE", `/${encodeURIComponent(id)}`);
      unread((await ask("GET", "/unread")).data.unread);
    },
    "load-notice-choices": async () => (await ask("GET", "/preferences")).data,
    "set-notice-choices": async ({ choices }) => (await ask("PUT", "/preferences", { body: choices })).data,
  };
}
