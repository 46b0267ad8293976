/* Shows a saved template or style sheet at once. Development only: web/development/live_reload.py. */
"use strict";

{
  const known = { ...document.currentScript.dataset };
  const every = 400; // milliseconds

  async function changed() {
    const answer = await fetch(known.address, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const { page, style } = await answer.json();
    if (page !== known.page) {
      known.page = page;
      reload();
    } else if (style !== known.style) {
      known.style = style;
      restyle(document);
    }
  }

  /* The place on the page is kept. What came as the answer to a form is fetched, never sent again. */
  function reload() {
    if (known.method === "GET") location.reload();
    else location.replace(location.pathname + location.search);
  }

  /* What was typed stays: the old sheet goes when the new one is there. */
  function restyle(page) {
    for (const old of page.querySelectorAll("link[rel=stylesheet]:not([data-replaced])")) {
      const fresh = old.cloneNode();
      const address = new URL(old.href);
      address.searchParams.set("v", known.style);
      fresh.href = address;
      fresh.addEventListener("load", () => old.remove());
      fresh.addEventListener("error", () => { fresh.remove(); delete old.dataset.replaced; });
      old.dataset.replaced = "";
      old.after(fresh);
    }
    for (const frame of page.querySelectorAll("iframe")) {
      if (frame.contentDocument) restyle(frame.contentDocument);
      else frame.src = frame.src; // sandboxed
    }
  }

  async function watch() {
    if (document.visibilityState === "visible") await changed().catch(() => {}); // the server restarts
    setTimeout(watch, every);
  }

  if (window.top === window) watch(); // the page around a frame sees to it
}
