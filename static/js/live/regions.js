// Parts of a page that are fetched again as a whole when single fragments cannot repair them.
//
//   <section id="thread" data-live-view="conversation:0190..." data-live-src="/o/kestrel/inbox/0190.../thread">
//
// What a heading outside of a region says about it, the region carries with it:
//   <span data-tells="ledger">1 open</span> ... <section id="ledger" data-told="1 open" data-live-src="...">
import { morph } from "./morph.js";

const underWay = new Map();

/** Fetch the regions that show `stream` again, or all of them. */
export function refreshRegions(stream = "") {
  const regions = [...document.querySelectorAll("[data-live-view][data-live-src]")].filter((region) => {
    const streams = region.dataset.liveView.split(/[\s,]+/).filter(Boolean);
    return !stream || streams.length === 0 || streams.includes(stream);
  });
  return Promise.all(regions.map(refreshRegion));
}

/** Fetch one region and morph it; a second call while the first is under way fetches once more after it. */
export async function refreshRegion(region) {
  const source = region?.dataset.liveSrc;
  if (!source) return;
  if (underWay.has(source)) {
    underWay.set(source, true);
    return;
  }
  underWay.set(source, false);
  try {
    await fetchInto(region, source);
  } finally {
    const again = underWay.get(source);
    underWay.delete(source);
    if (again) await refreshRegion(document.getElementById(region.id));
  }
}

async function fetchInto(region, source) {
  const headers = { "HX-Request": "true", "HX-Target": region.id, Accept: "text/html" };
  const response = await fetch(source, { headers }).catch(() => null);
  if (!response?.ok || response.redirected) return;
  const parsed = document.createElement("template");
  parsed.innerHTML = await response.text();
  const next = parsed.content.getElementById(region.id);
  const present = document.getElementById(region.id);
  // Meanwhile the region may show something else: what was fetched for the other is not put into it.
  if (!next || present?.dataset.liveSrc !== source) return;
  morph(present, next);
  for (const note of document.querySelectorAll(`[data-tells="${region.id}"]`)) note.textContent = next.dataset.told;
}
