// Signing in. Six boxes drawn over one real input for a one-time code, which sends itself after the sixth digit; what is
// not a six-digit code (a recovery code) goes into the plain input, which "data-otp-plain" brings back. And passkeys.
const SIX = /^\d{6}$/;

function boxes(input) {
  const holder = input.closest("[data-otp]");
  const row = document.createElement("div");
  row.className = "otp-boxes";
  row.setAttribute("aria-hidden", "true");
  for (let index = 0; index < 6; index += 1) {
    row.append(Object.assign(document.createElement("span"), { className: "input" }));
  }
  holder.append(row);
  holder.classList.add("boxed");

  const draw = () => {
    const isFocused = document.activeElement === input;
    [...row.children].forEach((box, index) => {
      box.textContent = input.value[index] ?? "";
      const isNext = isFocused && index === Math.min(input.value.length, 5);
      box.classList.toggle("focus", isNext);
      if (isNext && !input.value[index]) {
        box.append(Object.assign(document.createElement("i"), { className: "caret" }));
      }
    });
  };
  const change = () => {
    input.value = input.value.replace(/\D/g, "").slice(0, 6);
    draw();
    if (SIX.test(input.value)) input.form.requestSubmit();
  };
  input.addEventListener("input", change);
  input.addEventListener("focus", draw);
  input.addEventListener("blur", draw);
  draw();

  document.querySelector("[data-otp-plain]")?.addEventListener("click", () => {
    row.remove();
    holder.classList.remove("boxed");
    input.removeEventListener("input", change);
    input.removeAttribute("maxlength");
    input.inputMode = "text";
    input.value = "";
    input.placeholder = "Recovery code";
    input.focus();
  });
}

for (const input of document.querySelectorAll("[data-otp] input")) boxes(input);

// Passkeys: a cancelled or refused ceremony is said in place; allauth only logs it.
document.addEventListener("allauth.error", (event) => {
  const place = document.querySelector("[data-passkey-error]");
  if (!place) return;
  event.preventDefault();
  const refused = event.detail.exception?.name === "NotAllowedError";
  place.querySelector("[data-text]").textContent = refused
    ? "The passkey was not used: it was cancelled, or this browser has none for this address."
    : "The passkey could not be used. Sign in another way, or try again.";
  place.hidden = false;
});
