// The service worker: shows pushes, opens what they are about, and says so when there is no connection. It keeps no
// pages: what is shown of the inbox is never older than its connection chip says.
const OFFLINE = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>No connection</title><body style="font:16px/24px system-ui;padding:48px 24px;max-width:420px;margin:auto">
<h1 style="font-size:20px">No connection</h1><p>Nothing is lost: what you wrote lies on the server, and what was sent
goes out from there.</p><p><a href="">Try again</a></p></body></html>`;

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  if (event.request.mode !== "navigate") return;
  event.respondWith(
    fetch(event.request).catch(
      () => new Response(OFFLINE, { status: 503, headers: { "Content-Type": "text/html; charset=utf-8" } }),
    ),
  );
});

self.addEventListener("push", (event) => {
  let notice = {};
  try {
    notice = event.data?.json() ?? {};
  } catch {
    notice = { title: event.data?.text() };
  }
  event.waitUntil(show(notice));
});

async function show({ title = "Outbound Engine X", body = "", url = "/", tag = "inbox" }) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  // Whoever looks at it sees it arrive by itself.
  if (windows.some((client) => client.focused && client.url.startsWith(url))) return;
  await self.registration.showNotification(title, {
    body,
    tag,
    renotify: true,
    icon: "/static/brand/icon-192.png",
    badge: "/static/brand/icon-192.png",
    data: { url },
  });
}

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url ?? "/"));
});

async function open(url) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = windows.find((client) => new URL(client.url).origin === new URL(url, self.location.origin).origin);
  if (!there) return self.clients.openWindow(url);
  await there.focus();
  return there.navigate(url);
}
