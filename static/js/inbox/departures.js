// A scheduled reply got another time: what it was chosen in folds up again.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) detail.elt.closest?.("[data-departure]")?.removeAttribute("open");
});
