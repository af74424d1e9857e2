// Lists that others change while somebody reads them. A row enters or moves only while the list is at its top and
// neither the pointer nor the focus of a keyboard is inside; until then it waits in the "3 new" pill. Rows change in place at once.
//
//   <ul id="conversation-list" data-live-list data-live-sort="desc" data-live-where='{"status":["open"]}'>
//     <li id="conversation-row-..." data-live-key="2026-11-21T09:14:02.120Z" data-live-facts='{"status":"open"}'>
//   <button data-live-pill="conversation-list" hidden><span data-count>3</span> new</button>
//
// While a list has a child with data-live-more, rows that come after its last one are left to the page that it loads.
// Key and facts may also sit on an element inside the row.
import { morph } from "./morph.js";
import { refreshRegion } from "./regions.js";

const AT_TOP = 8;
const LEAVES_AFTER = 3_000;
const ENTERS_FOR = 400;
const IDLE_FOR = 1_000;
/** What waits, by list: row id to the element that is to be inserted, or null for a row that is to be moved. */
const waiting = new WeakMap();

/** Put a new row into its list, or let it wait. */
export function insertRow(list, row) {
  const fresh = document.importNode(row, true);
  if (list.dataset.liveWhere === "server") {
    // Only the server can say whether it belongs here: the pill fetches the list again.
    if (list.hasAttribute("data-live-list")) wait(list, fresh.id, null);
    return;
  }
  if (!belongs(list, fresh)) return;
  if (list.hasAttribute("data-live-list") && isBusy(list)) wait(list, fresh.id, fresh);
  else enter(list, fresh);
}

/** Change a row in place; let it move or leave when that disturbs nobody. */
export function updateRow(existing, next) {
  const list = existing.parentElement;
  const oldKey = keyOf(existing);
  const row = morph(existing, next);
  if (!list?.hasAttribute("data-live-list") && !list?.dataset.liveSort) return;
  if (!belongs(list, row)) {
    leave(row, () => !belongs(list, row));
    return;
  }
  row.classList.remove("leaving");
  if (keyOf(row) === oldKey) return;
  // Where only the server knows the order, the list is fetched again (or waits for that).
  if (list.dataset.liveWhere === "server" || isBusy(list)) wait(list, row.id, null);
  else enter(list, row);
}

/** Take a row away, when it is not being pointed at. */
export function removeRow(row, id) {
  for (const list of document.querySelectorAll("[data-live-list]")) {
    if (waiting.get(list)?.delete(id)) showPill(list);
  }
  if (row) leave(row, () => true);
}

/** Show everything that waits in visible lists. */
export function releaseAll() {
  for (const list of document.querySelectorAll("[data-live-list]")) release(list, { toTop: true });
}

function release(list, { toTop = false } = {}) {
  const held = waiting.get(list);
  if (!held?.size) return;
  waiting.delete(list);
  if (list.dataset.liveWhere === "server") refreshRegion(list.closest("[data-live-src]"));
  else {
    for (const [id, fresh] of held) {
      const present = document.getElementById(id);
      if (present) enter(list, fresh ? morph(present, fresh) : present);
      else if (fresh) enter(list, fresh);
    }
  }
  if (toTop) scrollerOf(list).scrollTo({ top: 0 });
  showPill(list);
}

function wait(list, id, fresh) {
  const held = waiting.get(list) ?? new Map();
  // A move of a row that still waits to be inserted changes nothing.
  if (fresh || !held.has(id)) held.set(id, fresh);
  waiting.set(list, held);
  showPill(list);
  releaseWhenIdle(list);
}

function releaseWhenIdle(list) {
  if (list.dataset.liveWhere === "server") return;
  setTimeout(() => {
    if (!waiting.get(list)?.size || !list.isConnected) return;
    if (isBusy(list)) releaseWhenIdle(list);
    else release(list);
  }, IDLE_FOR);
}

function showPill(list) {
  const count = waiting.get(list)?.size ?? 0;
  for (const pill of document.querySelectorAll(`[data-live-pill="${CSS.escape(list.id)}"]`)) {
    pill.hidden = count === 0;
    const shown = pill.querySelector("[data-count]");
    if (shown) shown.textContent = count;
  }
}

function enter(list, row) {
  const key = keyOf(row);
  const isDescending = list.dataset.liveSort !== "asc";
  const before =
    key === undefined
      ? list.firstElementChild
      : [...list.children].find((other) => {
          const otherKey = keyOf(other);
          return other !== row && otherKey !== undefined && (isDescending ? otherKey < key : otherKey > key);
        });
  if (!before && list.querySelector(":scope > [data-live-more]")) {
    // It belongs to a page that is not here yet, and comes with it: behind this one it would stand among strangers.
    if (row.isConnected) row.remove();
    return;
  }
  list.insertBefore(row, before ?? null);
  globalThis.htmx?.process(row);
  row.classList.add("enter");
  setTimeout(() => row.classList.remove("enter"), ENTERS_FOR);
  list.dispatchEvent(new CustomEvent("live:entered", { bubbles: true, detail: { id: row.id } }));
}

/** Take a row out. Where the keys were goes to its neighbour: from nowhere they would begin at the top again. */
function takeOut(row) {
  if (row.classList.contains("cursor")) {
    const neighbours = [row.nextElementSibling, row.previousElementSibling];
    neighbours.find((other) => other && keyOf(other) !== undefined)?.classList.add("cursor");
  }
  row.remove();
}

function leave(row, isStillGoing) {
  const go = () => {
    if (isStillGoing() && row.isConnected) takeOut(row);
  };
  if (!row.matches(":hover") && !row.contains(document.activeElement)) {
    go();
    return;
  }
  row.classList.add("leaving");
  const timer = setTimeout(go, LEAVES_AFTER);
  row.addEventListener(
    "pointerleave",
    () => {
      clearTimeout(timer);
      go();
    },
    { once: true },
  );
}

function isBusy(list) {
  const scroller = scrollerOf(list);
  if (scroller.scrollTop > AT_TOP) return true;
  const canHover = matchMedia("(hover: hover)").matches;
  // A click leaves the focus where it was, which holds nothing up: only somebody who moves by keys is in the list.
  return (canHover && list.matches(":hover")) || list.querySelector(":focus-visible") !== null;
}

function scrollerOf(list) {
  for (let element = list; element; element = element.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(element).overflowY)) return element;
  }
  return document.scrollingElement;
}

function carrier(row, name) {
  return row.hasAttribute(name) ? row : row.querySelector(`[${name}]`);
}

function keyOf(row) {
  return carrier(row, "data-live-key")?.getAttribute("data-live-key") ?? undefined;
}

/** Whether the facts of a row satisfy what its list shows: each condition names the values it accepts. */
function belongs(list, row) {
  const conditions = parsed(list.dataset.liveWhere);
  if (!conditions) return true;
  const facts = parsed(carrier(row, "data-live-facts")?.getAttribute("data-live-facts")) ?? {};
  return Object.entries(conditions).every(([name, accepted]) => {
    const values = [facts[name] ?? null].flat();
    return [accepted].flat().some((value) => values.includes(value));
  });
}

function parsed(text) {
  return text && text !== "server" ? JSON.parse(text) : null;
}

document.addEventListener("click", (event) => {
  const pill = event.target.closest("[data-live-pill]");
  const list = pill && document.getElementById(pill.dataset.livePill);
  if (list) release(list, { toTop: true });
});
