// Installing the service worker, and letting this browser take pushes (page "Notifications").
const button = document.querySelector("[data-push]");
const state = document.querySelector("[data-push-state]");
const csrf = () => JSON.parse(document.body.getAttribute("hx-headers") ?? "{}")["X-CSRFToken"] ?? "";

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/").padEnd(Math.ceil(text.length / 4) * 4, "="));
  return Uint8Array.from(plain, (character) => character.charCodeAt(0));
}

const registration = navigator.serviceWorker?.register("/worker.js", { scope: "/" }).catch(() => null);

async function post(values) {
  return fetch(button.dataset.push, {
    method: "POST",
    body: new URLSearchParams(values),
    headers: { "X-CSRFToken": csrf() },
    credentials: "same-origin",
  });
}

async function show() {
  if (!button) return;
  const worker = await registration;
  if (!worker?.pushManager || !("Notification" in window)) {
    state.textContent = "This browser cannot take notices. On a phone, add this page to the home screen first.";
    button.hidden = true;
    return;
  }
  const there = await worker.pushManager.getSubscription();
  button.hidden = false;
  button.dataset.on = there ? "1" : "";
  button.textContent = there ? "Stop notices in this browser" : "Show notices in this browser";
  if (Notification.permission === "denied") state.textContent = "Notices are blocked in this browser's settings.";
  else state.textContent = there ? "This browser shows notices." : "";
}

button?.addEventListener("click", async () => {
  const worker = await registration;
  const there = await worker.pushManager.getSubscription();
  if (there) {
    await post({ endpoint: there.endpoint, off: "1" });
    await there.unsubscribe();
    return show();
  }
  try {
    const made = await worker.pushManager.subscribe({
      userVisibleOnly: true,
      applicationServerKey: bytes(button.dataset.pushKey),
    });
    const { endpoint, keys } = made.toJSON();
    const answer = await post({ endpoint, p256dh: keys.p256dh, auth: keys.auth, label: navigator.userAgent.slice(0, 120) });
    if (!answer.ok) {
      await made.unsubscribe();
      state.textContent = await answer.text();
      return undefined;
    }
  } catch {
    state.textContent = "The browser did not allow it.";
    return undefined;
  }
  return show();
});
show();
