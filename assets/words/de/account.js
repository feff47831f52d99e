// Das Menü des Kontos: wer angemeldet ist, Speicherplatz, Darstellung; und die Zeile, dass die Verbindung fehlt.

export default {
  menu: "Konto von {name}",
  admin: "Administrator",
  user: "Benutzer",
  guest: "Gast",
  signOut: "Abmelden",
  stillSending: { one: "{n} Datei wird noch gesendet", other: "{n} Dateien werden noch gesendet" },
  stillSendingText: "Sie warten, bis Sie sich hier wieder anmelden; manche müssen dann noch einmal ausgewählt werden.",
  stillSignedIn: "Sie sind noch angemeldet. {reason}",
  appearance: "Darstellung",
  system: "System",
  light: "Hell",
  dark: "Dunkel",
  space: "Belegter Platz",
  usedOf: "{used} von {limit}",
  used: "{used} belegt",
  reconnecting: "Verbindung wird wiederhergestellt… Was Sie sehen, kann etwas älter sein.",
};
