// What the place "Usage" asks of the server.

import { together } from "./plot.js";

/** @param {{api: object}} means @returns {Record<string, (detail: object) => Promise<any>>} */
export function usageCommands({ api }) {
  const get = async (path, query) => (await api.call("GET", path, { query })).data;
  return {
    /** @param {{account: string}} detail "" for one's own, "all", or the id of an account */
    "load-usage": async ({ account }) => {
      const [usage, tasks, pools] = await Promise.all([
        get("/api/usage", account === "" ? {} : { account }),
        account === "" ? get("/api/tasks/stats") : null,
        get("/api/pools"),
      ]);
      const accounts = Array.isArray(usage) ? usage : [usage];
      return { usage: Array.isArray(usage) ? together(usage) : usage, accounts, tasks, pools };
    },
    "load-account-names": () => get("/api/accounts"),
  };
}

/** The table of what is stored, as the server writes it. @param {string} account as in "load-usage" */
export const usageFile = (account) =>
  `/api/usage?${new URLSearchParams({ format: "csv", ...(account === "" ? {} : { account }) })}`;
