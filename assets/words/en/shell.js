// The frame around all places.

export default {
  files: "Files",
  recent: "Recent",
  shares: "Links",
  trash: "Trash",
  tasks: "Tasks",
  usage: "Usage",
  settings: "Settings",
  admin: "Administration",
  more: "More",
  places: "Places",
  youAreHere: "You are here",
  upload: "Upload files",
  running: { one: "{n} running", other: "{n} running" },
  skip: "Skip to the list",
  unreachable: "Drive cannot be reached",
  notifications: "Notifications",
  unread: { one: "Notifications: {n} unread", other: "Notifications: {n} unread" },
  failed: "This place could not be opened",
};
