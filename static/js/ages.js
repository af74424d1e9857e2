// Keeps "8 min" and the clocks of promised answers true while a page stays open. An age of more than an hour no
// longer counts minutes and is left alone.
const NBSP = "\u00a0";

export function refreshAges(now = Date.now()) {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const minutes = Math.floor((now - Date.parse(time.dateTime)) / 60000);
    if (minutes < 0 || minutes >= 60) continue;
    const text = minutes < 1 ? "now" : `${minutes}${NBSP}min`;
    if (time.textContent !== text) time.textContent = text;
  }
  for (const time of document.querySelectorAll("time[data-day]")) refreshDay(time, now);
  for (const time of document.querySelectorAll("time[data-due]")) refreshClock(time, Date.parse(time.dateTime) - now);
}

// Days are the server's: UTC, as all times of a page are. As project.theme.formats.day_name writes them.
function refreshDay(time, now) {
  const day = Date.parse(`${time.dateTime}T00:00:00Z`);
  const passed = Math.floor((now - day) / 86400000);
  const parts = { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" };
  const [weekday, rest] = new Intl.DateTimeFormat("en-GB", parts).format(day).split(", ");
  const text = passed === 0 ? "Today" : passed === 1 ? "Yesterday" : passed === 2 ? `${weekday} ${rest}` : "";
  if (text && time.textContent !== text) time.textContent = text;
}

// As project.theme.formats.sla writes it.
function refreshClock(time, left) {
  const seconds = Math.floor(Math.abs(left) / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes >= 24 * 60) return;
  const rest = minutes % 60;
  let text = minutes < 1 ? `${seconds}${NBSP}s` : `${minutes}${NBSP}min`;
  if (minutes >= 60) text = `${Math.floor(minutes / 60)}${NBSP}h${rest ? NBSP + String(rest).padStart(2, "0") : ""}`;
  const label = time.querySelector("span");
  const shown = left < 0 ? `${text} late` : text;
  if (label && label.textContent !== shown) label.textContent = shown;
  time.classList.toggle("late", left < 0);
  time.classList.toggle("soon", left >= 0 && left < 600000);
}

setInterval(() => document.hidden || refreshAges(), 20000);
document.addEventListener("visibilitychange", () => document.hidden || refreshAges());
