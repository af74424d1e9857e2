// Toasts: for an act that can be undone, or a result elsewhere. They leave after 8 s; pointer or focus holds them.
// Elements come from the server (components/toast.html), from a "toast" event that a response triggers
// (HX-Trigger: {"toast": {"text": "...", "undo_url": "..."}}), or from toast() here.

const CIRCUMFERENCE = 50.3;
const region = () => document.getElementById("toasts");

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Show a toast; `undo` is a function or `undoUrl` an address to POST to. Returns the element. */
export function toast(text, { seconds = 8, undo, undoUrl, undoLabel = "Undo" } = {}) {
  const made = element("div", { class: "toast on-inverse", "data-toast": String(seconds) }, element("span", {}, text));
  if (undo || undoUrl) {
    const button = element("button", { class: "act", type: "button", "data-undo": "", "data-key": "z" }, undoLabel);
    if (undoUrl) {
      button.setAttribute("hx-post", undoUrl);
      button.setAttribute("hx-swap", "none");
    } else {
      button.addEventListener("click", undo);
    }
    made.append(button);
  }
  made.append(element("button", { class: "act", type: "button", "data-toast-close": "", "aria-label": "Dismiss" }, "×"));
  region()?.append(made);
  window.htmx?.process(made);
  return made;
}

/** The key is the newest act's: an older toast may come late, of an act that was taken back meanwhile. */
function takeTheKey(made) {
  if (!made.querySelector("[data-key]")) return;
  for (const older of region()?.querySelectorAll("[data-undo][data-key]") ?? []) {
    if (!made.contains(older)) older.removeAttribute("data-key");
  }
}

function start(made) {
  if (made.dataset.started) return;
  made.dataset.started = "1";
  takeTheKey(made);
  const total = Number(made.dataset.toast) * 1000 || 8000;
  const ring = made.querySelector("[data-ring]");
  const left = made.querySelector("[data-ring-left]");
  let remaining = total;
  let before = performance.now();
  const step = (now) => {
    if (!made.isConnected) return;
    if (!made.matches(":hover, :focus-within") && !document.hidden) remaining -= now - before;
    before = now;
    ring?.setAttribute("stroke-dashoffset", String(CIRCUMFERENCE * (1 - remaining / total)));
    if (left) left.textContent = String(Math.max(0, Math.ceil(remaining / 1000)));
    if (remaining <= 0) made.remove();
    else if (ring) requestAnimationFrame(step);
    else setTimeout(() => step(performance.now()), 250);
  };
  requestAnimationFrame(step);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-toast-close], [data-undo]");
  if (!button) return;
  // An undo is sent by htmx from this element: take the toast away only after the request has begun.
  setTimeout(() => button.closest("[data-toast]")?.remove(), 0);
});
document.addEventListener("toast", (event) => {
  const { text, undo_url: undoUrl, seconds } = event.detail ?? {};
  if (text) toast(text, { undoUrl, seconds });
});
/** A refusal that is one plain sentence is told, and never put where the answer would have gone. */
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (detail.xhr.status < 400 || !detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/plain")) return;
  detail.shouldSwap = false;
  detail.isError = true;
});

/** Under an open dialog nothing can be read: there it stands above the buttons. */
function tell(said, from) {
  const dialog = from?.closest?.("dialog[open]");
  if (!dialog) return toast(said);
  dialog.querySelector("[data-said]")?.remove();
  const line = element("p", { class: "field-e", role: "alert", "data-said": "" }, said);
  const buttons = dialog.querySelector(".dialog-f");
  return buttons ? buttons.before(line) : dialog.append(line);
}

document.addEventListener("htmx:responseError", (event) => {
  const { status, responseText } = event.detail.xhr;
  // A plain sentence says why; other refusals are shown where they belong, or only by their number.
  const isSaid = event.detail.xhr.getResponseHeader("Content-Type")?.startsWith("text/plain");
  if (isSaid) tell(responseText, event.detail.elt);
  else tell(status >= 500 ? "The server could not do this. Nothing was changed; try again." : `Refused (${status}). Nothing was changed.`, event.detail.elt);
});
document.addEventListener("htmx:sendError", () => {
  toast("No connection to the server. Nothing was changed; try again when the chip says live.");
});

const observer = new MutationObserver(() => region().querySelectorAll("[data-toast]").forEach(start));
if (region()) {
  observer.observe(region(), { childList: true });
  region().querySelectorAll("[data-toast]").forEach(start);
}
