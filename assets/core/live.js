// The socket that brings events: connects, counts, reconnects, and asks for what it missed.
//
// Events of this EventTarget: "packet" (`packet`), "state" (`state`: connecting, online, offline), "signed-out".
// The session's cookie travels with the handshake, so nothing is sent to sign in.

import { retryDelay } from "./retry.js";

const CLOSED_SIGNED_OUT = 4001;
const CLOSED_TOO_SLOW = 4008;
const CLOSED_LOST = 1006;
/** A line that broke without a word looks like a quiet one. After so long without a packet the server is asked for one. */
export const SILENCE_MS = 30_000;
export const ANSWER_MS = 10_000;

export class LiveEvent extends Event {
  constructor(type, fields = {}) {
    super(type);
    Object.assign(this, fields);
  }
}

export class Live extends EventTarget {
  #url;
  #open;
  #timers;
  #random;
  #socket = null;
  #timer = null;
  #silence = null;
  #isOnline = false;
  #failures = 0;
  #wanted = false;
  /** Where the stream was left: `streamId:seq` asks the server for everything after it. */
  #streamId = null;
  #seq = 0;

  /**
   * @param {{url: string, open?: (url: string) => WebSocket, random?: () => number,
   *          timers?: {set: typeof setTimeout, clear: typeof clearTimeout}}} means
   */
  constructor({ url, open = (to) => new WebSocket(to), random = Math.random, timers }) {
    super();
    this.#url = url;
    this.#open = open;
    this.#random = random;
    this.#timers = timers ?? { set: (...a) => setTimeout(...a), clear: (t) => clearTimeout(t) };
  }

  start() {
    this.#wanted = true;
    if (!this.#socket && this.#timer === null) this.#connect();
  }

  /** Ends the connection and forgets the place in the stream: the next account starts its own. */
  stop() {
    this.#wanted = false;
    this.#streamId = null;
    this.#failures = 0;
    this.#clearTimer();
    this.#release();
  }

  /** The line is known to be gone, before the socket knows: begins anew. */
  lost() {
    if (this.#socket === null) return;
    this.#release();
    this.#closed(CLOSED_LOST);
  }

  #release() {
    const socket = this.#socket;
    this.#socket = null;
    this.#timers.clear(this.#silence);
    socket?.close();
  }

  /** Try now instead of after the back-off: the network came back or the page is looked at again. */
  wake() {
    if (!this.#wanted || this.#timer === null) return;
    this.#clearTimer();
    this.#connect();
  }

  #clearTimer() {
    if (this.#timer !== null) this.#timers.clear(this.#timer);
    this.#timer = null;
  }

  #connect() {
    this.#state("connecting");
    const since = this.#streamId === null ? "" : `?since=${encodeURIComponent(`${this.#streamId}:${this.#seq}`)}`;
    const socket = this.#open(this.#url + since);
    this.#socket = socket;
    this.#isOnline = false;
    this.#listen();
    socket.addEventListener("message", ({ data }) => {
      if (socket !== this.#socket) return;
      this.#listen();
      this.#receive(data);
    });
    socket.addEventListener("close", ({ code }) => {
      if (socket === this.#socket) this.#closed(code);
    });
  }

  /** The browser answers the server's own pings unseen, so we need ours. */
  #listen() {
    this.#timers.clear(this.#silence);
    this.#silence = this.#timers.set(() => {
      if (!this.#isOnline) return this.lost();
      this.#socket.send('{"type":"ping"}');
      this.#silence = this.#timers.set(() => this.lost(), ANSWER_MS);
    }, SILENCE_MS);
  }

  #receive(text) {
    let packet;
    try {
      packet = JSON.parse(text);
    } catch {
      return;
    }
    if (packet.type === "pong") return;
    if (packet.type === "hello") this.#greeted(packet.data);
    else if (packet.type === "sync.reset") this.#restart(packet.data);
    else if (packet.seq !== undefined) {
      if (packet.seq <= this.#seq) return; // replayed twice
      this.#seq = packet.seq;
    }
    this.dispatchEvent(new LiveEvent("packet", { packet }));
  }

  /** In a stream we know, the greeting's number is its end; what lies between that and ours is still being replayed. */
  #greeted({ streamId, seq }) {
    if (streamId !== this.#streamId) this.#restart({ streamId, seq });
    this.#failures = 0;
    this.#isOnline = true;
    this.#state("online");
  }

  #restart({ streamId, seq }) {
    this.#streamId = streamId;
    this.#seq = seq;
  }

  #closed(code) {
    this.#socket = null;
    this.#timers.clear(this.#silence);
    if (!this.#wanted) return;
    if (code === CLOSED_SIGNED_OUT) {
      this.stop();
      this.dispatchEvent(new LiveEvent("signed-out"));
      return;
    }
    this.#failures++;
    this.#state("offline");
    const delay =
      code === CLOSED_TOO_SLOW && this.#failures === 1 ? 0 : retryDelay(this.#failures, { random: this.#random });
    this.#timer = this.#timers.set(() => {
      this.#timer = null;
      this.#connect();
    }, delay);
  }

  #state(state) {
    this.dispatchEvent(new LiveEvent("state", { state }));
  }
}
