// Was Einstellungen, Verwaltung und Verbrauch gleich sagen.

export default {
  noDay: "Das ist kein Tag.",
  done: "Fertig",
  save: "Speichern",
  next: "Weiter",
  show: "Zeigen",
  hide: "Verbergen",
  copy: "Kopieren",
  copied: "Kopiert",
  copyFailed: "Bitte markieren und kopieren",
  more: "Mehr zeigen",
  actions: "Aktionen",
  failed: "Das ließ sich nicht laden",
  it: "Das {rest}",
};
