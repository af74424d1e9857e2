// The counts of the sidebar and of the list. They are told by client, the same to every viewer, and added up here over
// the clients that the viewer sees: a page asks once for all of them, when the first change comes, and each change
// brings those of its client. Only what is counted for nobody else (a list narrowed by hand) is asked for again, seldom.
import { live } from "../live.js";
import { refreshRegion } from "../live/regions.js";

/** Between two questions of one browser (ms), and within what the first one is spread. */
const PAUSE = 10_000;
const SPREAD = 500;
/** Before all clients are asked for again (ms): the answer was too old, or there was none; then longer each time. */
const AGAIN = 2_000;
const LONGEST = 300_000;
const CAP = 999;
/** By client: its counts, and the number of the change that brought them. */
const byClient = new Map();
let isComplete = false;
/** Where the page stood when the first change came after something was missed: older answers are of no use. */
let wanted = null;
/** Up to where something was missed. */
let missed = 0;
let isAsking = false;
let failures = 0;
/** Raised when something was missed: what was asked for before is not all. */
let generation = 0;
let timer = 0;
let askedAt = -PAUSE;

const views = () => document.getElementById("inbox-views");

/** A change brought the counts of its client; `number` is its place in the stream. */
export function count(data, number) {
  if (!data?.counts || !views()) return;
  byClient.set(data.client, { counts: data.counts, number });
  wanted ??= Math.max(live.cursor, missed, number);
  if (isComplete) show();
  else askForAll();
}

/** Something up to the number `cursor` was missed: what is known of the clients may be old. */
export function forget({ cursor }) {
  missed = Math.max(missed, cursor);
  isComplete = false;
  wanted = null;
  generation += 1;
}

live.on("reset", forget);

async function askForAll(wait = SPREAD * Math.random()) {
  if (isAsking) return;
  isAsking = true;
  await new Promise((done) => setTimeout(done, wait));
  const since = wanted;
  const asked = generation;
  const answer = since !== null && views() ? await allSince(since) : null;
  isAsking = false;
  // What was missed is asked for with the next change.
  if (wanted === null || !views()) return;
  failures = answer || since === null ? 0 : failures + 1;
  if (answer && asked === generation && answer.number >= since) {
    for (const [client, counts] of Object.entries(answer.counts)) {
      if (!(byClient.get(client)?.number > answer.number)) byClient.set(client, { counts, number: answer.number });
    }
    isComplete = true;
    show();
  } else askForAll(Math.min(LONGEST, failures === 0 ? AGAIN : PAUSE * 2 ** (failures - 1)));
}

/** The counts of all clients and the number they stand at; `null` where there is no answer. */
async function allSince(since) {
  try {
    const answer = await fetch(`${views().dataset.countsSrc}?since=${since}`, { headers: { Accept: "application/json" } });
    return answer.ok && !answer.redirected ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** Counts are exact up to the cap, each client's too: a sum above it is "999+" in any case. */
function show() {
  const own = views()?.dataset.own;
  const all = [...byClient.values()].map((one) => one.counts);
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
  const shown = document.getElementById("list-count");
  if (shown?.dataset.liveCount === undefined) recountViews();
  else views().dataset.listCount = shown.textContent;
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
