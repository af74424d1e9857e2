// The composer beside writing: drafts that lie on the server, canned replies, variables, preview, ways to the person,
// times to leave at, and mentions in notes. inbox.js holds what is open, sending and presence.
import { live } from "./live.js";
import { clock, instantOf } from "./times.js";
import { toast } from "./toast.js";

const SAVE_AFTER = 700;
let timer = 0;
/** The text that the server has of the open draft. */
let kept = "";
/** Whether it has it as a reply or as a note: one must never become the other unseen. */
let keptMode = "reply";
let keptCopies = "";

const form = () => document.querySelector("#inbox-open [data-reply-form]");
const field = () => form()?.querySelector("textarea");
const mode = () => form()?.querySelector("[data-composer]")?.dataset.composer ?? "reply";
const csrf = () => form()?.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

async function post(url, values) {
  const body = new URLSearchParams(values);
  const headers = { "X-CSRFToken": csrf(), "HX-Request": "true" };
  return fetch(url, { method: "POST", body, headers, credentials: "same-origin", keepalive: true });
}

// --- drafts -----------------------------------------------------------------------------------------

function say(text) {
  const state = form()?.querySelector("[data-draft-state]");
  if (state) state.textContent = text;
}

const copyField = (name) => form()?.querySelector(`[data-copies] [name=${name}]`);
const copies = () => ({ cc: copyField("cc")?.value ?? "", bcc: copyField("bcc")?.value ?? "" });

async function save() {
  timer = 0;
  const target = form();
  const text = field()?.value ?? "";
  const sentCopies = JSON.stringify(copies());
  const isSame = mode() === keptMode && sentCopies === keptCopies;
  if (!target || (text === kept && (isSame || !text.trim()))) return;
  const sentMode = mode();
  const version = target.dataset.draftVersion;
  const sent = { body: text, mode: sentMode, version, sender_id: wayField()?.value ?? "", ...copies() };
  let answer;
  try {
    answer = await post(target.dataset.draft, sent);
  } catch {
    say("Not saved: no connection");
    return;
  }
  if (target !== form()) return;
  if (answer.status === 409) {
    const there = await answer.json();
    target.dataset.draftVersion = String(there.version);
    offer(there);
    return;
  }
  if (!answer.ok) {
    say("Draft not saved");
    return;
  }
  const draft = await answer.json();
  kept = text;
  keptMode = sentMode;
  keptCopies = sentCopies;
  target.dataset.draftVersion = String(draft.version);
  say(draft.version ? `Draft saved ${clock(Date.parse(draft.saved_at))}` : "");
}

/** Another device wrote something else: nothing is overwritten, the writer chooses. */
function offer(there) {
  say("Changed on another device");
  toast("This draft was changed on another device.", {
    seconds: 20,
    undoLabel: "Take that text",
    undo: () => take(there),
  });
}

/** Write what another device has, as what it is there: a reply or a note. */
function write(there) {
  if (there.mode && there.mode !== mode()) form().querySelector(`[data-mode="${there.mode}"]`)?.click();
  field().value = there.body;
  for (const name of ["cc", "bcc"]) if (copyField(name)) copyField(name).value = there[name] ?? "";
  if (there.cc || there.bcc) showCopies();
  kept = there.body;
  keptMode = mode();
  keptCopies = JSON.stringify(copies());
}

function showCopies() {
  const box = form().querySelector("[data-copies]");
  if (!box) return;
  box.hidden = false;
  form().querySelector("[data-show-copies]").hidden = true;
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("#inbox-open [data-show-copies]")) return;
  showCopies();
  copyField("cc").focus();
});

function take(there) {
  const target = field();
  if (!target) return;
  write(there);
  form().dataset.draftVersion = String(there.version);
  target.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener("input", (event) => {
  if (event.target !== field() && !event.target.closest?.("#inbox-open [data-copies]")) return;
  clearTimeout(timer);
  timer = setTimeout(save, SAVE_AFTER);
  if (event.target === field()) complete(event.target);
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("#inbox-open [data-composer] [data-mode]")) return;
  clearTimeout(timer);
  timer = setTimeout(save, SAVE_AFTER);
});
document.addEventListener("visibilitychange", () => document.hidden && save());
/** The last words are kept when another thread, or another page, takes the place of this one. */
function flush() {
  if (!timer) return;
  clearTimeout(timer);
  timer = 0;
  save();
}
document.addEventListener("htmx:beforeSwap", ({ detail }) => detail.target?.id === "inbox-open" && flush());
addEventListener("pagehide", flush);
document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.matches?.("[data-reply-form]")) return;
  clearTimeout(timer);
  timer = 0;
});

