// Reads changes out politely: at most once in five seconds, however many there are.

const EVERY = 5_000;
const SPOKEN = 3;
let queue = [];
let timer = 0;
let spokenAt = -EVERY;

/** Have `text` read out with the next batch. */
export function announce(text) {
  if (!text || queue.includes(text)) return;
  queue.push(text);
  timer ||= setTimeout(speak, Math.max(0, spokenAt + EVERY - performance.now()));
}

function region() {
  const found = document.getElementById("live-announcer");
  if (found) return found;
  const made = Object.assign(document.createElement("div"), { id: "live-announcer", className: "sr-only" });
  made.setAttribute("aria-live", "polite");
  document.body.append(made);
  return made;
}

function speak() {
  timer = 0;
  spokenAt = performance.now();
  const more = queue.length - SPOKEN;
  region().textContent = queue.slice(0, SPOKEN).join(". ") + (more > 0 ? `. And ${more} more` : "");
  queue = [];
}

region();
