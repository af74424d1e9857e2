// The inbox: what is open, the composer, presence, counts, and moving through the list by keys.
import { live } from "./live.js";
import { count, forget } from "./inbox/counts.js";
import { register } from "./keys.js";
import { refreshRegion } from "./live/regions.js";

const NEAR_END = 120;
const CONTEXT_AFTER = 400;
const THREAD_KINDS = new Set(["thread.message", "thread.note", "thread.line"]);
let openId = "";
/** The newest revision of the open thread that was told, looked at or not. */
let latest = 0;
let contextTimer = 0;

const pane = () => document.getElementById("inbox-open");
const scroller = () => document.getElementById("thread-scroll");
const form = () => pane()?.querySelector("[data-reply-form]");

// --- what is open -----------------------------------------------------------------------------------

function opened() {
  const id = pane()?.dataset.open ?? "";
  if (openId && openId !== id) live.presence(openId, "away");
  if (openId !== id) latest = 0;
  openId = id;
  const inbox = document.getElementById("inbox");
  if (id) inbox.dataset.view = "thread";
  else delete inbox?.dataset.view;
  for (const row of document.querySelectorAll("#conversation-list > .row")) {
    const isOpen = row.id === `conversation-row-${id}`;
    row.classList.toggle("open", isOpen);
    const link = row.querySelector("a.cover");
    if (isOpen) link?.setAttribute("aria-current", "true");
    else link?.removeAttribute("aria-current");
  }
  if (!id) return;
  live.presence(id, "viewing");
  const back = pane().querySelector("[data-back]");
  if (back) back.search = location.search;
  toEnd();
  prepare();
  shown();
}

// Rows are the same for every viewer: the view that is open is added when one of them is opened.
document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.matches?.("#conversation-list a.cover")) event.detail.path += location.search;
});

/** What came before is put above what is read: the place that was looked at stays where it is. */
let fromEnd = 0;
document.addEventListener("htmx:beforeSwap", (event) => {
  const box = scroller();
  if (box && event.detail.requestConfig?.elt?.matches?.("[data-earlier]")) fromEnd = box.scrollHeight - box.scrollTop;
});
document.addEventListener("htmx:afterSwap", () => {
  const box = scroller();
  if (box && fromEnd) box.scrollTop = box.scrollHeight - fromEnd;
  fromEnd = 0;
});

function toEnd() {
  const box = scroller();
  if (box) box.scrollTop = box.scrollHeight;
}

// --- composer ---------------------------------------------------------------------------------------

/** Give the composer its token: the same reply sent twice is one reply. */
function prepare() {
  const token = form()?.querySelector("[data-client-token]");
  if (token && !token.value) token.value = crypto.randomUUID();
}

function notePlaceholder() {
  const isShown = form()?.querySelector("[data-show-to-client]")?.checked;
  return isShown ? "Note that the client sees, too" : "Private note, only your team sees it";
}

document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-show-to-client]")) form().querySelector("textarea").placeholder = notePlaceholder();
});

function setMode(mode) {
  const composer = form()?.querySelector("[data-composer]");
  if (!composer) return;
  const isNote = mode === "note";
  composer.dataset.composer = mode;
  composer.classList.toggle("is-note", isNote);
  for (const button of composer.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
  }
  const target = isNote ? form().dataset.noteAction : form().dataset.replyAction;
  form().setAttribute("action", target);
  form().setAttribute("hx-post", target);
  globalThis.htmx?.process(form());
  const field = form().querySelector("textarea");
  field.placeholder = isNote ? notePlaceholder() : field.dataset.replyPlaceholder;
  const send = form().querySelector("button[type=submit]");
  if (send.firstChild) send.firstChild.textContent = isNote ? "Add note" : "Send";
  field.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-composer] [data-mode]");
  if (button) setMode(button.dataset.mode);
});

document.addEventListener("focusin", (event) => {
  const field = event.target.closest("[data-reply-form] textarea");
  if (field) field.dataset.replyPlaceholder ??= field.placeholder;
});

document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-reply-form] textarea");
  if (field && openId) live.presence(openId, field.value.trim() ? "replying" : "viewing");
});