document.addEventListener("live:frame", (event) => {
  const { kind, data } = event.detail;
  const target = form();
  if (kind !== "draft.changed" || !target || !target.dataset.draft.includes(data.conversation)) return;
  if (data.version <= Number(target.dataset.draftVersion)) return;
  const isOwn = data.body === field().value;
  target.dataset.draftVersion = String(data.version);
  if (isOwn) kept = data.body;
  else if (field().value === kept) {
    write(data);
    // Whoever writes is at the other device.
    live.presence(data.conversation, "viewing");
    say(data.body ? "Draft from another device" : "");
  } else if (data.body) offer(data);
});

// The same file can be chosen again, after it was refused or taken off.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.elt.matches?.("#inbox-open input[type=file]")) detail.elt.value = "";
});

// --- canned replies, variables, preview -------------------------------------------------------------

function insert(text) {
  const target = field();
  if (!target) return;
  target.setRangeText(text, target.selectionStart, target.selectionEnd, "end");
  target.focus();
  target.dispatchEvent(new Event("input", { bubbles: true }));
}

function tellMissing(missing) {
  const output = form()?.querySelector("[data-missing]");
  if (!output) return;
  output.hidden = missing.length === 0;
  output.textContent = missing.length ? `No value for ${missing.join(", ")}: fill it in before it can leave.` : "";
}

async function filled(values) {
  const answer = await post(form().dataset.preview, values);
  if (answer.ok) return answer.json();
  toast(await answer.text());
  return null;
}

async function useCanned(id) {
  const found = await filled({ canned: id });
  if (!found) return;
  form().querySelector("[data-canned-field]").value = id;
  insert(found.text);
  tellMissing(found.missing);
}

async function previewReply() {
  const text = field().value;
  if (!text.includes("{{") && !text.includes("{%")) {
    toast("This leaves as it stands: there are no variables in it.");
    return;
  }
  const found = await filled({ body: text });
  if (!found) return;
  const before = text;
  field().value = found.text;
  field().dispatchEvent(new Event("input", { bubbles: true }));
  tellMissing(found.missing);
  toast("Variables are filled in.", { undo: () => take({ body: before, version: form().dataset.draftVersion }) });
}

// --- ways and times ---------------------------------------------------------------------------------

const wayField = () => form()?.querySelector("[data-way-field]");

function chooseWay(button) {
  const target = form();
  const isOwn = button.dataset.way === target.dataset.ownWay;
  wayField().value = isOwn ? "" : button.dataset.way;
  target.querySelector("[data-way-name]").textContent = button.dataset.wayLabel;
  target.querySelector("[data-way-icon]").replaceChildren(button.querySelector("svg").cloneNode(true));
  const box = target.querySelector("[data-other-way]");
  box.hidden = isOwn;
  box.querySelector("[data-other-name]").textContent = button.dataset.wayLabel;
  box.querySelector("[data-other-channel]").textContent = button.dataset.wayChannelName;
  box.querySelector("[data-other-to]").textContent = button.dataset.wayTo;
  box.querySelector("[data-new-subject]").hidden = button.dataset.wayChannel !== "email";
  const copied = target.querySelector("[data-copies]");
  if (copied) copied.disabled = button.dataset.wayChannel !== "email";
  box.querySelector("[data-confirm-way]").checked = false;
}

function leaveAt(instant) {
  const hidden = form().querySelector("[data-leaves-at]");
  hidden.value = instant;
  form().requestSubmit();
  hidden.value = "";
}

