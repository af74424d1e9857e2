// Copied steps, kept in this browser so that they can be pasted into another campaign.
const STORE = "builder-copied";

/** The steps that were copied last, as the plan has them. */
export function copied() {
  try {
    return JSON.parse(localStorage.getItem(STORE) ?? "[]");
  } catch {
    return [];
  }
}

/** Copy steps by id. */
export function copy(ids) {
  const nodes = JSON.parse(document.getElementById("plan-nodes")?.getAttribute("value") ?? "[]");
  const found = nodes.filter((node) => ids.includes(node.id));
  if (found.length) localStorage.setItem(STORE, JSON.stringify(found));
}
