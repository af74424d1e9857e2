// The sidebar's counts where only the server can tell: before every client has spoken, of narrowed lists and of saved
// views. Each change of a conversation reaches every browser, so each asks seldom, and not all at the same moment.
import { refreshRegion } from "../live/regions.js";

/** Between two questions of one browser (ms), and within what the first one is spread. */
const PAUSE = 10_000;
const SPREAD = 1_000;
let timer = 0;
let askedAt = -PAUSE;

/** Ask for the sidebar again, soon; more often than once in `PAUSE` it is not asked. */
export function recountViews() {
  timer ||= setTimeout(ask, Math.max(0, askedAt + PAUSE - performance.now()) + SPREAD * Math.random());
}

async function ask() {
  timer = 0;
  askedAt = performance.now();
  await refreshRegion(document.getElementById("inbox-views"));
  countList();
}

/** The list's own count follows its view's, or is told with the sidebar where it is narrowed. */
function countList() {
  const shown = document.getElementById("list-count");
  if (!shown) return;
  const view = shown.dataset.liveCount;
  const fresh = view
    ? document.querySelector(`#inbox-views [data-live-count="${view}"]`)?.textContent
    : document.getElementById("inbox-views")?.dataset.listCount;
  if (fresh !== undefined) shown.textContent = fresh;
}
