// Who is signed in, and what starts and stops with it: the live connection, the uploads, what the store holds.

export class Session {
  #api;
  #store;
  #live;
  #uploader;
  #observed;
  #memory;

  /**
   * @param {{api: object, store: import("./store.js").Store, live: import("./live.js").Live,
   *          uploader: import("./uploader.js").Uploader, observed: object, memory: object}} means
   */
  constructor({ api, store, live, uploader, observed, memory }) {
    this.#api = api;
    this.#store = store;
    this.#live = live;
    this.#uploader = uploader;
    this.#observed = observed;
    this.#memory = memory;
  }

  /** Asks the server who this is. The store's account is null afterwards when nobody is; rejects without connection. */
  async start() {
    try {
      this.#enter(await this.#api.account());
    } catch (error) {
      if (error.status !== 401) throw error;
      this.#store.set("account", null);
    }
  }

  /** @param {string} [code] of the second factor */
  async signIn(name, password, code) {
    const { account } = await this.#api.signIn(name, password, code);
    this.#enter(account ?? (await this.#api.account()));
  }

  /** @returns {Promise<string | null>} what signing in elsewhere is called; null where that is not possible */
  async provider() {
    const { enabled, label } = await this.#api.provider();
    return enabled ? label : null;
  }

  async setUp(code, name, password) {
    const { account } = await this.#api.setUp(code, name, password);
    this.#enter(account ?? (await this.#api.account()));
  }

  async signOut() {
    await this.#api.signOut();
    this.#uploader.clear();
    this.ended();
  }

  /** The session is over, by our doing or not. Uploads stay in line and go on after signing in again. */
  ended() {
    if (this.#store.account === null) return;
    this.#live.stop();
    this.#uploader.setAccount(null);
    this.#observed.clear();
    this.#store.set("account", null);
  }

  /** Looks at everything again: after signing in, and when the stream's history is gone. */
  async refresh() {
    const { account } = this.#store;
    const quota = this.#api.quota().then((found) => this.#store.set("quota", found));
    const [uploads, memos] = await Promise.all([this.#api.openUploads(), this.#memory.all(account.id), quota]);
    const known = new Map(memos.map((memo) => [memo.taskId, memo]));
    const isDriven = (taskId) => this.#uploader.drives(taskId);
    this.#observed.seed(uploads, (taskId) => known.has(taskId), isDriven);
    const open = new Set(uploads.map(({ taskId }) => taskId));
    const ended = memos.filter(({ taskId }) => !open.has(taskId) && !isDriven(taskId));
    await Promise.all(ended.map(({ taskId }) => this.#memory.remove(taskId)));
    await this.#openHandles(known);
  }

  /**
   * Opens a remembered file again, asking the person for leave where the browser wants that.
   * @param {string} key of an upload that needs its file
   * @returns {Promise<boolean>} false when there is nothing to open
   */
  async reopen(key) {
    const view = this.#store.uploads.get(key);
    const memos = await this.#memory.all(this.#store.account.id);
    const handle = memos.find(({ taskId }) => taskId === view.taskId)?.handle;
    if (!handle || (await handle.requestPermission({ mode: "read" })) !== "granted") return false;
    const file = await handle.getFile().catch(() => null);
    return file !== null && this.#uploader.adopt(key, file);
  }

  async loadTasks() {
    const { items } = await this.#api.tasks({ limit: 200 });
    this.#store.replaceTasks(items);
  }

  /** @param {"pause" | "resume" | "cancel" | "retry"} verb @param {string} taskId */
  async changeTask(verb, taskId) {
    try {
      const task = await this.#api[`${verb}Task`](taskId);
      this.#store.putTask({ ...task, problem: null });
    } catch (error) {
      this.#store.putTask({ taskId, problem: error.message });
    }
  }

  /** Still the same person? Asked when the live connection fails, for a refused handshake says no reason. */
  async check() {
    await this.#api.account().catch(() => {}); // a 401 comes back through `ended`
  }

  #enter(account) {
    this.#store.forgetAccount();
    this.#uploader.setAccount(account.id);
    this.#store.set("account", account);
    this.#live.start();
    this.refresh().catch(() => {}); // what it would show comes again with the next event or visit
  }

  /** Where the browser still lets us read a file, its upload goes on without a question. */
  async #openHandles(memos) {
    for (const view of [...this.#store.uploads.values()]) {
      const handle = memos.get(view.taskId)?.handle;
      if (!handle || view.state !== "needs-file") continue;
      if ((await handle.queryPermission({ mode: "read" })) !== "granted") continue;
      const file = await handle.getFile().catch(() => null);
      if (file) await this.#uploader.adopt(view.key, file);
    }
  }
}
