// Benachrichtigungen.

export default {
  title: "Benachrichtigungen",
  readAll: "Alle als gelesen markieren",
  read: "Als gelesen markieren",
  readOf: "Als gelesen markieren: {title}",
  remove: "Entfernen",
  removeOf: "Entfernen: {title}",
  isUnread: "Ungelesen",
  none: "Nichts Neues",
  noneText: "Hier erfahren Sie, wenn eine Aufgabe fehlschlägt oder eine lange fertig ist.",
  settings: "Auswählen, was gemeldet wird",
  "event-task.failed": "Eine Aufgabe ist fehlgeschlagen",
  "event-task.completed": "Eine Aufgabe ist fertig",
  "event-file.shared": "Eine Datei wurde geteilt",
  "event-webhook.disabled": "Ein Webhook wurde abgeschaltet",
  "event-test": "Test",
  "event-usage": "Verbrauch",
};
