// What the place "Usage" asks of the server.

import { together } from "./plot.js";

/** @param {{api: object, store: import("./store.js").Store}} means @returns {Record<string, (detail: object) => Promise<any>>} */
export function usageCommands({ api, store }) {
  const get = async (path, query) => (await api.call("GET", path, { query })).data;
  return {
    /** @param {{account: string}} detail "" for one's own, "all", or the id of an account */
    "load-usage": async ({ account }) => {
      const of = account === "" ? {} : { account };
      const [usage, tasks, pools] = await Promise.all([get("/api/usage", of), get("/api/tasks/stats", of), get("/api/pools")]);
      const { used, reserved, limit } = usage;
      if (account === "") store.set("quota", { used, reserved, limit }); // newer than what was told before
      const accounts = Array.isArray(usage) ? usage : [usage];
      return { usage: Array.isArray(usage) ? together(usage) : usage, accounts, tasks, pools };
    },
    "load-account-names": () => get("/api/accounts"),
  };
}

/** The table of what is stored, as the server writes it. @param {string} account as in "load-usage" */
export const usageFile = (account) =>
  `/api/usage?${new URLSearchParams({ format: "csv", ...(account === "" ? {} : { account }) })}`;
