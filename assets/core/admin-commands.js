// What the place "Administration" asks of the server.

const PAGE = 100;

/** @param {{api: object}} means @returns {Record<string, (detail: object) => Promise<any>>} */
export function adminCommands({ api }) {
  const ask = async (method, path, body) => (await api.call(method, path, { body })).data;
  const one = (id) => `/api/accounts/${encodeURIComponent(id)}`;
  const page = async (path, query) => {
    const { data, headers } = await api.call("GET", path, { query: { ...given(query), limit: PAGE } });
    return { items: data, next: headers.get("x-next-cursor") };
  };
  return {
    "load-accounts": () => ask("GET", "/api/accounts"),
    "load-one-account": async ({ id }) => {
      const [account, grants] = await Promise.all([ask("GET", one(id)), ask("GET", `${one(id)}/grants`)]);
      return { account, grants };
    },
    "make-account": (detail) => ask("POST", "/api/accounts", detail),
    "change-account": ({ id, ...change }) => ask("PATCH", one(id), change),
    "make-grant": ({ id, ...grant }) => ask("POST", `${one(id)}/grants`, grant),
    "load-identities": ({ id }) => ask("GET", `${one(id)}/identities`),
    "link-identity": ({ id, ...identity }) => ask("POST", `${one(id)}/identities`, identity),
    "unlink-identity": ({ id, ...identity }) => ask("DELETE", `${one(id)}/identities?${new URLSearchParams(identity)}`),
    "end-grant": ({ id, grant }) => ask("DELETE", `${one(id)}/grants/${encodeURIComponent(grant)}`),

    "load-pools": () => ask("GET", "/api/pools"),
    "load-audit": (query) => page("/api/audit", query),
    "load-all-tasks": (query) => page("/api/tasks", query),

    "load-health": async () => {
      const [ready, uploads] = await Promise.all([health(api, "ready"), health(api, "uploads")]);
      return { ready, uploads };
    },
  };
}

/** One that is not well answers 503 and says what is wrong all the same. */
const health = async (api, part) => (await api.call("GET", `/health/${part}`, { accept: [503] })).data;

/** A query without what was left empty. */
const given = (query) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== "" && value != null));

/** The rows of the audit log that a filter leaves, one JSON object a line. @param {Record<string, string>} filter */
export const auditFile = (filter) => `/api/audit?${new URLSearchParams({ ...given(filter), format: "ndjson" })}`;
