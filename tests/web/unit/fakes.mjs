// A server in memory with the behaviour of the real upload routes, and what an Uploader needs around it.

import "./english.mjs";

import { createHash } from "node:crypto";
import { Problem } from "../../../assets/core/api.js";
import { MemoryInPage } from "../../../assets/core/resume.js";
import { Store } from "../../../assets/core/store.js";
import { Uploader } from "../../../assets/core/uploader.js";

export const problem = (status, code, details = {}, retryAfter = null) =>
  new Problem({ status, code, message: `${code} happened`, details, retryAfter });

export class FakeServer {
  chunkSize = 10;
  /** @type {Map<string, object>} */
  tasks = new Map();
  /** Names of calls in order; chunks as "chunk task index". */
  calls = [];
  /** Chunks under way at once, and the most there ever were. */
  underWay = 0;
  most = 0;
  /** Called before each call; may throw or wait. @type {(call: string) => void | Promise<void>} */
  before = () => {};
  /** Called with each chunk before it is stored; may throw or wait. */
  onChunk = () => {};

  transport() {
    const call =
      (name, run) =>
      async (...args) => {
        this.calls.push(`${name} ${typeof args[0] === "object" ? args[0].fileName : args[0]}`);
        await this.before(name, ...args);
        return run(...args);
      };
    return {
      createUpload: call("create", (body) => this.#create(body)),
      uploadState: call("state", (id) => this.#view(this.#task(id))),
      uploadProgress: call("progress", (id) => this.#view(this.#task(id))),
      completeUpload: call("complete", (id, { hash } = {}) => this.#complete(this.#task(id), hash)),
      pauseTask: call("pause", (id) => void (this.#task(id).status = "Paused")),
      resumeTask: call("resume", (id) => void (this.#task(id).status = "InProgress")),
      uploadBlocks: call("blocks", (id) => this.#blocks(this.#task(id))),
      file: call("look", (id) => this.files.get(id) ?? Promise.reject(problem(404, "NOT_FOUND"))),
      change: call("change", (id, fields) => void this.changes.push([id, fields])),
      trashFile: call("trash", () => {}),
      cancelUpload: call("cancel", (id) => void (this.#task(id).status = "Cancelled")),
      sendChunk: (...args) => this.#chunk(...args),
      sendFile: (...args) => this.#whole(...args),
      account: call("account", () => ({})),
    };
  }

  chunksOf(taskId) {
    return this.calls.filter((call) => call.startsWith(`chunk ${taskId} `)).map((call) => Number(call.split(" ")[2]));
  }

  #task(id) {
    const task = this.tasks.get(id);
    if (!task) throw problem(404, "TASK_NOT_FOUND");
    return task;
  }

  #create(body) {
    const open = ["InProgress", "Paused"];
    let task = [...this.tasks.values()].find(
      (one) => one.fingerprint === body.fingerprint && open.includes(one.status),
    );
    if (!task) {
      const taskId = `task${this.tasks.size + 1}`;
      task = { ...body, taskId, status: "InProgress", chunks: new Map() };
      this.tasks.set(taskId, task);
    }
    return this.#view(task);
  }

  #view(task) {
    const chunksCount = Math.ceil(task.fileSize / this.chunkSize);
    const uploadedChunks = [...task.chunks.keys()].sort((a, b) => a - b);
    const { taskId, status, fileSize, fileName } = task;
    return { taskId, status, fileSize, fileName, chunkSize: this.chunkSize, chunksCount, uploadedChunks };
  }

  async #chunk(taskId, index, blob, { signal, onProgress }) {
    this.calls.push(`chunk ${taskId} ${index}`);
    this.most = Math.max(this.most, ++this.underWay);
    try {
      const bytes = Buffer.from(await blob.arrayBuffer());
      await this.before("chunk", taskId, index);
      signal.throwIfAborted();
      onProgress(Math.floor(bytes.length / 2));
      await this.onChunk(index, signal);
      signal.throwIfAborted();
      const task = this.#task(taskId);
      if (task.status === "Paused") throw problem(409, "TASK_PAUSED");
      if (task.chunks.has(index)) throw problem(409, "CHUNK_ALREADY_UPLOADED");
      task.chunks.set(index, bytes);
      onProgress(bytes.length);
      return {};
    } finally {
      this.underWay--;
    }
  }

  /** Stored files that are asked for by id, and what was changed of any. @type {Map<string, object>} */
  files = new Map();
  changes = [];

  /** As the real server: the ends of what has arrived. */
  #blocks({ chunks }) {
    const block = ([index, bytes]) => ({ offset: index * this.chunkSize, length: bytes.length, hash: `sha256:${createHash("sha256").update(bytes).digest("hex")}` });
    return [...chunks].map(block);
  }

  /** Files that came in one request, by their key; the real server keeps those for a day. @type {Map<string, object>} */
  whole = new Map();

  async #whole(wish, blob, { key, signal, onProgress }) {
    this.calls.push(`file ${wish.fileName}`);
    const unread = () => Promise.reject(problem(0, "NETWORK")); // as a browser tells it
    const bytes = Buffer.from(await blob.arrayBuffer().catch(unread));
    await this.before("file", wish);
    signal.throwIfAborted();
    onProgress(bytes.length);
    const actual = createHash("sha256").update(bytes).digest("hex");
    if (wish.hash && wish.hash !== actual) throw problem(422, "HASH_MISMATCH", { declared: wish.hash, actual });
    if (!this.whole.has(key)) this.whole.set(key, { ...wish, bytes, id: `whole ${this.whole.size + 1}`, hash: `sha256:${actual}` });
    await this.onChunk(0, signal);
    signal.throwIfAborted();
    return this.whole.get(key);
  }

  /** Whether the hash a client gives at completion is looked at, as the real server does. */
  checksHash = true;

  #complete(task, hash) {
    const { chunksCount } = this.#view(task);
    const missingChunks = Array.from({ length: chunksCount }, (_, i) => i).filter((i) => !task.chunks.has(i));
    if (missingChunks.length > 0) throw problem(409, "CHUNKS_MISSING", { missingChunks });
    const bytes = Buffer.concat(Array.from({ length: chunksCount }, (_, i) => task.chunks.get(i)));
    const actual = createHash("sha256").update(bytes).digest("hex");
    if (this.checksHash && hash && hash !== actual) {
      task.status = "Failed";
      throw problem(422, "HASH_MISMATCH", { declared: hash, actual });
    }
    Object.assign(task, { status: "Completed", bytes });
    return { id: `file of ${task.taskId}`, hash: `sha256:${actual}` };
  }
}

/** Everything around an uploader, with waits that pass at once and are written down. */
export function setUp(server = new FakeServer(), { wholeBytes = -1 } = {}) {
  const store = new Store();
  const waits = [];
  const memory = new MemoryInPage();
  const taken = [];
  const hasher = {
    hash: async (blob) =>
      createHash("sha256")
        .update(Buffer.from(await blob.arrayBuffer()))
        .digest("hex"),
  };
  const uploader = new Uploader({
    store,
    memory,
    hasher,
    wholeBytes,
    transport: server.transport(),
    random: () => 0,
    now: () => performance.now(),
    sleep: async (ms, signal) => {
      waits.push(ms);
      await new Promise((resolve) => setImmediate(resolve));
      signal.throwIfAborted();
    },
    takesOver: (taskId, key) => taken.push([taskId, key]),
  });
  uploader.setAccount("anna");
  const states = [];
  for (const topic of ["uploads", "upload"]) {
    store.addEventListener(topic, ({ key }) => {
      const state = store.uploads.get(key)?.state;
      if (state && states.at(-1) !== state) states.push(state);
    });
  }
  return { server, store, uploader, memory, hasher, waits, states, taken };
}

export const file = (name, text, lastModified = 1000) => new File([text], name, { lastModified });

/** The first row, or the one of a name. */
export const rowOf = (store, name) => [...store.uploads.values()].find((view) => !name || view.name === name);

/** Waits for a state of the store instead of for time. */
export function until(store, condition) {
  return new Promise((resolve, reject) => {
    const topics = ["uploads", "upload"];
    const timer = setTimeout(() => done(reject, new Error(`never happened: ${condition}`)), 5000);
    const done = (settle, value) => {
      clearTimeout(timer);
      for (const topic of topics) store.removeEventListener(topic, look);
      settle(value);
    };
    const look = () => condition() && done(resolve);
    for (const topic of topics) store.addEventListener(topic, look);
    look();
  });
}

/** A promise and its key. */
export function gate() {
  let open;
  const passed = new Promise((resolve) => (open = resolve));
  return { open, passed };
}
