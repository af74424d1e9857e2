// Signing out ends the notices that this browser takes: a shared computer tells the next person nothing. The push service
// says from then on that the subscription is gone, and the server forgets it.
const LONGEST = 1_500;

async function endPushes() {
  const worker = await navigator.serviceWorker?.getRegistration("/");
  const there = await worker?.pushManager?.getSubscription();
  await there?.unsubscribe();
}

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("[data-sign-out]")) return;
  event.preventDefault();
  await Promise.race([endPushes().catch(() => null), new Promise((done) => setTimeout(done, LONGEST))]);
  event.target.submit();
});
