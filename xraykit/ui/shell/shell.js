/**
 * The frame's script: it shows a page's skeleton until Streamlit has drawn the page whole, takes a click on a page's
 * name to Streamlit, and keeps one entry a page in the browser's history. It knows nothing of what a page holds.
 */
const root = document.documentElement;
const links = [...document.querySelectorAll("#xk-frame nav a")];
const STILL = 4; // drawn frames without a change
const NAMELESS = 2000; // ms after a script that ended without naming its page: a fault is shown then

/** The page that an address shows; what has no page of its own goes on to the first. */
const pageAt = path => {
  const name = path.split("/").at(-1);
  return links.some(link => link.dataset.page === name) ? name : links[0].dataset.page;
};

/** Everything that Streamlit fills later: parts whose script is still coming, charts without a picture. */
const isHollow = main =>
  main.querySelector("[data-testid=stSkeleton], [data-stale=true]") !== null ||
  [...main.querySelectorAll("[data-testid=stVegaLiteChart]")].some(chart => !chart.querySelector("svg, canvas"));

/** What a change of the layout changes. */
const shape = main => `${main.querySelectorAll("*").length} ${main.scrollHeight}`;

const watch = { still: 0, shape: "", ended: null, running: false };

/** Whether the page has all it will have: its script has ended, or works at something and says so. */
function isDrawn(now) {
  const app = document.querySelector("[data-testid=stApp]");
  const main = app?.querySelector("[data-testid=stMain]");
  if (!main) return false;
  const named = main.querySelector(".xk-title")?.dataset.page === root.dataset.page;
  if (named && main.querySelector("[data-testid=stSpinner]")) return true;
  if (app.dataset.testScriptState !== "notRunning") {
    watch.ended = null;
    return false;
  }
  watch.ended ??= now;
  if (!named && now - watch.ended < NAMELESS) return false;
  const seen = shape(main);
  watch.still = seen === watch.shape && !isHollow(main) ? watch.still + 1 : 0;
  watch.shape = seen;
  return watch.still >= STILL;
}

function look(now) {
  watch.running = !isDrawn(now);
  if (watch.running) requestAnimationFrame(look);
  else setDrawn(true);
}

function setDrawn(drawn) {
  root.dataset.drawn = drawn ? "yes" : "no";
  document.getElementById("root").setAttribute("aria-busy", String(!drawn));
}

/** Show the skeleton of a page until the page is there. */
function open(page) {
  root.dataset.page = page;
  for (const link of links) {
    if (link.dataset.page === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  Object.assign(watch, { still: 0, shape: "", ended: null });
  setDrawn(false);
  if (!watch.running) {
    watch.running = true;
    requestAnimationFrame(look);
  }
}

function follow() {
  const page = pageAt(location.pathname);
  if (page !== root.dataset.page) open(page);
}

// Streamlit makes an entry of every change of a widget that the address names. Here an entry is a page.
const push = history.pushState.bind(history);
history.pushState = (state, unused, address) => {
  const path = new URL(address ?? location.href, location.href).pathname;
  if (path === location.pathname || location.pathname.endsWith("/")) history.replaceState(state, unused, address);
  else push(state, unused, address);
  follow();
};
addEventListener("popstate", follow);

document.getElementById("xk-frame").addEventListener("click", event => {
  const link = event.target.closest("a[data-page]");
  if (!link || event.button || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const inner = document.querySelector(`.st-key-xk-pages a[href$="/${link.dataset.page}"]`);
  if (!inner) return; // Streamlit is not there yet: the browser opens the address
  event.preventDefault();
  inner.click();
  if (link.dataset.page !== root.dataset.page) open(link.dataset.page);
});

open(pageAt(location.pathname));
