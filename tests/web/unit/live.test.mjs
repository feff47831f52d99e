// The live connection: greeting, replay, reset, back-off, and what each way of closing means.

import "./english.mjs";

import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWER_MS, Live, SILENCE_MS } from "../../../assets/core/live.js";

class FakeSocket extends EventTarget {
  constructor(url) {
    super();
    this.url = url;
  }
  receive(packet) {
    this.dispatchEvent(Object.assign(new Event("message"), { data: JSON.stringify(packet) }));
  }
  end(code) {
    this.dispatchEvent(Object.assign(new Event("close"), { code }));
  }
  close() {
    this.isClosed = true;
  }
  sent = [];
  send(text) {
    this.sent.push(JSON.parse(text).type);
  }
}

/** A Live with sockets and timers in the test's hands. */
function setUp() {
  const sockets = [];
  const timers = [];
  const live = new Live({
    url: "ws://drive/ws",
    open: (url) => sockets[sockets.push(new FakeSocket(url)) - 1],
    random: () => 1,
    timers: {
      set: (run, delay) => timers.push({ run, delay }),
      clear: (number) => timers[number - 1] && (timers[number - 1].isOver = true),
    },
  });
  const packets = [];
  const states = [];
  live.addEventListener("packet", ({ packet }) => packets.push(packet.type));
  live.addEventListener("state", ({ state }) => states.push(state));
  const waiting = () => timers.filter(({ isOver }) => !isOver);
  const fire = () => {
    const timer = waiting().at(-1);
    timer.isOver = true;
    timer.run();
  };
  return { live, sockets, timers, packets, states, socket: () => sockets.at(-1), waiting, fire };
}

const hello = (seq, streamId = "s1") => ({ type: "hello", data: { streamId, seq, serverTime: "" } });
const event = (type, seq) => ({ type, data: {}, seq });

test("the first connection asks for nothing, later ones for what came after the last number seen", () => {
  const { live, socket, fire, states } = setUp();
  live.start();
  assert.equal(socket().url, "ws://drive/ws");
  socket().receive(hello(10));
  socket().receive(event("file.created", 11));
  socket().receive({ type: "task.progress", data: {} }); // has no number
  socket().end(1006);
  fire();
  assert.equal(socket().url, "ws://drive/ws?since=s1%3A11");
  assert.deepEqual(states, ["connecting", "online", "offline", "connecting"]);
});

test("a connection that breaks in the middle of the replay asks for the rest, not for the end", () => {
  const { live, socket, fire, packets } = setUp();
  live.start();
  socket().receive(hello(10));
  socket().end(1006);
  fire();
  socket().receive(hello(15));
  socket().receive(event("task.paused", 11));
  socket().receive(event("task.resumed", 12));
  socket().end(1006);
  fire();
  assert.equal(socket().url, "ws://drive/ws?since=s1%3A12");
  socket().receive(hello(15));
  socket().receive(event("task.resumed", 12)); // told twice: not shown twice
  socket().receive(event("task.completed", 13));
  assert.deepEqual(packets, ["hello", "hello", "task.paused", "task.resumed", "hello", "task.completed"]);
});

test("a reset starts counting where the server says, even below the last number", () => {
  const { live, socket, fire, packets } = setUp();
  live.start();
  socket().receive(hello(900));
  socket().end(1006);
  fire();
  socket().receive(hello(5, "s2"));
  socket().receive({ type: "sync.reset", data: { streamId: "s2", seq: 5 } });
  socket().receive({ type: "sync.snapshot", data: { tasks: [] } });
  socket().receive(event("file.created", 6));
  assert.deepEqual(packets.slice(1), ["hello", "sync.reset", "sync.snapshot", "file.created"]);
  socket().end(1006);
  fire();
  assert.equal(socket().url, "ws://drive/ws?since=s2%3A6");
});

test("the wait doubles up to half a minute, and starts again after a greeting", () => {
  const { live, socket, timers, fire } = setUp();
  live.start();
  const delays = [];
  for (let i = 0; i < 9; i++) {
    socket().end(1006);
    delays.push(timers.at(-1).delay);
    fire();
  }
  assert.deepEqual(delays, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  socket().receive(hello(1));
  socket().end(1006);
  assert.equal(timers.at(-1).delay, 500);
});

test("too slow: comes back at once for what it missed; but not in a circle", () => {
  const { live, socket, timers, fire } = setUp();
  live.start();
  socket().receive(hello(3));
  socket().end(4008);
  assert.equal(timers.at(-1).delay, 0);
  fire();
  assert.match(socket().url, /since=s1%3A3$/);
  socket().end(4008);
  assert.equal(timers.at(-1).delay, 1000);
});

test("signed out: says so and stays closed; the next start begins without a past", () => {
  const { live, sockets, socket, waiting } = setUp();
  let signedOut = 0;
  live.addEventListener("signed-out", () => signedOut++);
  live.start();
  socket().receive(hello(3));
  socket().end(4001);
  assert.equal(signedOut, 1);
  assert.deepEqual(waiting(), []);
  assert.equal(sockets.length, 1);
  live.start();
  assert.equal(socket().url, "ws://drive/ws");
});

test("waking tries at once instead of waiting; stopping ends it", () => {
  const { live, sockets, socket, waiting, packets } = setUp();
  live.start();
  socket().end(1006);
  live.wake();
  assert.equal(sockets.length, 2);
  assert.deepEqual(waiting().map(({ delay }) => delay), [SILENCE_MS]);
  live.wake(); // already trying
  assert.equal(sockets.length, 2);
  live.stop();
  assert.ok(socket().isClosed);
  socket().receive(hello(3)); // a late word of a closed socket
  socket().end(1006);
  assert.deepEqual(waiting(), [], "no reconnection after stop");
  assert.deepEqual(packets, [], "what a closed socket still says is not heard");
  live.wake();
  assert.equal(sockets.length, 2);
});

test("what is no JSON is not followed", () => {
  const { live, socket, packets } = setUp();
  live.start();
  socket().dispatchEvent(Object.assign(new Event("message"), { data: "<html>" }));
  assert.deepEqual(packets, []);
});

test("a line that says nothing is asked; without an answer it is gone, and the stream goes on over another", () => {
  const { live, socket, sockets, waiting, fire, packets, states } = setUp();
  live.start();
  socket().receive(hello(3));
  fire();
  assert.deepEqual(socket().sent, ["ping"]);
  assert.equal(waiting().at(-1).delay, ANSWER_MS);
  socket().receive({ type: "pong", data: {} });
  assert.equal(waiting().at(-1).delay, SILENCE_MS);
  assert.deepEqual(packets, ["hello"], "an answer is nobody else's business");
  fire();
  fire();
  assert.ok(sockets[0].isClosed);
  assert.equal(states.at(-1), "offline");
  fire();
  assert.match(socket().url, /since=s1%3A3$/);
  fire(); // no greeting either
  assert.deepEqual(states.slice(-2), ["connecting", "offline"]);
});

test("what the browser knows to be gone is not waited for", () => {
  const { live, socket, sockets, states } = setUp();
  live.lost();
  live.start();
  socket().receive(hello(3));
  live.lost();
  assert.ok(sockets[0].isClosed);
  live.lost();
  live.wake();
  assert.deepEqual(states, ["connecting", "online", "offline", "connecting"]);
});
