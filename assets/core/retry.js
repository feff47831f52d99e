// What to do after a request failed: give up, or wait and try again, and how long.

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;

/** Server errors that may be a fault in the request itself are tried this often, then shown. */
const SERVER_ERROR_TRIES = 6;
const CHUNK_IN_FLIGHT_TRIES = 60;

/**
 * Exponential back-off with jitter, so that a thousand clients do not come back in the same instant.
 * @param {number} failures in a row, from 1
 * @param {{retryAfter?: number | null, random?: () => number}} [options] `retryAfter` in seconds wins
 * @returns {number} milliseconds
 */
export function retryDelay(failures, { retryAfter = null, random = Math.random } = {}) {
  if (retryAfter !== null) return retryAfter * 1000 + random() * 250;
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return longest * (0.5 + random() / 2);
}

/**
 * Whether trying again can help. No connection (status 0), gateways and a signed-out session: always, for these end by
 * themselves. Other server errors: a few times. Refusals: never.
 * @param {{status?: number, code?: string}} problem
 * @param {number} failures in a row, this one counted
 */
export function canRetry({ status, code }, failures) {
  if (code === "CHUNK_IN_FLIGHT") return failures < CHUNK_IN_FLIGHT_TRIES;
  if ([0, 401, 408, 423, 425, 429, 502, 503, 504].includes(status)) return true;
  return status === 500 && failures < SERVER_ERROR_TRIES;
}

/**
 * Tries until it works, waiting in between; throws what cannot be helped by waiting.
 * @param {() => Promise<any>} attempt
 * @param {{signal: AbortSignal, sleep: typeof sleep, random: () => number, onWait: (error?: object) => void,
 *          connected: (signal: AbortSignal, onWait: () => void) => Promise<void>, onDone: () => void}} means `connected`
 *   waits until there is somebody to ask; `onWait` is told after which error, or none while nobody can be asked
 */
export async function retrying(attempt, { signal, connected, sleep, random, onWait, onDone }) {
  for (let failures = 1; ; failures++) {
    await connected(signal, () => onWait());
    signal.throwIfAborted();
    try {
      const result = await attempt();
      onDone();
      return result;
    } catch (error) {
      signal.throwIfAborted();
      if (!canRetry(error, failures)) throw error;
      onWait(error);
      await sleep(retryDelay(failures, { retryAfter: error.retryAfter, random }), signal);
    }
  }
}

/** Sleeps, but wakes with the signal's reason when it aborts. @param {number} ms @param {AbortSignal} [signal] */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
