// Carries live events into the store: tasks by their status, uploads to whoever shows them, files, folders, links, quota
// and notifications as told.

/** The status a life-cycle event stands for; `task.progress` brings its own. */
const STATUS = Object.freeze({
  "task.created": "Pending",
  "task.started": "InProgress",
  "task.resumed": "InProgress",
  "task.paused": "Paused",
  "task.completed": "Completed",
  "task.failed": "Failed",
  "task.cancelled": "Cancelled",
  "task.expired": "Expired",
});

/**
 * @param {{type: string, data: any}} packet
 * @param {{store: import("./store.js").Store, uploader: object, observed: object, onReset: () => void}} means
 */
export function applyPacket({ type, data }, { store, uploader, observed, onReset }) {
  if (type.startsWith("task.") || type.startsWith("upload.")) {
    if (!uploader.handleEvent(type, data)) observed.handleEvent(type, data);
  }
  if (type.startsWith("task.")) return applyTask(type, data, store);
  if (type === "file.deleted") return store.filesChanged(data.fileId);
  // The files of a link that is no more look different too.
  if (/^(file|folder)\.|^bundle\.deleted$/.test(type)) return store.filesChanged();
  if (type.startsWith("bundle.")) return store.linksChanged();
  switch (type) {
    case "quota.changed":
      return store.set("quota", { ...store.quota, ...data });
    case "notification":
      store.set("unread", data.unread);
      return store.set("notice", data);
    case "sync.snapshot":
      return data.tasks.forEach((task) => store.putTask(task));
    case "sync.reset":
      return onReset();
  }
}

function applyTask(type, data, store) {
  const known = store.tasks.get(data.taskId);
  // A life-cycle event of an old task names it only; the list will load it when it is looked at.
  if (!known && type !== "task.created" && type !== "task.progress") return store.tasksChanged();
  const status = data.status ?? STATUS[type];
  const task = { ...data, status };
  if (type === "task.created" && known) delete task.status;
  if (status === "Completed") task.progress = 100;
  store.putTask(task);
}
