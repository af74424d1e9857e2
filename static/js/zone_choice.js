// Choosing a time zone: the browser's own is offered, where it is not the one that is chosen.
const hint = document.querySelector("[data-browser-zone]");
const field = document.querySelector("select[name=time_zone]");
const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

if (hint && field && field.value !== own && [...field.options].some((option) => option.value === own)) {
  hint.hidden = false;
  hint.querySelector("[data-zone-name]").textContent = own;
  hint.querySelector("button").addEventListener("click", () => {
    field.value = own;
    hint.hidden = true;
    field.focus();
  });
}
