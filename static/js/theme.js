// Light, dark or the system's: the choice is a cookie, so that the server writes it into <html> and nothing flashes.
const root = document.documentElement;
const YEAR = 60 * 60 * 24 * 365;

/** The explicit choice, or "system". */
export function theme() {
  return root.dataset.theme || "system";
}

/** Use "light", "dark" or "system" from now on, in every tab. */
export function setTheme(choice) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  if (choice === "system") {
    delete root.dataset.theme;
    document.cookie = `theme=; Path=/; Max-Age=0; SameSite=Lax${secure}`;
  } else {
    root.dataset.theme = choice;
    document.cookie = `theme=${choice}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
  }
  showChoice();
}

function showChoice() {
  const current = theme();
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    const state = button.getAttribute("role") === "menuitemradio" ? "aria-checked" : "aria-pressed";
    button.setAttribute(state, String(button.dataset.themeChoice === current));
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-theme-choice]");
  if (button) setTheme(button.dataset.themeChoice);
});
showChoice();
