// Triage: what is picked, and the acts on it. An act concerns what is picked, else the row that its menu was opened
// from, else the row under the cursor, else the conversation that is open.
//
//   <button data-act="close">                       acts at once
//   <button data-act-menu="assign">                 opens #act-assign beside itself
//   <button data-act="assign" data-given="assignee" value="...">   in that menu
import { openDialog } from "../dialog.js";
import { meant } from "./claims.js";
import { register } from "../keys.js";
import { openMenu, placeBeside } from "../menu.js";
import { refreshRegion } from "../live/regions.js";
import { live } from "../live.js";
import { instantOf } from "../times.js";

/** More than this are changed only after a question. */
const ASK_ABOVE = 20;
/** After the first change, and between two questions for the same list (ms). */
const LIST_AFTER = 1_000;
const LIST_PAUSE = 5_000;
const AT_TOP = 8;
const picked = new Set();
let picksAll = false;
let menuRow = "";
let confirmed = null;
let listTimer = 0;
let listedAt = -LIST_PAUSE;

const list = () => document.getElementById("conversation-list");
const rows = () => [...document.querySelectorAll("#conversation-list > .row")];
const idOf = (row) => row?.id.replace("conversation-row-", "") ?? "";
const rowOf = (id) => document.getElementById(`conversation-row-${id}`);
const factsOf = (id) => JSON.parse(rowOf(id)?.querySelector("[data-live-facts]")?.dataset.liveFacts ?? "{}");
const cursorId = () => idOf(document.querySelector("#conversation-list > .row.cursor"));
const openId = () => document.getElementById("inbox-open")?.dataset.open ?? "";
const base = () => `/o/${document.body.dataset.organizationSlug}/inbox/`;
const mayAct = () => document.body.hasAttribute("data-can-reply");

// --- picking ----------------------------------------------------------------------------------------

function pick(id, on) {
  if (!id || !mayAct()) return;
  picksAll = false;
  if (on) picked.add(id);
  else picked.delete(id);
  show();
}

function pickNothing() {
  picked.clear();
  picksAll = false;
  show();
}

function show() {
  for (const row of rows()) {
    const on = picksAll || picked.has(idOf(row));
    row.classList.toggle("sel", on);
    const box = row.querySelector("[data-select]");
    if (box && box.checked !== on) box.checked = on;
  }
  const bar = document.getElementById("bulk");
  if (!bar) return;
  bar.hidden = picked.size === 0 && !picksAll;
  const total = document.getElementById("list-count")?.textContent.trim() ?? "";
  bar.querySelector("[data-bulk-count]").textContent = picksAll ? `All ${total}` : `${picked.size} picked`;
  const all = bar.querySelector("[data-bulk-all]");
  all.hidden = picksAll || picked.size < rows().length || !document.getElementById("more-conversations");
  all.textContent = `Pick all ${total}`;
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-select]")) pick(idOf(event.target.closest(".row")), event.target.checked);
});

// --- acting -----------------------------------------------------------------------------------------

function concerned() {
  if (picked.size) return [...picked];
  return [menuRow || cursorId() || openId()].filter(Boolean);
}

function act(name, given = {}) {
  const ids = concerned();
  if (!mayAct() || (!picksAll && !ids.length)) return;
  const values = { act: name, ...given };
  if (picksAll) Object.assign(values, { all: "1", query: list().dataset.query });
  else Object.assign(values, { ids: ids.join(","), seen: seenOf(ids, "shown") });
  if (!picksAll && ids.length <= ASK_ABOVE) {
    send(meant(values), ids);
    return;
  }
  const total = picksAll ? document.getElementById("list-count").textContent.trim() : ids.length;
  document.querySelector("[data-confirm-text]").textContent = `This changes ${total} conversations.`;
  confirmed = () => send(values, ids);
  openDialog("act-confirm");
}

