// Waiting, and working in slices that leave the page responsive.

const SLICE = 20;

/** Resolve after so many milliseconds. */
export function sleep(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Call `apply(item, left)` for each item, pausing between slices; `left` counts down. */
export async function applyInSlices(items, apply) {
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % SLICE === 0) await sleep(0);
    apply(item, items.length - index);
  }
}
