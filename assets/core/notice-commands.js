// Notifications: the list, what is unread, and what somebody wants to be told.

/**
 * @param {{api: object, store: import("./store.js").Store}} means
 * @returns {Record<string, (detail: object) => Promise<any>>}
 */
export function noticeCommands({ api, store }) {
  const ask = (method, path, options) => api.call(method, `/api/notifications${path}`, options);
  /** An answer's number counts, unless a notification came while it was on its way: that one is newer. */
  const counting = async (asked, unreadOf) => {
    const { notice } = store;
    const answer = await asked;
    if (store.notice === notice) store.set("unread", unreadOf(answer));
    return answer;
  };
  const count = () => counting(ask("GET", "/unread"), ({ data }) => data.unread);
  return {
    "count-notices": count,
    /** @param {{cursor?: string}} detail @returns {Promise<{items: object[], next: string | null}>} the newest first */
    "load-notices": async ({ cursor }) => {
      const page = ask("GET", "", { query: { cursor, limit: 30 } });
      const { data, headers } = await counting(page, (answer) => Number(answer.headers.get("x-unread") ?? store.unread));
      return { items: data, next: headers.get("x-next-cursor") };
    },
    /** @param {{ids?: string[]}} detail without ids: all */
    "read-notices": ({ ids }) => counting(ask("POST", "/read", { body: ids === undefined ? { all: true } : { ids } }), ({ data }) => data.unread),
    "remove-notice": async ({ id }) => {
      await ask("DELETE", `/${encodeURIComponent(id)}`);
      await count();
    },
    "load-notice-choices": async () => (await ask("GET", "/preferences")).data,
    "set-notice-choices": async ({ choices }) => (await ask("PUT", "/preferences", { body: choices })).data,
  };
}
