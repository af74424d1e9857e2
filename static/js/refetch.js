// Parts of a page that are fetched again when their stream says that figures changed, at most once in a while.
//
//   <section id="campaign" data-live-view="campaign:0190..." data-live-src="..." data-live-stream="campaign:0190..."
//            data-live-refetch="1500">
import { refreshRegion } from "./live/regions.js";

const DEFAULT_PAUSE = 1_500;
const pending = new Map();

document.addEventListener("live:frame", (event) => {
  const { stream, html } = event.detail;
  if (html) return;
  for (const region of document.querySelectorAll("[data-live-refetch]")) {
    const streams = (region.dataset.liveView ?? "").split(/[\s,]+/);
    if (streams.includes(stream)) later(region);
  }
});

/** Whether a person is using the part as it is: paused it, picked something in it, or loaded more of it. */
function isHeld(region) {
  return region.matches("[data-paused]") || region.querySelector("input[type=checkbox]:checked, [data-more]") !== null;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-pause]");
  const region = button && document.getElementById(button.dataset.pause);
  if (!region) return;
  const paused = region.toggleAttribute("data-paused");
  button.setAttribute("aria-pressed", String(paused));
});

// What was picked has been handed over: the list goes on.
document.addEventListener("htmx:afterSwap", (event) => {
  const list = event.detail.target?.querySelector?.("[data-unpick]")?.dataset.unpick;
  for (const box of document.getElementById(list ?? "")?.querySelectorAll("input[type=checkbox]:checked") ?? []) {
    box.checked = false;
  }
});

function later(region) {
  if (pending.has(region.id)) return;
  const pause = Number(region.dataset.liveRefetch) || DEFAULT_PAUSE;
  pending.set(
    region.id,
    setTimeout(() => {
      pending.delete(region.id);
      const present = document.getElementById(region.id);
      if (present && isHeld(present)) later(present);
      else refreshRegion(present);
    }, pause),
  );
}
