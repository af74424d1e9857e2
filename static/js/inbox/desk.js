// The desk of unmatched replies: j and k go from one to the next, which opens it; 1 to 3 link, c creates a lead.
import { register } from "../keys.js";
import { live } from "../live.js";
import { showTimes } from "../times.js";

const items = () => [...document.querySelectorAll("#desk > [data-desk]")];
const current = () => document.querySelector("#desk > .cursor");

function open(item) {
  if (!item) return;
  for (const other of items()) other.classList.toggle("cursor", other === item);
  item.scrollIntoView({ block: "nearest" });
  globalThis.htmx.trigger(item.querySelector(".desk-more"), "open-item");
}

function step(by) {
  const all = items();
  open(all[Math.max(0, Math.min(all.length - 1, all.indexOf(current()) + by))]);
}

const press = (key) => current()?.querySelector(`[data-desk-key="${key}"]`)?.click();

register("j", "Next reply", () => step(1));
register("k", "Previous reply", () => step(-1));
for (const key of ["1", "2", "3"]) register(key, `Link candidate ${key}`, () => press(key));
register("c", "Create a lead", () => press("c"), () => Boolean(current()?.querySelector('[data-desk-key="c"]')));

document.addEventListener("click", (event) => {
  const item = event.target.closest("#desk > [data-desk]");
  if (item && !event.target.closest("a, button, input")) open(item);
});

// What was linked is gone: the next one takes its place.
document.addEventListener("htmx:beforeSwap", (event) => {
  const item = event.detail.target?.closest?.("[data-desk]");
  if (!item || event.detail.requestConfig.verb !== "post" || event.detail.xhr.status >= 400) return;
  const next = item.nextElementSibling?.matches("[data-desk]") ? item.nextElementSibling : item.previousElementSibling;
  setTimeout(() => {
    open(next);
    document.querySelector(".desk-empty").hidden = items().length > 0;
  }, 0);
});

// --- live -------------------------------------------------------------------------------------------

const NEW_AFTER = 600;
let timer = 0;

/** What somebody else has linked or put away leaves; what has come enters on top. The open one stays as it is. */
live.on("frame", ({ kind, html }) => {
  if (kind !== "conversation.changed" || !html) return;
  const parsed = document.createElement("template");
  parsed.innerHTML = html;
  const row = parsed.content.querySelector("template")?.content.querySelector("[id^=conversation-row-]");
  const facts = JSON.parse(row?.querySelector("[data-live-facts]")?.dataset.liveFacts ?? row?.dataset.liveFacts ?? "null");
  if (!facts) return;
  const item = document.getElementById(row.id.replace("conversation-row-", "desk-"));
  const isHere = !facts.matched && facts.status === "open";
  if (item && !isHere) leave(item);
  else if (!item && isHere) timer ||= setTimeout(enter, NEW_AFTER * (1 + Math.random()));
});

function leave(item) {
  // What is being linked here leaves with its own answer, which says how to take that back.
  if (item.querySelector(".htmx-request")) return;
  const wasOpen = item === current();
  const next = item.nextElementSibling?.matches("[data-desk]") ? item.nextElementSibling : item.previousElementSibling;
  item.remove();
  if (wasOpen) open(next);
  document.querySelector(".desk-empty").hidden = items().length > 0;
}

async function enter() {
  timer = 0;
  const answer = await fetch(location.href, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const parsed = document.createElement("template");
  parsed.innerHTML = await answer.text();
  showTimes(parsed.content);
  const fresh = [...parsed.content.querySelectorAll("[data-desk]")].filter((item) => !document.getElementById(item.id));
  document.getElementById("desk").prepend(...fresh);
  for (const item of fresh) globalThis.htmx.process(item);
  document.querySelector(".desk-empty").hidden = items().length > 0;
  if (!current()) open(items()[0]);
}

open(items()[0]);
