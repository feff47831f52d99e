// Der Rahmen um alle Orte.

export default {
  files: "Dateien",
  recent: "Zuletzt",
  shares: "Links",
  trash: "Papierkorb",
  tasks: "Aufgaben",
  usage: "Verbrauch",
  settings: "Einstellungen",
  admin: "Verwaltung",
  more: "Mehr",
  places: "Orte",
  youAreHere: "Sie sind hier",
  upload: "Dateien hochladen",
  running: { one: "{n} läuft", other: "{n} laufen" },
  skip: "Zur Liste springen",
  unreachable: "Drive ist nicht erreichbar",
  notifications: "Benachrichtigungen",
  unread: { one: "Benachrichtigungen: {n} ungelesen", other: "Benachrichtigungen: {n} ungelesen" },
  failed: "Dieser Ort ließ sich nicht öffnen",
};
