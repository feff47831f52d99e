// Anmelden, und das erste Konto.

export default {
  signInTitle: "Bei Drive anmelden",
  signIn: "Anmelden",
  signingIn: "Anmeldung läuft…",
  setUpTitle: "Willkommen bei Drive",
  setUpText: "Wählen Sie Name und Passwort für das erste Konto. Es kann alles verwalten.",
  setUp: "Konto anlegen",
  settingUp: "Wird angelegt…",
  name: "Name",
  password: "Passwort",
  show: "Zeigen",
  hide: "Verbergen",
  code: "Code",
  codeHelp: "Aus Ihrer Authenticator-App, oder einer Ihrer Wiederherstellungscodes.",
  elsewhere: "Anmelden mit {provider}",
  UNREACHABLE: "Der Anmeldedienst antwortet gerade nicht. Versuchen Sie es später, oder nehmen Sie Ihr Passwort.",
  FORBIDDEN: "Sie haben hier kein Konto, das sich anmelden darf. Fragen Sie die Verwaltung.",
  refused: "Die Anmeldung dort hat nicht geklappt. Versuchen Sie es noch einmal.",
};
