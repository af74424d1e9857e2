// The desk of unmatched replies: j and k go from one to the next, which opens it; 1 to 3 link, c creates a lead.
import { register } from "../keys.js";

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

open(items()[0]);
