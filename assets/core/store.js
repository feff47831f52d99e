// What the page knows, in one place: the only mutable state that elements read. Whoever changes it calls a method
// here; whoever shows it listens for the topic.
//
// Topics: "account", "quota", "connection", "uploads" (a row came or went), "upload" (one row changed, `key` says
// which), "unread", "notice" (the last notification that came), "tasks", "task", "files" (the stored files changed; lists
// should look again; `key` says which one went, if one did), "links" (those that were given out changed).

export class StoreEvent extends Event {
  /** @param {string} topic @param {string} [key] */
  constructor(topic, key) {
    super(topic);
    this.key = key;
  }
}

/** Task states that still can change by themselves or by a verb. */
export const OPEN_STATUSES = Object.freeze(["Pending", "InProgress", "Paused"]);

export class Store extends EventTarget {
  /** @type {object | null | undefined} undefined until known, null when signed out */
  account = undefined;
  /** @type {{used: number, reserved: number, limit: number | null} | null} */
  quota = null;
  /** @type {"connecting" | "online" | "offline"} */
  connection = "connecting";
  /** Notifications that were not read. */
  unread = 0;
  /** @type {object | null} */
  notice = null;
  /** Upload rows in the order they came. @type {Map<string, import("./upload-view.js").UploadView>} */
  uploads = new Map();
  /** @type {Map<string, object>} */
  tasks = new Map();

  #emit(topic, key) {
    this.dispatchEvent(new StoreEvent(topic, key));
  }

  /** @param {"account" | "quota" | "connection" | "unread" | "notice"} topic */
  set(topic, value) {
    if (this[topic] === value) return;
    this[topic] = value;
    this.#emit(topic);
  }

  putUpload(view) {
    const known = this.uploads.has(view.key);
    this.uploads.set(view.key, view);
    this.#emit(known ? "upload" : "uploads", view.key);
  }

  /** Many at once: a folder of ten thousand is one change. */
  putUploads(views) {
    for (const view of views) this.uploads.set(view.key, view);
    if (views.length > 0) this.#emit("uploads", views.length === 1 ? views[0].key : undefined);
  }

  removeUpload(key) {
    if (this.uploads.delete(key)) this.#emit("uploads", key);
  }

  /** @param {string[]} keys */
  removeUploads(keys) {
    for (const key of keys) this.uploads.delete(key);
    if (keys.length > 0) this.#emit("uploads");
  }

  /**
   * Merges, because events carry only some of a task's fields. What is late never undoes what is newer; an end is undone
   * only by what is known to be newer, such as another try.
   */
  putTask(task) {
    const known = this.tasks.get(task.taskId);
    if (known?.rev > task.rev) return;
    const settled = known && !OPEN_STATUSES.includes(known.status);
    if (settled && OPEN_STATUSES.includes(task.status) && !(task.rev > known.rev)) return;
    this.tasks.set(task.taskId, merged(known, task));
    this.#emit(known ? "task" : "tasks", task.taskId);
  }

  /** The same for many: one change. */
  putTasks(tasks) {
    for (const task of tasks) {
      const known = this.tasks.get(task.taskId);
      if (!(known?.rev > task.rev)) this.tasks.set(task.taskId, merged(known, task));
    }
    this.#emit("tasks");
  }

  /** Something happened to a task that is not known here; lists should look again. */
  tasksChanged() {
    this.#emit("tasks");
  }

  /** @param {string} [gone] the one that went */
  filesChanged(gone) {
    this.#emit("files", gone);
  }

  linksChanged() {
    this.#emit("links");
  }

  /** Another account may come: nothing of the last one's stays. Uploads leave with those who drive or watch them. */
  forgetAccount() {
    this.tasks = new Map();
    this.quota = null;
    this.notice = null;
    this.set("unread", 0);
    this.#emit("tasks");
    this.#emit("quota");
  }
}

/** Why a verb was refused is over once the task has moved. */
function merged(known, task) {
  const hasMoved = task.rev > known?.rev || (task.status !== undefined && task.status !== known?.status);
  return { ...known, ...(known?.problem && hasMoved && { problem: null }), ...task };
}
