// The board of queues: cards go to another person by dragging or by key, and the board follows what others do.
import { meant } from "./claims.js";
import { register } from "../keys.js";
import { openMenu } from "../menu.js";
import { refreshRegion } from "../live/regions.js";
import { live } from "../live.js";

/** After the first change, and between two questions of one browser (ms): the board is counted for each viewer. */
const REFRESH_AFTER = 600;
const REFRESH_PAUSE = 5_000;
let timer = 0;
let refreshedAt = -REFRESH_PAUSE;
let dragged = "";

const board = () => document.getElementById("board");
const cards = () => [...board().querySelectorAll("[data-card]")];
const cursor = () => board().querySelector("[data-card].cursor");
const mayAct = () => document.body.hasAttribute("data-can-reply");

function give(id, assignee, note = "") {
  const values = meant({ act: "assign", ids: id, assignee, note });
  const address = `/o/${document.body.dataset.organizationSlug}/inbox/acts/`;
  globalThis.htmx.ajax("POST", address, { values, target: "#act-progress", swap: "outerHTML" }).then(refresh);
}

const refresh = () => refreshRegion(board());

live.on("frame", ({ kind }) => {
  if (kind !== "conversation.changed" || dragged) return;
  // Not put off by what comes meanwhile: under steady traffic it would never be asked.
  const pause = refreshedAt + REFRESH_PAUSE - performance.now();
  timer ||= setTimeout(() => {
    timer = 0;
    refreshedAt = performance.now();
    if (!dragged) refresh();
  }, Math.max(REFRESH_AFTER, pause) * (1 + Math.random() / 2));
});

// --- dragging ---------------------------------------------------------------------------------------

document.addEventListener("dragstart", (event) => {
  dragged = event.target.closest?.("[data-card]")?.dataset.card ?? "";
  if (dragged) event.dataTransfer.effectAllowed = "move";
});
document.addEventListener("dragend", () => {
  dragged = "";
  for (const column of board().querySelectorAll(".over")) column.classList.remove("over");
});
document.addEventListener("dragover", (event) => {
  const column = event.target.closest?.("[data-queue]");
  if (!dragged || !column) return;
  event.preventDefault();
  for (const other of board().querySelectorAll("[data-queue]")) other.classList.toggle("over", other === column);
});
document.addEventListener("drop", (event) => {
  const column = event.target.closest?.("[data-queue]");
  if (!dragged || !column) return;
  event.preventDefault();
  give(dragged, column.dataset.queue);
});

// --- keys -------------------------------------------------------------------------------------------

function move(card) {
  if (!card) return;
  for (const other of cards()) other.classList.toggle("cursor", other === card);
  card.querySelector("a").focus();
  card.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function step(by) {
  const all = cards();
  const at = all.indexOf(cursor());
  move(all[Math.max(0, Math.min(all.length - 1, at + by))]);
}

function aside(by) {
  const columns = [...board().querySelectorAll("[data-queue]")].filter((column) => column.querySelector("[data-card]"));
  const at = columns.indexOf(cursor()?.closest("[data-queue]"));
  move(columns[Math.max(0, Math.min(columns.length - 1, at + by))]?.querySelector("[data-card]"));
}

document.addEventListener("focusin", (event) => {
  const card = event.target.closest?.("[data-card]");
  if (card) for (const other of cards()) other.classList.toggle("cursor", other === card);
});

register("j", "Next card", () => step(1));
register("k", "Previous card", () => step(-1));
register("l", "Next person", () => aside(1));
register("h", "Previous person", () => aside(-1));
register("a", "Give it to somebody", () => openMenu(document.getElementById("act-assign"), cursor()), () => mayAct() && Boolean(cursor()));
register("m", "Take it (assign to me)", () => give(cursor().dataset.card, document.body.dataset.userId), () => mayAct() && Boolean(cursor()));
register("z", "Undo what I did last", () => {
  const address = `/o/${document.body.dataset.organizationSlug}/inbox/journal/undo/`;
  globalThis.htmx.ajax("POST", address, { target: "#act-progress", swap: "outerHTML" }).then(refresh);
}, mayAct);

document.addEventListener("click", (event) => {
  const choice = event.target.closest('#act-assign [data-act="assign"]');
  const note = document.getElementById("act-note");
  if (!choice || !cursor()) return;
  give(cursor().dataset.card, choice.value, note?.value ?? "");
  if (note) note.value = "";
});
