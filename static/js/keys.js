// Keyboard shortcuts. An element with data-key="e" (or "g i", "Ctrl K", "Ctrl Enter") is pressed by that key; scripts
// add others with register(). "?" lists them all. Off in fields, except those with Ctrl; can be switched off.

const STORE = "keys";
const CHANGES = "keys-changed";
const PAUSE = 900;
const registered = new Map();
let changed = changes();
let waiting = "";
let timer = 0;

/**
 * Run `act` on `keys` while `when()` holds; `label` is what the overlay says. With `first` it goes before buttons that
 * have the same key. Returns a function that removes it.
 */
export function register(keys, label, act, when = () => true, { first = false } = {}) {
  const wanted = normal(keys);
  registered.set(wanted, { label, act, when, first });
  return () => registered.delete(wanted);
}

/** Whether shortcuts are on for this person in this browser. */
export function enabled() {
  return localStorage.getItem(STORE) !== "off";
}

/** What somebody has put in place of the keys of the product, in this browser: {"e": "y"}. */
function changes() {
  return JSON.parse(localStorage.getItem(CHANGES) ?? "{}");
}

function chosen(keys) {
  return changed[keys] ?? keys;
}

/** Put `wanted` in place of `keys` (nothing: as it was). Returns what has that key already, if something does. */
export function remap(keys, wanted) {
  const taken = wanted && shortcuts().find(([other]) => other !== keys && chosen(other) === wanted);
  if (taken) return taken[1];
  if (wanted && wanted !== keys) changed[keys] = wanted;
  else delete changed[keys];
  localStorage.setItem(CHANGES, JSON.stringify(changed));
  showKeys();
  return "";
}

/** The marks in buttons and menus say the key that works. */
function showKeys() {
  for (const element of document.querySelectorAll("[data-key]")) {
    const mark = element.querySelectorAll(":scope > .kbd, :scope > .end > .kbd");
    const keys = normal(element.dataset.key);
    if (mark.length === 1 && (changed[keys] || element.dataset.keyShown)) {
      mark[0].textContent = chosen(keys);
      element.dataset.keyShown = "1";
    }
  }
}

function normal(keys) {
  return keys
    .replace(/⌘|Cmd|Meta/gi, "Ctrl")
    .replace(/↵|Return/g, "Enter")
    .replace(/\besc\b/i, "Escape")
    .trim();
}

function pressed(event) {
  const key = event.key === " " ? "Space" : event.key;
  return event.ctrlKey || event.metaKey ? `Ctrl ${key.length === 1 ? key.toUpperCase() : key}` : key;
}

function inField(target) {
  return target.isContentEditable || target.matches?.('input:not([type="checkbox"], [type="radio"]), textarea, select');
}

/** Whether a key is what the focused control is worked by: Enter and Space press the link or button that has the focus. */
function presses(key, target) {
  return ["Enter", "Space"].includes(key) && target.closest?.("a[href], button, summary, [role='menuitem'], [role='option']");
}

function usable(element) {
  return element.getClientRects().length > 0 && !element.disabled && element.getAttribute("aria-disabled") !== "true";
}

function bound() {
  // An open dialog or menu owns the keys: what lies behind it must not move.
  const scope = document.querySelector("dialog[open]") ?? document;
  return [...scope.querySelectorAll("[data-key]")].filter(usable);
}

function press(element) {
  if (element.matches("input:not([type='checkbox'], [type='radio']), textarea, select")) element.focus();
  else element.click();
}

function find(keys) {
  const isFree = !document.querySelector("dialog[open]");
  const entry = [...registered].find(([wanted, one]) => chosen(wanted) === keys && isFree && one.when())?.[1];
  if (entry?.first) return entry.act;
  const element = bound().find((candidate) => chosen(normal(candidate.dataset.key)) === keys);
  return element ? () => press(element) : entry?.act;
}

function startsSequence(keys) {
  const prefix = `${keys} `;
  return (
    bound().some((candidate) => chosen(normal(candidate.dataset.key)).startsWith(prefix)) ||
    [...registered.keys()].some((candidate) => chosen(candidate).startsWith(prefix))
  );
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey || !enabled()) return;
  const key = pressed(event);
  if (key === "Escape" && inField(event.target) && !event.target.closest("dialog, [popover]")) {
    // Out of what is written, and the keys work again.
    event.target.blur();
    return;
  }
  const isChord = key.startsWith("Ctrl ");
  if (presses(key, event.target)) return;
  if (!isChord && (inField(event.target) || document.querySelector(":popover-open"))) return;
  const keys = waiting && !isChord ? `${waiting} ${key}` : key;
  clearTimeout(timer);
  const act = find(keys) ?? (waiting ? find(key) : undefined);
  if (act) {
    waiting = "";
    event.preventDefault();
    act(event);
  } else if (!isChord && startsSequence(keys)) {
    waiting = keys;
    timer = setTimeout(() => (waiting = ""), PAUSE);
  } else {
    waiting = "";
  }
});

function label(element) {
  const named = element.getAttribute("aria-label") ?? element.dataset.keyLabel;
  if (named) return named;
  const copy = element.cloneNode(true);
  copy.querySelectorAll(".kbd, .n, .count, .end, svg").forEach((piece) => piece.remove());
  return copy.textContent.trim() || element.title;
}

/** Everything that works on this page now: [keys, label]. */
export function shortcuts() {
  const found = new Map(bound().map((element) => [normal(element.dataset.key), label(element)]));
  for (const [keys, entry] of registered) if (entry.label && entry.when()) found.set(keys, entry.label);
  return [...found];
}

function openOverlay() {
  const overlay = document.getElementById("keys-overlay");
  if (overlay && !overlay.open) {
    fill();
    overlay.showModal();
  }
}

function fill() {
  const list = document.getElementById("keys-list");
  list?.replaceChildren(...shortcuts().map(([keys, text]) => line(keys, text)));
}

function line(keys, text) {
  const row = document.createElement("li");
  row.className = "flex items-center gap-2 min-h-[26px]";
  row.append(Object.assign(document.createElement("span"), { className: "truncate", textContent: text }));
  const button = Object.assign(document.createElement("button"), {
    type: "button",
    className: "ml-auto flex gap-1 flex-none",
    title: "Change this key",
  });
  button.setAttribute("aria-label", `${text}: ${chosen(keys)}. Change this key`);
  for (const key of chosen(keys).split(" ")) {
    button.append(Object.assign(document.createElement("kbd"), { className: "kbd", textContent: key }));
  }
  button.addEventListener("click", () => listen(button, keys, text));
  row.append(button);
  return row;
}

/** Take the next key that is pressed in place of `keys`; Backspace puts the product's own back, Esc changes nothing. */
function listen(button, keys, text) {
  button.replaceChildren("press a key");
  const take = (event) => {
    if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    removeEventListener("keydown", take, true);
    const taken = event.key === "Escape" ? "" : remap(keys, event.key === "Backspace" ? "" : pressed(event));
    const fresh = line(keys, text);
    button.closest("li").replaceWith(fresh);
    if (taken) fresh.querySelector("span").textContent = `${text} (that key is taken: ${taken})`;
    fresh.querySelector("button").focus();
  };
  addEventListener("keydown", take, true);
}

showKeys();
for (const name of ["htmx:afterSwap", "live:frame"]) document.addEventListener(name, () => requestAnimationFrame(showKeys));
register("?", "Show all shortcuts", openOverlay);
document.addEventListener("click", (event) => {
  if (event.target.closest('[data-open="keys-overlay"]')) fill();
});
const box = document.getElementById("keys-on");
if (box) {
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "on" : "off"));
}
