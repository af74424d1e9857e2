// Keyboard shortcuts. An element with data-key="e" (or "g i", "Ctrl K", "Ctrl Enter") is pressed by that key; scripts
// add others with register(). "?" lists them all. Off in fields, except those with Ctrl; can be switched off.

const STORE = "keys";
const PAUSE = 900;
const registered = new Map();
let waiting = "";
let timer = 0;

/** Run `act` on `keys` while `when()` holds; `label` is what the overlay says. Returns a function that removes it. */
export function register(keys, label, act, when = () => true) {
  const wanted = normal(keys);
  registered.set(wanted, { label, act, when });
  return () => registered.delete(wanted);
}

/** Whether shortcuts are on for this person in this browser. */
export function enabled() {
  return localStorage.getItem(STORE) !== "off";
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
  const element = bound().find((candidate) => normal(candidate.dataset.key) === keys);
  if (element) return () => press(element);
  const entry = registered.get(keys);
  return entry?.when() && !document.querySelector("dialog[open]") ? entry.act : undefined;
}

function startsSequence(keys) {
  const prefix = `${keys} `;
  return (
    bound().some((candidate) => normal(candidate.dataset.key).startsWith(prefix)) ||
    [...registered.keys()].some((candidate) => candidate.startsWith(prefix))
  );
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.isComposing || event.altKey || !enabled()) return;
  const key = pressed(event);
  const isChord = key.startsWith("Ctrl ");
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
  list?.replaceChildren(
    ...shortcuts().map(([keys, text]) => {
      const row = document.createElement("li");
      row.className = "flex items-center gap-2 min-h-[26px]";
      row.append(Object.assign(document.createElement("span"), { className: "truncate", textContent: text }));
      const end = Object.assign(document.createElement("span"), { className: "ml-auto flex gap-1" });
      for (const key of keys.split(" ")) {
        end.append(Object.assign(document.createElement("kbd"), { className: "kbd", textContent: key }));
      }
      row.append(end);
      return row;
    }),
  );
}

register("?", "Show all shortcuts", openOverlay);
document.addEventListener("click", (event) => {
  if (event.target.closest('[data-open="keys-overlay"]')) fill();
});
const box = document.getElementById("keys-on");
if (box) {
  box.checked = enabled();
  box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "on" : "off"));
}
