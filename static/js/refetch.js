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

function later(region) {
  if (pending.has(region.id)) return;
  const pause = Number(region.dataset.liveRefetch) || DEFAULT_PAUSE;
  pending.set(
    region.id,
    setTimeout(() => {
      pending.delete(region.id);
      refreshRegion(document.getElementById(region.id));
    }, pause),
  );
}
