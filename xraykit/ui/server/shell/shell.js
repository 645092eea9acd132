/**
 * The frame's script: it shows a page's skeleton until Streamlit has drawn the page whole, takes a click on a page's
 * name to Streamlit, and keeps one entry a page in the browser's history. It knows nothing of what a page holds.
 */
const root = document.documentElement;
const links = [...document.querySelectorAll("#xk-frame nav a")];
const skeletons = [...document.querySelectorAll("#xk-skeletons > div")];
const STILL = 6; // drawn frames without a change
const PATIENCE = 30; // drawn frames until Streamlit begins, where a browser does not say that it has painted
const NAMELESS = 2000; // ms after a script that ended without naming its page: a fault is shown then

/** The page that an address shows; what has no page of its own goes on to the first. */
const pageAt = path => {
  const name = path.split("/").at(-1);
  return links.some(link => link.dataset.page === name) ? name : links[0].dataset.page;
};

/** What of a page can be seen before anybody scrolls. */
const inSight = (main, selector) =>
  [...main.querySelectorAll(selector)].filter(part => part.getBoundingClientRect().top < innerHeight);

/** Whether Streamlit still has to fill something: a part whose script is still coming, a chart without a picture. */
const isHollow = main =>
  inSight(main, "[data-testid=stSkeleton], [data-stale=true]").length > 0 ||
  inSight(main, "[data-testid=stVegaLiteChart]").some(chart => !chart.querySelector("svg, canvas"));

/** Where everything in sight is. */
const layout = main =>
  inSight(main, "[data-testid=stElementContainer], [data-testid=stLayoutWrapper], [data-testid=stVegaLiteChart]")
    .map(part => part.getBoundingClientRect())
    .map(box => [box.x, box.y, box.width, box.height].map(Math.round))
    .join(" ");

const watch = { still: 0, layout: "", ended: null, running: false, styles: 0 }; // styles: sheets still on their way

/** Whether the page has all it will have: its script has ended, or works at something and says so. */
function isDrawn(now) {
  if (watch.styles) return false;
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
  const seen = layout(main);
  watch.still = seen === watch.layout && !isHollow(main) ? watch.still + 1 : 0;
  watch.layout = seen;
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
  for (const skeleton of skeletons) skeleton.hidden = skeleton.dataset.page !== page;
  Object.assign(watch, { still: 0, layout: "", ended: null });
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
  const { page } = link.dataset;
  const inner = document.querySelector(`.st-key-xk-pages :is(a[href="${page}"], a[href$="/${page}"])`);
  if (!inner) return; // Streamlit is not there yet: the browser opens the address
  event.preventDefault();
  inner.click();
  if (page !== root.dataset.page) open(page);
});

open(pageAt(location.pathname));

/** Let Streamlit begin: its 60 files would keep the browser from drawing the frame. */
function begin() {
  const later = document.getElementById("xk-later");
  if (!later) return;
  for (const sheet of later.content.querySelectorAll("link[rel=stylesheet]")) {
    watch.styles += 1;
    for (const end of ["load", "error"]) sheet.addEventListener(end, () => (watch.styles -= 1));
  }
  later.replaceWith(later.content);
}

/** Once the frame is on screen. A tab that nobody sees is not drawn, and some browsers keep to themselves when it is. */
function beginOncePainted() {
  const wait = frames => (frames ? requestAnimationFrame(() => wait(frames - 1)) : begin());
  const paints = new PerformanceObserver(list => list.getEntriesByName("first-contentful-paint").forEach(begin));
  paints.observe({ type: "paint", buffered: true });
  addEventListener("visibilitychange", begin);
  if (document.hidden) begin();
  else wait(PATIENCE);
}

beginOncePainted();
