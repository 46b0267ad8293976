/* The gallery: filters while one types, keeps links in frames from leading away, and asks axe. */
"use strict";

{
  const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];

  /* Overview. The form works without this; with it, what does not match is hidden at once. */
  function filter(form) {
    const words = form.elements.filter.value.toLowerCase().split(/\s+/);
    const thumbs = [...document.querySelectorAll("[data-text]")];
    for (const thumb of thumbs) {
      const text = thumb.dataset.text.toLowerCase();
      thumb.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of document.querySelectorAll("[data-group]")) {
      group.hidden = !group.querySelector("[data-text]:not([hidden])");
    }
    const count = thumbs.filter((thumb) => !thumb.hidden).length;
    document.querySelector("[data-count]").textContent = `${count} tillstånd`;
    const address = new URL(location.href);
    address.searchParams.set("filter", form.elements.filter.value);
    history.replaceState(history.state, "", address);
  }

  /* Without a script browsers load all frames at once, not only those in view: so the script opens them. */
  for (const thumb of document.querySelectorAll("[data-src]")) thumb.src = thumb.dataset.src;

  const form = document.querySelector("[data-filter]");
  form?.addEventListener("input", () => filter(form));

  /* Viewer. */
  function keepInside(frame) {
    frame.contentDocument.addEventListener("click", (event) => {
      const link = event.target.closest("a[href]");
      if (link && !link.getAttribute("href").startsWith("#")) {
        event.preventDefault();
        event.stopPropagation();
      }
    }, true);
  }

  const axeIn = (frame, address) => new Promise((resolve, reject) => {
    const script = frame.contentDocument.createElement("script");
    script.src = address;
    script.addEventListener("load", () => resolve(frame.contentWindow.axe));
    script.addEventListener("error", reject);
    frame.contentDocument.head.append(script);
  });

  const element = (name, text, ...children) => {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    made.append(...children);
    return made;
  };

  function show(result, { violations, passes }) {
    if (!violations.length) {
      result.replaceChildren(element("p", `axe hittar inga fel. ${passes.length} regler prövades.`));
      return;
    }
    const findings = violations.map(({ id, help, nodes }) => element(
      "li", "", element("strong", `${help} (${id})`), ...nodes.map(({ html }) => element("code", html)),
    ));
    const list = element("ul", "", ...findings);
    list.className = "findings";
    list.lang = "en";
    const words = violations.length === 1 ? "axe hittar ett fel." : `axe hittar ${violations.length} fel.`;
    result.replaceChildren(element("p", words), list);
  }

  async function inspect(frame, result) {
    try {
      const axe = await axeIn(frame, result.dataset.axe);
      const options = { runOnly: { type: "tag", values: TAGS }, resultTypes: ["violations"] };
      show(result, await axe.run(frame.contentDocument, options));
    } catch {
      result.replaceChildren(element("p", "axe gick inte att köra här."));
    }
  }

  function fit(frame) {
    const stage = frame.parentElement;
    stage.dataset.fitted = "";
    stage.style.setProperty("--scale", Math.min(1, stage.clientWidth / frame.offsetWidth));
  }

  function opened(frame) {
    if (!frame.contentDocument || frame.contentDocument.URL === "about:blank") return;
    keepInside(frame);
    const result = document.querySelector("[data-axe]");
    if (!result) return;
    if (frame.contentDocument.querySelector(".template-error")) {
      result.replaceChildren(element("p", "Det finns ett fel att rätta först."));
    } else inspect(frame, result);
  }

  const frame = document.querySelector(".viewer__frame");
  if (frame) {
    new ResizeObserver(() => fit(frame)).observe(frame.parentElement);
    frame.addEventListener("load", () => opened(frame));
    if (frame.contentDocument?.readyState === "complete") opened(frame);
  }
}
