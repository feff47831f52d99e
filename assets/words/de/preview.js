// Eine Datei ansehen, hier und hinter einem Link.

export default {
  previous: "Vorige",
  next: "Nächste",
  download: "Herunterladen",
  place: "{at} von {all}",
  cannot: "Diese Datei lässt sich hier nicht zeigen. Laden Sie sie herunter, um sie zu öffnen.",
};
