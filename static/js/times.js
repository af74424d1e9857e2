// Moments as their viewer reads them: in the zone of the page (data-zone of its body), and true while it stays open.
// What is pushed is the same for every viewer, so each <time data-show="..."> is written anew here. The words are those
// of project/theme/formats.py.
const NBSP = "\u00a0";
const MINUTE = 60_000;
const DAY = 86_400_000;
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const REFRESH_EVERY = 20_000;
let clockFace = null;

/** The zone that the viewer reads times in. */
export function zone() {
  return document.body?.dataset.zone || "UTC";
}

function face() {
  const timeZone = zone();
  if (clockFace?.timeZone !== timeZone) {
    const two = "2-digit";
    const parts = { year: "numeric", month: two, day: two, hour: two, minute: two, second: two };
    clockFace = {
      timeZone,
      wall: new Intl.DateTimeFormat("en-GB", { ...parts, timeZone, hourCycle: "h23" }),
      name: new Intl.DateTimeFormat("en-GB", { timeZone, timeZoneName: "short" }),
    };
  }
  return clockFace;
}

/** What clock and calendar of the zone show at an instant (milliseconds): a Date whose UTC fields are these. */
function wall(instant) {
  const found = Object.fromEntries(face().wall.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  return new Date(Date.UTC(found.year, found.month - 1, found.day, found.hour, found.minute, found.second));
}

/** The instant (milliseconds) at which the zone's clock shows `text`, such as "2026-11-30T09:00". */
export function instantOf(text) {
  const shown = Date.parse(`${text}Z`);
  const guess = shown - (wall(shown) - shown);
  return shown - (wall(guess) - guess);
}

/** The day of an instant in the zone: "2026-11-30". */
export function dateOf(instant) {
  return wall(instant).toISOString().slice(0, 10);
}

/** Hours and minutes in the zone: "14:02". */
export function clock(instant) {
  return wall(instant).toISOString().slice(11, 16);
}

function day(instant, now) {
  const shown = wall(instant);
  const year = shown.getUTCFullYear() === wall(now).getUTCFullYear() ? "" : ` ${shown.getUTCFullYear()}`;
  return `${shown.getUTCDate()} ${MONTHS[shown.getUTCMonth()]}${year}`;
}

function weekday(instant) {
  return WEEKDAYS[wall(instant).getUTCDay()];
}

function daysAgo(instant, now) {
  return Math.round((Date.parse(dateOf(now)) - Date.parse(dateOf(instant))) / DAY);
}

function span(milliseconds) {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${seconds}${NBSP}s`;
  if (minutes < 60) return `${minutes}${NBSP}min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 24) return `${Math.floor(hours / 24)}${NBSP}day${hours < 48 ? "" : "s"}`;
  return `${hours}${NBSP}h${minutes % 60 ? NBSP + String(minutes % 60).padStart(2, "0") : ""}`;
}

const NEAR = { "-1": "Tomorrow", 0: "Today", 1: "Yesterday" };
const SHOWN = {
  age(instant, now) {
    const passed = now - instant;
    if (passed >= 0 && passed < MINUTE) return "now";
    if (passed >= 0 && passed < 180 * MINUTE) return span(passed);
    return daysAgo(instant, now) === 0 ? clock(instant) : day(instant, now);
  },
  clock,
  day,
  day_clock: (instant, now) => (daysAgo(instant, now) === 0 ? clock(instant) : `${day(instant, now)} ${clock(instant)}`),
  stamp(instant, now) {
    const near = NEAR[daysAgo(instant, now)];
    return near ? `${near} ${clock(instant)}` : `${weekday(instant)} ${day(instant, now)}, ${clock(instant)}`;
  },
};

function absolute(instant) {
  const shown = wall(instant);
  const name = face().name.formatToParts(instant).find(({ type }) => type === "timeZoneName").value;
  const date = `${shown.getUTCDate()} ${MONTHS[shown.getUTCMonth()]} ${shown.getUTCFullYear()}`;
  return `${weekday(instant)} ${date}, ${shown.toISOString().slice(11, 19)} ${name}`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Write every moment inside `root` as its viewer reads it. */
export function showTimes(root = document, now = Date.now()) {
  for (const time of root.querySelectorAll("time[data-show]")) {
    const instant = Date.parse(time.dateTime);
    write(time, SHOWN[time.dataset.show](instant, now));
    time.title = absolute(instant);
  }
  for (const time of root.querySelectorAll("time[data-day]")) refreshDay(time, now);
  for (const time of root.querySelectorAll("time[data-due]")) refreshClock(time, Date.parse(time.dateTime), now);
}

/** The words for a day, such as "2026-11-30", above what happened on it. */
export function dayName(date, now = Date.now()) {
  const shown = new Date(`${date}T00:00:00Z`);
  const passed = Math.round((Date.parse(dateOf(now)) - shown) / DAY);
  if (passed === 0 || passed === 1) return NEAR[passed];
  const year = date.slice(0, 4) === dateOf(now).slice(0, 4) ? "" : ` ${date.slice(0, 4)}`;
  return `${WEEKDAYS[shown.getUTCDay()]} ${shown.getUTCDate()} ${MONTHS[shown.getUTCMonth()]}${year}`;
}

function refreshDay(time, now) {
  write(time, dayName(time.dateTime, now));
}

// As project.theme.formats.sla writes it.
function refreshClock(time, due, now) {
  const left = due - now;
  const label = time.querySelector("span");
  if (label) write(label, left < 0 ? `${span(left)} late` : span(left));
  time.title = `Due ${absolute(due)}`;
  time.classList.toggle("late", left < 0);
  time.classList.toggle("soon", left >= 0 && left < 10 * MINUTE);
}

const refresh = () => document.hidden || showTimes();
setInterval(refresh, REFRESH_EVERY);
document.addEventListener("visibilitychange", refresh);
