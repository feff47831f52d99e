// Sets the remembered theme before the first paint, so that a dark room is not lit for a moment. A plain script in the
// head because modules run too late for that; elements/theme-choice.js changes the choice.

(() => {
  try {
    const theme = localStorage.getItem("drive-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // storage refused: the system's theme it is
  }
})();
