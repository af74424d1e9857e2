// Keeps "8 min" true while a page stays open. After an hour the text no longer counts minutes and is left alone.
const NBSP = "\u00a0";

export function refreshAges(now = Date.now()) {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const minutes = Math.floor((now - Date.parse(time.dateTime)) / 60000);
    if (minutes < 0 || minutes >= 60) continue;
    const text = minutes < 1 ? "now" : `${minutes}${NBSP}min`;
    if (time.textContent !== text) time.textContent = text;
  }
}

setInterval(() => document.hidden || refreshAges(), 20000);
document.addEventListener("visibilitychange", () => document.hidden || refreshAges());
