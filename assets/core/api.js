// Every request to the server but the chunks themselves (chunk-sender.js), as plain calls. Errors are Problems.

import { loadSaid, said } from "./said.js";
import { t } from "./words.js";

/** What the server answered instead of success; status 0 means that no answer came. */
export class Problem extends Error {
  /** @param {{status: number, code: string, message: string, details?: object, retryAfter?: number | null}} parts */
  constructor({ status, code, message, details = {}, retryAfter = null }) {
    super(message);
    this.name = "Problem";
    this.status = status;
    this.code = code;
    this.details = details;
    this.retryAfter = retryAfter;
  }

  static network() {
    return new Problem({ status: 0, code: "NETWORK", message: t("common.unreachable") });
  }

  /** What an answer refuses with. @param {Response} response */
  static async of(response) {
    const text = await response.text();
    await loadSaid();
    return Problem.from(response.status, text, response.headers.get("retry-after"));
  }

  /** Reads the error body where there is one; a proxy's error page has none. */
  static from(status, text, retryAfter) {
    const seconds = Number.parseFloat(retryAfter ?? "");
    const wait = Number.isFinite(seconds) ? seconds : null;
    try {
      const { code, message, details } = JSON.parse(text);
      if (typeof message === "string") return new Problem({ status, code, message: said(message), details, retryAfter: wait });
    } catch {
      // fall through to the general sentence
    }
    const message = t("common.oddAnswer", { status: String(status) });
    return new Problem({ status, code: `HTTP_${status}`, message, retryAfter: wait });
  }
}

/**
 * Whom a page shows: the server refuses what comes in another's name, for the pages of a browser share their session.
 * @param {{id: string} | null} [account]
 */
export const asShown = (account) => (account ? { "X-Drive-Account": account.id } : {});

/** What only reads can be asked again; on a line that broke without a word its answer would never come. */
const PATIENCE_MS = 30_000;

/**
 * @param {{fetch: typeof fetch, shown?: () => {id: string} | null | undefined, onSignedOut?: () => void}} means `shown`: the
 *   account that the page shows
 */
export function createApi({ fetch, shown = () => null, onSignedOut = () => {}, patienceMs = PATIENCE_MS }) {
  /**
   * `accept`: statuses beyond 2xx whose body is wanted too.
   * @returns {Promise<{status: number, headers: Headers, data: any}>}
   */
  async function call(method, path, { body, query, signal, accept = [] } = {}) {
    const search = query ? `?${new URLSearchParams(defined(query))}` : "";
    const isAuth = path.startsWith("/api/auth/");
    const headers = { ...(body !== undefined && { "Content-Type": "application/json" }), ...(!isAuth && asShown(shown())) };
    let response;
    let text;
    try {
      const options = { method, headers, signal: method === "GET" ? patient(signal, patienceMs) : signal, credentials: "same-origin", cache: "no-store" };
      if (body !== undefined) options.body = JSON.stringify(body);
      response = await fetch(path + search, options);
      text = await response.text();
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof Problem ? error : Problem.network();
    }
    if (!response.ok && !accept.includes(response.status)) {
      if (response.status === 401 && !isAuth) onSignedOut();
      else await loadSaid();
      throw Problem.from(response.status, text, response.headers.get("retry-after"));
    }
    return { status: response.status, headers: response.headers, data: text ? JSON.parse(text) : null };
  }

  const data = async (...request) => (await call(...request)).data;
  const page = async (path, query, signal) => {
    const { headers, data: items } = await call("GET", path, { query, signal });
    return { items, total: Number(headers.get("x-total") ?? items.length) };
  };
  const id = encodeURIComponent;

  return {
    /** Any request, for parts of the client that have their own. */
    call,
    /** A request whose answer is no JSON: the bytes of a file. */
    send: async (path, { headers, ...options } = {}) => {
      try {
        return await fetch(path, { credentials: "same-origin", headers: { ...asShown(shown()), ...headers }, ...options });
      } catch {
        throw Problem.network();
      }
    },

    setUp: (code, name, password) => data("POST", "/api/auth/setup", { body: { code, name, password } }),
    /** `code` is that of the second factor, where the server asked for one. */
    signIn: (name, password, code) => data("POST", "/api/auth/login", { body: { name, password, code } }),
    /** @returns {Promise<{enabled: boolean, label: string}>} the outside provider that people can sign in at */
    provider: () => data("GET", "/api/auth/oidc"),
    signOut: () => data("POST", "/api/auth/logout"),
    account: () => data("GET", "/api/account"),
    quota: () => data("GET", "/api/quota"),

    files: (query, signal) => page("/api/files", query, signal),
    trashFile: (fileId) => data("DELETE", `/api/files/${id(fileId)}`),

    tasks: (query, signal) => page("/api/tasks", query, signal),
    pauseTask: (taskId) => data("POST", `/api/tasks/${id(taskId)}/pause`),
    resumeTask: (taskId) => data("POST", `/api/tasks/${id(taskId)}/resume`),
    cancelTask: (taskId) => data("POST", `/api/tasks/${id(taskId)}/cancel`),
    retryTask: (taskId) => data("POST", `/api/tasks/${id(taskId)}/retry`),

    openUploads: () => everyUpload(page, "InProgress,Paused"),
    createUpload: (body, signal) => data("POST", "/api/files/upload/create", { body, signal }),
    uploadState: (taskId, signal) => data("GET", `/api/files/upload/resume/${id(taskId)}`, { signal }),
    uploadProgress: (taskId, signal) => data("GET", `/api/files/upload/progress/${id(taskId)}`, { signal }),
    /** The stored file, or null while the server still works on it (202). */
    completeUpload: async (taskId, { hash = null, signal } = {}) => {
      const body = hash === null ? undefined : { hash };
      const answer = await call("POST", `/api/files/upload/complete/${id(taskId)}`, { body, signal });
      return answer.status === 202 ? null : answer.data;
    },
    uploadBlocks: (taskId) => data("GET", `/api/files/upload/blocks/${id(taskId)}`),
    cancelUpload: (taskId) => data("DELETE", `/api/files/upload/task/${id(taskId)}`),
  };
}

const patient = (signal, ms) => AbortSignal.any([AbortSignal.timeout(ms), ...(signal ? [signal] : [])]);

/** Open uploads are few, but a dropped folder can leave more than one page of them. */
async function everyUpload(page, status) {
  const limit = 500;
  const all = [];
  for (let offset = 0; ; offset += limit) {
    const { items, total } = await page("/api/files/upload/tasks", { status, offset, limit });
    all.push(...items);
    if (items.length < limit || all.length >= total) return all;
  }
}

const defined = (query) => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));

/** Where the browser goes to sign in at the outside provider. */
export const PROVIDER_URL = "/api/auth/oidc/start";

/** Where a stored file is downloaded from; the session's cookie signs it in. @param {string} fileId */
export const contentUrl = (fileId) => `/api/files/${encodeURIComponent(fileId)}/content`;

/** @param {string} taskId @param {number} index */
export const chunkUrl = (taskId, index) => `/api/files/upload/chunk/${encodeURIComponent(taskId)}/${index}`;

/** Where a small file is sent in one request. @param {object} wish */
export const fileUrl = (wish) => `/api/files/upload/direct?${new URLSearchParams(defined(wish))}`;