document.addEventListener("click", (event) => {
  const at = (selector) => event.target.closest(`#inbox-open ${selector}`);
  const canned = at("[data-canned]");
  const variable = at("[data-variable]");
  const way = at("[data-way]");
  const later = at("[data-later]");
  const mention = at("[data-mention]");
  if (!canned && !variable && !way && !later && !mention && !at("[data-preview-reply]")) return;
  if (canned) useCanned(canned.dataset.canned);
  else if (variable) insert(`{{ ${variable.dataset.variable} }}`);
  else if (way) chooseWay(way);
  else if (later) leaveAt(later.dataset.later);
  else if (mention) finishMention(mention.dataset.mention);
  else previewReply();
  event.target.closest("[popover]")?.hidePopover();
});

document.addEventListener("change", (event) => {
  if (!event.target.matches("#inbox-open [data-later-at]") || !event.target.value) return;
  const moment = new Date(instantOf(event.target.value));
  if (moment <= new Date()) {
    toast("Choose a time in the future.");
    return;
  }
  event.target.closest("[popover]")?.hidePopover();
  leaveAt(moment.toISOString());
});

// --- mentions ---------------------------------------------------------------------------------------

const menu = () => document.querySelector("#inbox-open [id^='mentions-']");

/** While "@na" is written in a note, offer whom it may mean. */
function complete(target) {
  const list = menu();
  if (!list) return;
  const before = target.value.slice(0, target.selectionStart);
  const typed = mode() === "note" ? before.match(/(?:^|\s)@([\p{L}\p{N}.'-]*)$/u) : null;
  if (!typed) {
    if (list.matches(":popover-open")) list.hidePopover();
    return;
  }
  const wanted = typed[1].toLowerCase();
  let first = true;
  for (const person of list.querySelectorAll("[data-mention]")) {
    const name = person.dataset.mention.toLowerCase();
    person.hidden = !name.split(" ").some((part) => part.startsWith(wanted)) && !name.startsWith(wanted);
    person.setAttribute("aria-selected", String(!person.hidden && first));
    if (!person.hidden) first = false;
  }
  const isAny = !first;
  if (isAny && !list.matches(":popover-open")) {
    list.showPopover();
    const box = target.getBoundingClientRect();
    list.style.left = `${box.left + 12}px`;
    list.style.top = `${Math.max(8, box.top - list.offsetHeight - 4)}px`;
  } else if (!isAny && list.matches(":popover-open")) list.hidePopover();
}

function finishMention(name) {
  const target = field();
  const end = target.selectionStart;
  const start = target.value.lastIndexOf("@", end - 1);
  target.setRangeText(`@${name} `, start, end, "end");
  menu()?.hidePopover();
  target.focus();
  target.dispatchEvent(new Event("input", { bubbles: true }));
}

document.addEventListener(
  "keydown",
  (event) => {
    if (event.target !== field() || !menu()?.matches(":popover-open")) return;
    if (event.key === "Escape") {
      event.preventDefault();
      menu().hidePopover();
    }
    else if (event.key === "Enter" || event.key === "Tab") {
      const chosen = menu().querySelector("[aria-selected=true]");
      if (!chosen) return;
      event.preventDefault();
      event.stopPropagation();
      finishMention(chosen.dataset.mention);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const shown = [...menu().querySelectorAll("[data-mention]")].filter((person) => !person.hidden);
      const at = shown.findIndex((person) => person.getAttribute("aria-selected") === "true");
      const next = shown[(at + (event.key === "ArrowDown" ? 1 : shown.length - 1)) % shown.length];
      for (const person of shown) person.setAttribute("aria-selected", String(person === next));
    }
  },
  true,
);

// --- opened -----------------------------------------------------------------------------------------

/** A refused reply, or a draft, keeps whom it was to leave from: the writer sees so, and is asked again. */
function restoreWay() {
  const given = wayField()?.value;
  const button = given && document.querySelector(`#inbox-open [data-way="${given}"]`);
  if (button) chooseWay(button);
  else if (given) wayField().value = "";
}

function opened() {
  restoreWay();
  kept = field()?.value ?? "";
  keptMode = mode();
  keptCopies = JSON.stringify(copies());
}
document.addEventListener("htmx:afterSwap", (event) => {
  const target = event.detail.elt ?? event.target;
  if (target.querySelector?.("[data-reply-form]") || target.id?.startsWith("composer-")) opened();
});
opened();
