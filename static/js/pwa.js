/* MinaSidor on the home screen: the worker that shows /offline, and a button for browsers that can install. */
"use strict";

{
  /* Not in frames, such as the gallery's; and where a browser takes no worker, all works without it. */
  if (window.top === window && navigator.serviceWorker) {
    const { worker } = document.currentScript.dataset;
    addEventListener("load", () => navigator.serviceWorker.register(worker).catch(() => {}));
  }

  /* The button does what the words beside it tell how to do. Other pages leave it to the browser. */
  addEventListener("beforeinstallprompt", (event) => {
    const button = document.querySelector("#install button");
    if (!button) return;
    event.preventDefault();
    button.previousElementSibling.hidden = true;
    button.hidden = false;
    button.addEventListener("click", () => event.prompt());
  });
  addEventListener("appinstalled", () => document.getElementById("install")?.remove());
}
