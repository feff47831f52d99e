// Eine Datei ansehen.

export default {
  previous: "Vorherige",
  next: "Nächste",
  download: "Herunterladen",
  place: "{at} von {all}",
  sorry: "Diese Datei lässt sich hier nicht zeigen.",
};
