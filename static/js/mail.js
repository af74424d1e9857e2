// Mail as it was made, in its sandboxed frame: as high as it is, with its pictures only when somebody asks.
const HIGHEST = 4000;

/** The frame has no scripts of its own and shares our origin, so that its height can be read. */
function fit(frame) {
  const root = frame.contentDocument?.documentElement;
  if (!root) return;
  const measure = () => {
    frame.style.height = "0";
    frame.style.height = `${Math.min(HIGHEST, root.scrollHeight + 4)}px`;
  };
  measure();
  root.addEventListener("toggle", measure, true);
  for (const picture of root.querySelectorAll("img")) picture.addEventListener("load", measure);
}

// "load" does not bubble; it is captured.
document.addEventListener("load", (event) => event.target.matches?.("iframe.mail-frame") && fit(event.target), true);
for (const frame of document.querySelectorAll("iframe.mail-frame")) fit(frame);

document.addEventListener("click", (event) => {
  const images = event.target.closest("[data-mail-images]");
  if (images) {
    const frame = images.closest("[data-mail]").querySelector("iframe");
    frame.src = `${frame.src.split("?")[0]}?images=1`;
    images.remove();
    return;
  }
  const asText = event.target.closest("[data-mail-as-text]");
  if (!asText) return;
  const mail = asText.closest("[data-mail]");
  const text = mail.parentElement.querySelector("[data-mail-text]");
  const frame = mail.querySelector("iframe");
  text.hidden = !text.hidden;
  frame.hidden = !text.hidden;
  asText.lastChild.textContent = text.hidden ? "As text" : "As it was made";
});
