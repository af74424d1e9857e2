// The connection chip says what is true: "live", "catching up (12)", "offline, showing 14:02".
import { clock } from "../times.js";

const SETTLES = 1_200;
const OLD = 60_000;
let settle = 0;
let latest = null;

/** Show a state; "off" right after loading waits a moment, so that a page does not flash on its way to "live". */
export function showState(state) {
  latest = state;
  clearTimeout(settle);
  if (state.state === "off" && !state.isOver && performance.now() < SETTLES) {
    settle = setTimeout(() => draw(latest), SETTLES);
  } else draw(state);
}

function draw({ state, behind, shownAt, isOver }) {
  const chip = document.getElementById("connection-chip");
  const time = clock(shownAt);
  const labels = {
    live: "live",
    behind: `catching up (${behind})`,
    off: `offline, showing ${time}`,
  };
  document.documentElement.dataset.connection = state;
  markCounts(state === "off" && Date.now() - shownAt > OLD ? time : "");
  if (!chip) return;
  chip.dataset.state = state;
  const label = chip.querySelector("[data-conn-label]") ?? chip;
  if (label.textContent !== labels[state]) label.textContent = labels[state];
  chip.title = titleOf(state, isOver);
}

function titleOf(state, isOver) {
  if (isOver) return "You are signed out, or no longer a member here. Reload the page.";
  if (state === "off") return "Nothing is pushed to this page at the moment. It asks every 5 seconds instead.";
  return state === "live" ? "Changes appear as they happen." : "Fetching what happened meanwhile.";
}

/** Counts that are older than a minute print their time (data-as-of). */
function markCounts(time) {
  for (const count of document.querySelectorAll("[data-live-count]")) {
    if (time) count.dataset.asOf = time;
    else delete count.dataset.asOf;
  }
}

setInterval(() => latest?.state === "off" && draw(latest), OLD / 4);
