// The account's menu: who is signed in, space, appearance; and the line that says that the connection is gone.

export default {
  menu: "Account of {name}",
  admin: "Administrator",
  user: "User",
  guest: "Guest",
  signOut: "Sign out",
  stillSending: { one: "{n} file is still being sent", other: "{n} files are still being sent" },
  stillSendingText: "They wait until you sign in again here; some may then have to be chosen once more.",
  stillSignedIn: "You are still signed in. {reason}",
  appearance: "Appearance",
  system: "System",
  light: "Light",
  dark: "Dark",
  space: "Space used",
  usedOf: "{used} of {limit}",
  used: "{used} used",
  reconnecting: "Reconnecting… What you see may be a moment old.",
};
