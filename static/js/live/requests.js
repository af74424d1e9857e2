// A press is answered as the button said when it was pressed, although a push may turn that button into another one
// while the request is under way: htmx reads hx-swap only when the answer is there.
const asked = new WeakMap();

document.addEventListener("htmx:beforeRequest", ({ detail: { elt, xhr } }) => {
  const swap = elt?.closest("[hx-swap]")?.getAttribute("hx-swap");
  if (swap) asked.set(xhr, swap);
});

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  detail.swapOverride ??= asked.get(detail.xhr);
});
