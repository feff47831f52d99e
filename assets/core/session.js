// Who is signed in, and what starts and stops with it: the live connection, the uploads, what the store holds.

export class Session {
  #api;
  #store;
  #live;
  #sending;
  #calm;
  /** Milliseconds that the server's clock is ahead. */
  #ahead = 0;
  #channel;
  #start;
  #looking = Promise.resolve();
  /** Whether this page goes on by itself with files that it can open. */
  leads = false;

  /**
   * @param {{api: object, store: import("./store.js").Store, live: import("./live.js").Live,
   *          sending: import("./later.js").Later<{uploader: import("./uploader.js").Uploader, observed: object,
   *            memory: object, holds: import("./leader.js").Holds, left: import("./left-behind.js").LeftBehind}>, calm?: Promise<void>,
   *          channel?: BroadcastChannel, start?: () => void}} means `calm`: when there is time to look after uploads;
   *   `channel`: between the pages of this browser, who share their session; `start`: begin anew
   */
  constructor({ api, store, live, sending, calm = Promise.resolve(), channel, start = () => {} }) {
    this.#api = api;
    this.#store = store;
    this.#live = live;
    this.#sending = sending;
    this.#calm = calm;
    this.#channel = channel;
    this.#start = start;
    channel?.addEventListener("message", ({ data }) => this.follow(data.accountId));
  }

  /** The live connection's first word. @param {{accountId: string, serverTime: string}} hello @returns {boolean} whether it is ours */
  greet({ accountId, serverTime }) {
    this.#ahead = Date.parse(serverTime) - Date.now();
    return !this.follow(accountId);
  }

  /** Shows whom this browser speaks for. @param {string} accountId @returns {boolean} whether that is another than the one shown */
  follow(accountId) {
    const { account } = this.#store;
    if (account === undefined || account?.id === accountId) return false;
    this.ended();
    this.#start();
    return true;
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
    this.#sending.now?.uploader.clear();
    this.ended();
  }

  /** The session is over, by our doing or not. Uploads stay in line and go on after signing in again. */
  ended() {
    if (this.#store.account === null) return;
    this.#live.stop();
    this.#sending.now?.uploader.setAccount(null);
    this.#sending.now?.observed.clear();
    this.#store.set("account", null);
  }

  /** Looks at everything again: after signing in, and when the stream's history is gone. */
  async refresh() {
    const { account } = this.#store;
    const quota = this.#api.quota().then((found) => this.#store.set("quota", found));
    await Promise.all([quota, this.#loadOpenTasks(), this.#lookInTurn(account)]);
  }

  /** One look after the other, so that no file is opened twice. */
  #lookInTurn(account) {
    const look = this.#looking.then(() => this.#lookAtUploads(account));
    this.#looking = look.catch(() => {});
    return look;
  }

  async #lookAtUploads(account) {
    await this.#calm;
    const { uploader, observed, memory, holds, left } = await this.#sending.get();
    const [uploads, all] = await Promise.all([this.#api.openUploads(), memory.all(account.id).catch(() => [])]);
    const elsewhere = await holds.others();
    if (this.#store.account?.id !== account.id) return;
    const memos = all.filter(({ folderOf, waiting }) => !folderOf && !waiting);
    const known = new Map(all.map((memo) => [memo.taskId, memo]));
    const isDriven = (taskId) => uploader.drives(taskId);
    const groupOf = (taskId) => {
      const folder = known.get(known.get(taskId)?.group);
      return folder ? { group: folder.taskId, groupName: folder.folderOf.name } : null;
    };
    observed.seed(uploads, { isOurs: (taskId) => known.has(taskId), isHeld: (taskId) => elsewhere.has(taskId), isDriven, groupOf, ahead: this.#ahead });
    const open = new Set(uploads.map(({ taskId }) => taskId));
    const ended = memos.filter(({ taskId }) => !open.has(taskId) && !isDriven(taskId) && !elsewhere.has(taskId));
    await Promise.all(ended.map(({ taskId }) => memory.remove(taskId)));
    left.show(all, elsewhere);
    if (this.leads) await left.openAll(all);
  }

  /** This page goes on with what can be opened; others of this browser watch. */
  lead() {
    this.leads = true;
    this.goOn();
  }

  /** Uploads of this browser were left alone by whoever sent them. */
  goOn() {
    const { account } = this.#store;
    if (this.leads && account) this.#lookInTurn(account).catch(() => {}); // the next event or visit brings it again
  }

  async #loadOpenTasks() {
    const { items } = await this.#api.tasks({ status: "Pending,InProgress,Paused", limit: 500 });
    this.#store.putTasks(items);
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
    this.#sending.now?.uploader.setAccount(account.id);
    this.#store.set("account", account);
    this.#channel?.postMessage({ accountId: account.id });
    this.#live.start();
    this.refresh().catch(() => {}); // what it would show comes again with the next event or visit
  }
}
