// Eine Datei ansehen, hier und hinter einem Link.

export default {
  previous: "Vorige",
  next: "Nächste",
  download: "Herunterladen",
  place: "{at} von {all}",
  cannot: "Diese Datei lässt sich hier nicht zeigen. Laden Sie sie herunter, um sie zu öffnen.",
  gone: "Diese Datei gibt es nicht mehr. Sie wurde inzwischen gelöscht oder verschoben.",
  noViewer: "Dieser Browser kann PDFs nicht in einer Seite zeigen. Laden Sie die Datei herunter, um sie mit einer anderen App zu öffnen.",
  tooLarge: "PDFs über {most} werden hier nicht gezeigt. Laden Sie die Datei herunter, um sie zu öffnen.",
  source: "Quelltext",
  done: "Erledigt",
  toDo: "Zu erledigen",
  beginning: "die ersten {size} werden gezeigt",
};