document.addEventListener("htmx:configRequest", (event) => {
  if (event.target.matches?.("[data-reply-form]")) event.detail.path = event.target.getAttribute("hx-post");
});

document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.elt ?? event.target;
  if (target.id === "inbox-open" || target.querySelector?.("#inbox-open")) opened();
  if (event.detail.pathInfo?.requestPath?.match(/\/(replies|notes)\/$/)) afterSend(event.detail.xhr.status);
});

/**
 * Whoever left what is written, by Esc or for something else that has the focus now, goes on there: the answer to a
 * send must not call them back.
 */
let hasLeft = false;
const isElsewhere = () => hasLeft || ![document.body, form()?.querySelector("textarea")].includes(document.activeElement);
document.addEventListener("focusin", (event) => {
  if (event.target.closest("[data-reply-form]")) hasLeft = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.closest?.("[data-reply-form]")) hasLeft = true;
});

function afterSend(status) {
  prepare();
  shown();
  if (!isElsewhere()) form()?.querySelector("textarea")?.focus();
  if (status === 200) live.presence(openId, "viewing");
  refreshRegion(scroller()).then(toEnd);
}

// --- live -------------------------------------------------------------------------------------------

document.addEventListener("live:frame", (event) => {
  const { kind, stream, data, stale, n } = event.detail;
  if (kind === "conversation.changed" || kind === "conversation.gone") stale ? forget({ cursor: n }) : count(data, n);
  if (!openId || stream !== `conversation:${openId}`) return;
  if (kind === "thread.moved") {
    // Whoever is writing keeps what they wrote: sending it tells them where the thread went.
    if (data?.home && !form()?.querySelector("textarea")?.value.trim()) {
      location.assign(location.pathname.replace(openId, data.home) + location.search);
      return;
    }
    refreshRegion(scroller());
    refreshRegion(document.getElementById("p-context"));
    return;
  }
  if (THREAD_KINDS.has(kind)) {
    const box = scroller();
    const wasAtEnd = box && box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END;
    if (wasAtEnd) requestAnimationFrame(toEnd);
    seen(data);
  }
  clearTimeout(contextTimer);
  contextTimer = setTimeout(() => refreshRegion(document.getElementById("p-context")), CONTEXT_AFTER);
});

/**
 * A message that comes while nothing is being written is seen; one that comes into a draft is shown on sending. What is
 * put away is asked only whether it was shown: in a tab that somebody looks at.
 */
function seen(data) {
  const field = form()?.querySelector("[data-seen-revision]");
  if (!field || !data?.revision) return;
  latest = Math.max(latest, data.revision);
  if (document.hidden) return;
  shown();
  const isWriting = form()?.querySelector("textarea")?.value.trim();
  if (!isWriting) field.value = String(Math.max(Number(field.value), data.revision));
}

function shown() {
  const field = form()?.querySelector("[data-seen-revision]");
  if (field) field.dataset.shownRevision = String(Math.max(latest, Number(field.value)));
}

document.addEventListener("visibilitychange", () => document.hidden || shown());
document.addEventListener("htmx:configRequest", ({ detail }) => {
  const field = form()?.querySelector("[data-seen-revision]");
  if (detail.verb === "post" && detail.path.endsWith(`${openId}/closure/`) && field) {
    detail.parameters.seen_revision = field.dataset.shownRevision;
  }
});

// --- keys -------------------------------------------------------------------------------------------

function move(step) {
  const rows = [...document.querySelectorAll("#conversation-list > .row")];
  if (!rows.length) return;
  const current = rows.findIndex((row) => row.classList.contains("cursor"));
  const start = current < 0 ? rows.findIndex((row) => row.classList.contains("open")) : current;
  const next = rows[Math.max(0, Math.min(rows.length - 1, start + step))];
  for (const row of rows) row.classList.toggle("cursor", row === next);
  next.scrollIntoView({ block: "nearest" });
}

function openCursor() {
  document.querySelector("#conversation-list > .row.cursor a.cover")?.click();
}

register("j", "Next conversation", () => move(1));
register("k", "Previous conversation", () => move(-1));
register("Enter", "Open the conversation", openCursor, () => Boolean(document.querySelector(".row.cursor")));
register("o", "Open the conversation", openCursor);

opened();