/**
 * The revisions that are on the screen: a macro's reply is refused where the thread has moved on since its writer saw it
 * ("answered"), and nothing is put away that came after what is shown ("shown").
 */
function seenOf(ids, kind = "answered") {
  const field = document.querySelector("#inbox-open [data-seen-revision]");
  return ids
    .map((id) => {
      const facts = factsOf(id);
      const open = kind === "shown" ? field?.dataset.shownRevision : field?.value;
      const revision = id === openId() && field ? open : facts.revision;
      return revision === undefined ? "" : `${id}:${revision}`;
    })
    .filter(Boolean)
    .join(",");
}

/** On one conversation a macro runs at once; on several only after a look at what it would do. */
function runMacro(button) {
  const ids = concerned();
  if (!mayAct() || (!picksAll && !ids.length)) return;
  const values = { act: "macro", macro: button.dataset.macro };
  if (picksAll) Object.assign(values, { all: "1", query: list().dataset.query });
  else Object.assign(values, { ids: ids.join(","), seen: seenOf(ids) });
  const ends = button.hasAttribute("data-macro-ends");
  if (!picksAll && ids.length === 1) {
    send(values, ids, ends);
    return;
  }
  confirmed = () => send(values, ids, ends);
  globalThis.htmx
    .ajax("POST", button.dataset.previewSrc, { values, target: "#macro-preview", swap: "innerHTML" })
    .then(() => {
      if (!document.getElementById("macro-preview").childElementCount) return;
      document.querySelector("#macro-confirm h2").textContent = `Run “${button.dataset.macroName}”?`;
      openDialog("macro-confirm");
    });
}

function send(values, ids, leaves = ["close", "snooze", "reopen"].includes(values.act)) {
  const isOpen = !picksAll && ids.length === 1 && ids[0] === openId();
  const target = isOpen ? `#thread-state-${ids[0]}` : "#act-progress";
  if (leaves && !picksAll) moveOn(ids);
  globalThis.htmx.ajax("POST", `${base()}acts/`, { values, target, swap: "outerHTML" });
  menuRow = "";
  pickNothing();
}

/** What is put away leaves the list: the cursor goes to the next row that stays. */
function moveOn(ids) {
  const all = rows();
  const at = all.findIndex((row) => ids.includes(idOf(row)));
  if (at < 0) return;
  const next = all.slice(at + 1).find((row) => !ids.includes(idOf(row))) ?? all.slice(0, at).reverse().find((row) => !ids.includes(idOf(row)));
  for (const row of all) row.classList.toggle("cursor", row === next);
  next?.scrollIntoView({ block: "nearest" });
}

function openActMenu(name, anchor) {
  const menu = document.getElementById(`act-${name}`);
  const place = anchor ?? rowOf(concerned()[0] ?? "") ?? document.getElementById("list-title");
  if (menu && mayAct() && (picked.size || picksAll || concerned().length)) openMenu(menu, place);
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-act], [data-act-menu], [data-macro], [data-bulk-clear], [data-bulk-all], [data-act-seen]");
  if (!target) return;
  if (target.matches("[data-bulk-clear]")) pickNothing();
  else if (target.matches("[data-bulk-all]")) {
    picksAll = true;
    show();
  } else if (target.matches("[data-act-seen]")) document.getElementById("act-progress")?.replaceChildren();
  else {
    const row = target.closest("#conversation-list > .row");
    const isInMenu = target.closest(".menu[popover]");
    if (row) menuRow = idOf(row);
    else if (!isInMenu) menuRow = target.closest("#inbox-open") ? openId() : "";
    event.preventDefault();
    if (target.dataset.macro) runMacro(target);
    else if (target.dataset.actMenu) openActMenu(target.dataset.actMenu, target);
    else act(target.dataset.act, given(target));
  }
});

