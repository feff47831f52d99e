// Signing in, and the first account.

export default {
  signInTitle: "Sign in to Drive",
  signIn: "Sign in",
  signingIn: "Signing in…",
  setUpTitle: "Welcome to Drive",
  setUpText: "Choose a name and a password for the first account. It can manage everything.",
  setUp: "Create account",
  settingUp: "Creating…",
  name: "Name",
  password: "Password",
  show: "Show",
  hide: "Hide",
  code: "Code",
  codeHelp: "Of your authenticator app, or one of your recovery codes.",
  elsewhere: "Sign in with {provider}",
  UNREACHABLE: "The sign-in provider does not answer at the moment. Try again later, or use your password.",
  FORBIDDEN: "You have no account here that may sign in. Ask an administrator.",
  refused: "Signing in there did not work. Try it again.",
};
