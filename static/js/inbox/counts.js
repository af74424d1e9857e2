// The counts of the sidebar and of the list. They are told by client, the same to every viewer, and added up here over
// the clients that the viewer sees: a page asks once for all of them, when the first change comes, and each change
// brings those of its client. Only what is counted for nobody else (a list narrowed by hand) is asked for again, seldom.
import { refreshRegion } from "../live/regions.js";

/** Between two questions of one browser (ms), and within what the first one is spread. */
const PAUSE = 10_000;
const SPREAD = 500;
const CAP = 999;
const byClient = new Map();
/** Clients that have spoken since all were asked for; `null`: nobody has asked yet. */
let spoke = null;
let isComplete = false;
let timer = 0;
let askedAt = -PAUSE;

const views = () => document.getElementById("inbox-views");

/** A change brought the counts of its client. */
export function count(data) {
  if (!data?.counts || !views()) return;
  byClient.set(data.client, data.counts);
  spoke?.add(data.client);
  if (isComplete) show();
  else askForAll();
}

/** Something was missed: what is known of the clients may be old. */
export function forget() {
  isComplete = false;
}

async function askForAll() {
  if (spoke) return;
  spoke = new Set();
  await new Promise((done) => setTimeout(done, SPREAD * Math.random()));
  spoke.clear();
  const answer = await fetch(views()?.dataset.countsSrc, { headers: { Accept: "application/json" } }).catch(() => null);
  const found = answer?.ok && !answer.redirected ? (await answer.json()).counts : null;
  if (found) {
    for (const [client, counts] of Object.entries(found)) if (!spoke.has(client)) byClient.set(client, counts);
    isComplete = true;
  }
  spoke = null;
  if (isComplete) show();
}

/** Counts are exact up to the cap, each client's too: a sum above it is "999+" in any case. */
function show() {
  const own = views()?.dataset.own;
  const all = [...byClient.values()];
  const known = new Set(all.flatMap((counts) => Object.keys(counts)));
  for (const element of document.querySelectorAll("[data-live-count]")) {
    const name = element.dataset.liveCount;
    const key = name === "area-inbox" ? "unread" : name.replace(/^view-/, "");
    if (!known.has(key)) {
      if (name.startsWith("view-") && key !== "closed") recountViews();
      continue;
    }
    const sum = all.reduce((total, { [key]: found = 0 }) => total + (typeof found === "number" ? found : (found[own] ?? 0)), 0);
    element.textContent = sum > CAP ? `${CAP}+` : sum || "";
  }
  if (document.getElementById("list-count")?.dataset.liveCount === undefined) recountViews();
}

/** Ask for the sidebar again, soon; more often than once in `PAUSE` it is not asked. */
function recountViews() {
  timer ||= setTimeout(ask, Math.max(0, askedAt + PAUSE - performance.now()) + SPREAD * Math.random());
}

async function ask() {
  timer = 0;
  askedAt = performance.now();
  await refreshRegion(views());
  const shown = document.getElementById("list-count");
  if (shown && shown.dataset.liveCount === undefined && views()) shown.textContent = views().dataset.listCount;
}
