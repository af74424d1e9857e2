// Taking a conversation over from whoever has just claimed it: the server refuses it once and says who has it; the same
// act done once more, soon, means it.
const MEANT_FOR = 20_000;
let asked = "";
let refused = "";
let refusedAt = 0;

/** The same act, and that its person has been told, where they have just been. */
export function meant(values) {
  asked = values.act === "assign" ? `${values.ids} ${values.assignee ?? ""}` : "";
  const isMeant = asked && asked === refused && performance.now() - refusedAt < MEANT_FOR;
  return isMeant ? { ...values, despite_claim: "1" } : values;
}

document.addEventListener("htmx:responseError", ({ detail }) => {
  if (detail.xhr.status !== 409 || !detail.pathInfo.requestPath.endsWith("/inbox/acts/")) return;
  refused = asked;
  refusedAt = performance.now();
});