function given(button) {
  const values = button.dataset.given ? { [button.dataset.given]: button.value } : {};
  const note = document.getElementById("act-note");
  if (button.dataset.act === "assign" && note?.value.trim()) {
    values.note = note.value;
    note.value = "";
  }
  return values;
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("[data-act-form]");
  if (!form) return;
  event.preventDefault();
  const until = new Date(instantOf(form.elements.until.value));
  form.closest(".menu")?.hidePopover();
  act(form.dataset.actForm, { until: until.toISOString() });
});

for (const name of ["act", "macro"]) {
  document.getElementById(`${name}-confirmed`)?.addEventListener("click", () => {
    document.getElementById(`${name}-confirm`).close();
    confirmed?.();
    confirmed = null;
  });
}

document.getElementById("list-filters")?.addEventListener("htmx:afterSwap", (event) => {
  const opener = document.querySelector('[popovertarget="list-filters"]');
  if (opener) placeBeside(event.currentTarget, opener);
});

// --- live -------------------------------------------------------------------------------------------

for (const name of ["htmx:afterSwap", "live:entered"]) document.addEventListener(name, () => (picked.size || picksAll) && show());

/** Lists whose rows or order only the server knows are asked for again: at once, and then once in a while. */
live.on("frame", ({ kind, stream }) => {
  if (kind !== "conversation.changed") return;
  if (picked.size || picksAll) requestAnimationFrame(show);
  if (list()?.dataset.liveWhere !== "server" || !list().dataset.liveStream.split(" ").includes(stream)) return;
  listTimer ||= setTimeout(listAgain, Math.max(LIST_AFTER, listedAt + LIST_PAUSE - performance.now()) * (1 + Math.random()));
});

async function listAgain() {
  listTimer = 0;
  listedAt = performance.now();
  if (list()?.dataset.liveWhere === "server" && !isBusy()) await refreshRegion(document.getElementById("p-list"));
}

function isBusy() {
  const scroller = list().closest(".scroll");
  return picked.size > 0 || scroller.scrollTop > AT_TOP || list().matches(":hover") || list().querySelector(":focus-visible") !== null;
}

// --- keys -------------------------------------------------------------------------------------------

const elsewhere = () => mayAct() && (picked.size > 0 || picksAll || (cursorId() && cursorId() !== openId()));
const first = { first: true };
function closeOrOpen() {
  const facts = factsOf(concerned()[0]);
  act(facts.status && facts.status !== "open" ? "reopen" : "close");
}
const fresh = (then) => () => {
  menuRow = "";
  then();
};
register("a", "Assign", fresh(() => openActMenu("assign")), elsewhere, first);
register("s", "Snooze", fresh(() => openActMenu("snooze")), elsewhere, first);
register("e", "Close, or open again", fresh(closeOrOpen), elsewhere, first);
register("l", "Label", fresh(() => openActMenu("label")), mayAct);
register(".", "Run a macro", fresh(() => openActMenu("macro")), mayAct);
for (const button of document.querySelectorAll("[data-macro]")) {
  if (button.dataset.macroKey) register(button.dataset.macroKey, `Run “${button.dataset.macroName}”`, fresh(() => runMacro(button)), mayAct);
}
register("p", "Priority and more", fresh(() => openActMenu("more")), mayAct);
register("u", "Mark unread", fresh(() => act("unread")), mayAct);
register("m", "Take it (assign to me)", fresh(() => act("assign", { assignee: document.body.dataset.userId })), mayAct);
register("x", "Pick the conversation", () => {
  const id = cursorId() || openId();
  pick(id, !picked.has(id));
}, mayAct);
register("X", "Pick all that are listed", () => rows().forEach((row) => pick(idOf(row), true)), mayAct);
register("Escape", "Pick nothing", pickNothing, () => picked.size > 0 || picksAll);
register("z", "Undo what I did last", () => {
  globalThis.htmx.ajax("POST", `${base()}journal/undo/`, { target: "#act-progress", swap: "outerHTML" });
}, mayAct);
