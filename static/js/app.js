/* What plain HTML cannot do. Every page works without this file; what needs it is hidden until it runs. */
"use strict";

const page = document;
const find = (id) => page.getElementById(id);
const announce = (text) => { find("status").textContent = text; };

/* Show or hide a password. Submitting hides it again, so that browsers offer to save it. */
function showPassword(button, show) {
  find(button.getAttribute("aria-controls")).type = show ? "text" : "password";
  button.textContent = show ? button.dataset.hide : button.dataset.show;
  button.setAttribute("aria-label", `${button.textContent} lösenord`);
}

function togglePassword(button) {
  const show = find(button.getAttribute("aria-controls")).type === "password";
  showPassword(button, show);
  announce(show ? "Lösenordet visas." : "Lösenordet är dolt.");
}

/* Copy what stands in an element: one line per list item, or the key without its gaps. */
async function copy(button) {
  const source = find(button.dataset.copy);
  const lines = [...source.querySelectorAll("li")].map((item) => item.textContent.trim());
  const text = lines.length ? lines.join("\n") : source.textContent.replace(/\s/g, "");
  try {
    await navigator.clipboard.writeText(text);
    button.querySelector("span").textContent = "Kopierad";
    announce(button.dataset.copied);
  } catch {
    getSelection().selectAllChildren(source);
    announce("Det gick inte att kopiera. Texten är markerad.");
  }
}

/* Tabs as in the WAI-ARIA pattern. The links stay links: without this file each loads its own page. */
const tabsOf = (list) => [...list.querySelectorAll("a")];

function selectTab(tab) {
  for (const other of tabsOf(tab.parentElement)) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    find(other.dataset.panel).hidden = !chosen;
  }
}

function makeTabs(list) {
  const current = list.querySelector("[aria-current]");
  list.setAttribute("role", "tablist");
  for (const tab of tabsOf(list)) {
    const panel = find(tab.dataset.panel);
    tab.removeAttribute("aria-current");
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
  }
  selectTab(current);
}

function openTab(tab) {
  selectTab(tab);
  tab.focus();
  history.replaceState(history.state, "", tab.href);
}

function moveBetweenTabs(event, tab) {
  const tabs = tabsOf(tab.parentElement);
  const at = tabs.indexOf(tab);
  const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1, " ": at }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  openTab(tabs[(to + tabs.length) % tabs.length]);
}

/* Runs at the start and after every swap; each part may run again without harm. */
function enhance() {
  for (const control of page.querySelectorAll("[data-script][hidden]")) control.hidden = false;
  for (const list of page.querySelectorAll("[data-tabs]:not([role])")) makeTabs(list);
}

page.addEventListener("click", (event) => {
  const control = event.target.closest("[data-password], [data-copy], [data-print], [role=tab]");
  if (!control) return;
  if (control.matches("[data-password]")) togglePassword(control);
  if (control.matches("[data-copy]")) copy(control);
  if (control.matches("[data-print]")) print();
  if (control.matches("[role=tab]") && !(event.metaKey || event.ctrlKey || event.shiftKey)) {
    event.preventDefault();
    openTab(control);
  }
});

/* A list to choose from, and the search above it: the arrows go from one to the next. */
function moveInList(event, from) {
  const list = find(from.dataset.list || from.closest("[id=accounts]").id);
  const stops = [page.querySelector(`[data-list=${list.id}]`), ...list.querySelectorAll("a.choice__account")].filter(Boolean);
  const at = stops.indexOf(from);
  const last = stops.length - 1;
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: from.dataset.list ? undefined : 0, End: from.dataset.list ? undefined : last }[event.key];
  if (to === undefined || to < 0 || to > last) return;
  event.preventDefault();
  stops[to].focus();
}

page.addEventListener("keydown", (event) => {
  if (event.target.matches?.("[role=tab]")) moveBetweenTabs(event, event.target);
  if (event.target.matches?.("[data-list], #accounts a.choice__account")) moveInList(event, event.target);
});

/* Byt kund: what was found is said, and in the menu the search has focus at once. */
page.addEventListener("htmx:after:swap", (event) => {
  const { sourceElement, target } = event.detail.ctx;
  const found = find("accounts")?.querySelector("[data-announce]");
  // Not after a star: it has focus and says itself what it is now.
  if (found && sourceElement.matches?.("[hx-get]")) announce(found.textContent.trim());
  if (target?.id === "menu-choices") target.querySelector("input[type=search], a.choice__account")?.focus();
});
page.addEventListener("toggle", (event) => {
  if (event.target.id === "menu" && event.newState === "closed") find("menu-choices")?.replaceChildren();
}, true);

/* A link that htmx would open right here stays a link for whoever wants another tab, and where no menu pops up. */
page.addEventListener("click", (event) => {
  const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || !("popover" in HTMLElement.prototype);
  if (elsewhere && event.target.closest("a[hx-get]")) event.stopPropagation();
}, true);

page.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-password]")) showPassword(button, false);
}, true);

/* No connection, or an answer that is no page of ours (a proxy's error page, a hotel's login): say so above main. */
const connection = () => find("connection");

function lostConnection(sentence = connection().dataset.text) {
  if (!connection().hidden) return; // said once, however often a page asks
  connection().hidden = false;
  connection().querySelector("[role=alert]").textContent = sentence;
  connection().scrollIntoView({ block: "nearest" });
}

/* A page that asks by itself, each second, is no click: what the flash says still holds. */
const isPoll = (event) => event.detail.ctx.sourceElement?.matches?.("[data-poll]");

/* It asks on after an error page of ours, too, which is then not shown. */
function tellOfPoll(response) {
  if (response.status >= 500) lostConnection(connection().dataset.trouble);
  else connection().hidden = true;
}

page.addEventListener("htmx:before:request", (event) => {
  if (isPoll(event)) return;
  connection().hidden = true;
  page.querySelector(".flash")?.remove(); // what it said was about the page before
});
page.addEventListener("htmx:error", (event) => { if (event.detail.ctx) lostConnection(); });
page.addEventListener("htmx:after:request", (event) => {
  const { text, hx, response } = event.detail.ctx;
  if (hx.redirect || hx.location || response.status === 204 || /MinaSidor<\/title>/.test(text)) {
    if (isPoll(event)) tellOfPoll(response);
    return;
  }
  event.preventDefault();
  lostConnection();
});

/* What comes by itself may take away the button that had focus: then the heading has it, not nothing. */
let lostFocus = false;
page.addEventListener("htmx:before:swap", (event) => {
  lostFocus = Boolean(isPoll(event) && page.activeElement.closest("#bankid-phase"));
});
page.addEventListener("htmx:after:swap", () => {
  if (lostFocus && page.activeElement === page.body) find("login-heading").focus({ preventScroll: true });
  lostFocus = false;
});

page.addEventListener("htmx:after:process", enhance);
enhance();
