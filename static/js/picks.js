// Picking rows of a table for an act on many. The boxes of the rows belong to the form by their "form" attribute, so that
// it sends them by itself; this shows the form while something is picked, and says how many.
//
//   <form id="lead-acts" data-picks="lead" hidden>...</form>
//   <input type="checkbox" name="lead" value="..." form="lead-acts">     <input type="checkbox" data-pick-page>
import { register } from "./keys.js";

const form = () => document.querySelector("form[data-picks]");
const boxes = () => [...document.querySelectorAll(`input[type=checkbox][form="${form()?.id}"]`)];
let last = null;

function show() {
  const bar = form();
  if (!bar) return;
  const all = boxes();
  const picked = all.filter((box) => box.checked);
  const everybody = bar.querySelector("[data-pick-all-value]");
  const isPage = picked.length === all.length && all.length > 0;
  if (!isPage) everybody.value = "";
  bar.hidden = picked.length === 0;
  const offer = bar.querySelector("[data-pick-everybody]");
  offer.hidden = !isPage || Boolean(everybody.value) || !document.getElementById("more-leads");
  const total = offer.textContent.replace(/^\D+/, "").trim();
  bar.querySelector("[data-pick-count]").textContent = everybody.value ? `All ${total}` : `${picked.length} picked`;
  const head = document.querySelector("[data-pick-page]");
  if (head) {
    head.checked = isPage;
    head.indeterminate = picked.length > 0 && !isPage;
  }
  for (const box of all) box.closest("tr")?.classList.toggle("sel", box.checked);
}

function pickNobody() {
  for (const box of boxes()) box.checked = false;
  show();
}

document.addEventListener("click", (event) => {
  const box = event.target.closest?.("input[type=checkbox][form]");
  if (box && box.form === form()) {
    const all = boxes();
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((one, other) => one - other);
      for (const between of all.slice(from, to + 1)) between.checked = box.checked;
    }
    last = box;
    show();
    return;
  }
  const button = event.target.closest?.("[data-pick-page], [data-pick-nobody], [data-pick-everybody], [data-act-seen]");
  if (!button) return;
  if (button.matches("[data-pick-page]")) for (const one of boxes()) one.checked = button.checked;
  if (button.matches("[data-pick-nobody]")) pickNobody();
  if (button.matches("[data-pick-everybody]")) form().querySelector("[data-pick-all-value]").value = "1";
  if (button.matches("[data-act-seen]")) document.getElementById("lead-act")?.replaceChildren();
  show();
});

// --- keys: j and k go through the rows, x picks the one that has the focus ------------------------------

const rows = () => boxes().map((box) => box.closest("tr"));
const here = () => rows().findIndex((row) => row.contains(document.activeElement));

function go(by) {
  const all = rows();
  const at = here();
  const next = all[Math.min(Math.max(at < 0 ? 0 : at + by, 0), all.length - 1)];
  next?.querySelector("a")?.focus();
}

register("j", "Next person", () => go(1), () => boxes().length > 0);
register("k", "Previous person", () => go(-1), () => boxes().length > 0);
register("x", "Pick the person", () => boxes()[here()]?.click(), () => here() >= 0);
register("Escape", "Pick nobody", pickNobody, () => boxes().some((box) => box.checked));

// What was picked has been handed over; more rows may have come.
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt === form() && event.detail.successful) {
    for (const menu of document.querySelectorAll(".menu:popover-open")) menu.hidePopover();
    pickNobody();
  }
});
document.addEventListener("htmx:afterSettle", show);
show();
