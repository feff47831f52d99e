// Notifications.

export default {
  title: "Notifications",
  readAll: "Mark all as read",
  read: "Mark as read",
  readOf: "Mark as read: {title}",
  remove: "Remove",
  removeOf: "Remove: {title}",
  isUnread: "Unread",
  none: "Nothing new",
  noneText: "Drive tells you here when a task fails, and when a long one is done.",
  settings: "Choose what you are told",
  "event-task.failed": "A task failed",
  "event-task.completed": "A task is done",
  "event-file.shared": "A file was shared",
  "event-webhook.disabled": "A webhook was switched off",
  "event-test": "Test",
  "event-usage": "Usage",
};
