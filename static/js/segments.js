// How many parts a text message is sent in; the same count as campaigns/rendering/lengths.py.
const GSM = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿" +
    "abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENDED = new Set("^{}\\[~]|€\f");

/** Return `{encoding, units, count}` of a text. A unit is a GSM-7 septet or a UCS-2 code unit. */
export function smsSegments(text) {
  const letters = [...text.replaceAll("\r\n", "\n")];
  const plain = letters.every((letter) => GSM.has(letter) || EXTENDED.has(letter));
  const sizes = letters.map((letter) => (plain ? (EXTENDED.has(letter) ? 2 : 1) : letter.length));
  const units = sizes.reduce((sum, size) => sum + size, 0);
  const [single, part, encoding] = plain ? [160, 153, "GSM-7"] : [70, 67, "UCS-2"];
  if (units <= single) return { encoding, units, count: 1 };
  let count = 1;
  let filled = 0;
  for (const size of sizes) {
    // A letter of two units is never split between parts.
    if (filled + size > part) [count, filled] = [count + 1, 0];
    filled += size;
  }
  return { encoding, units, count };
}

/** Say it in a few words: "171 characters, 2 texts". */
export function sayLength(text) {
  const { units, count, encoding } = smsSegments(text);
  const why = encoding === "UCS-2" ? ", with letters that make texts shorter" : "";
  return `${units} ${units === 1 ? "character" : "characters"}, ${count} ${count === 1 ? "text" : "texts"}${why}`;
}

function show(field) {
  const counter = document.getElementById(field.dataset.segments);
  if (counter) counter.textContent = field.value.trim() ? sayLength(field.value.trim()) : "";
}

document.addEventListener("input", (event) => {
  const field = event.target.closest?.("textarea[data-segments]");
  if (field) show(field);
});

// A refused reply comes back with its text.
document.addEventListener("htmx:afterSwap", () => {
  for (const field of document.querySelectorAll("textarea[data-segments]")) show(field);
});
