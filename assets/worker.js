// The service worker: shows what the server tells while no page is open, and opens the page that a notice is about. It
// keeps nothing and answers no request.

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

/** What the server sends: { title, body, url, tag }, encrypted on its way. */
self.addEventListener("push", (event) => {
  const { title = "Drive", body = "", url = "/", tag } = event.data?.json() ?? {};
  event.waitUntil(self.registration.showNotification(title, { body, tag, data: { url } }));
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(show(new URL(event.notification.data.url, self.location.origin)));
});

async function show(url) {
  if (url.origin !== self.location.origin) return;
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const page = pages.find((client) => new URL(client.url).pathname === url.pathname);
  if (page === undefined) return self.clients.openWindow(url.href);
  page.postMessage({ open: url.href }); // it goes there by itself, without losing what it does
  await page.focus();
}
