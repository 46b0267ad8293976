/* Shows one page where the portal is not reached. It keeps that page, what it is made of, and nothing else.
   web/pwa.py serves this file as /sw.js and says in front of it what is KEPT: { version, page, parts }. */
"use strict";

const CACHE = `offline-${KEPT.version}`;
const whole = (path) => new URL(path, location).href;
const PAGE = whole(KEPT.page);
const PARTS = KEPT.parts.map(whole);

const kept = (address) => caches.match(address, { cacheName: CACHE });

self.addEventListener("install", (event) => {
  const asked = [PAGE, ...PARTS].map((address) => new Request(address, { credentials: "omit" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(asked)).then(() => self.skipWaiting()));
});

/* No open page depends on what the one before kept, so the new one takes over at once. */
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

/* What is not answered here goes its way as without this file: forms, htmx, pictures, downloads, frames. */
self.addEventListener("fetch", (event) => {
  const { method, destination, url } = event.request;
  if (method !== "GET") return;
  if (destination === "document") {
    event.respondWith(fetch(event.request).catch(async (error) => (await kept(PAGE)) ?? Promise.reject(error)));
  } else if (PARTS.includes(url)) {
    event.respondWith(kept(url).then((part) => part ?? fetch(event.request)));
  }
});
