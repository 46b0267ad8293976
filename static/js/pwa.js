/* MinaSidor on the home screen: starts the worker that shows /offline. */
"use strict";

{
  /* Not in frames, such as the gallery's; and where a browser takes no worker, all works without it. */
  if (window.top === window && navigator.serviceWorker) {
    const { worker } = document.currentScript.dataset;
    addEventListener("load", () => navigator.serviceWorker.register(worker).catch(() => {}));
  }
}
