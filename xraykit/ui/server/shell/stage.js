/**
 * The presentation mode of every page: on and off, dark or light, one screen of the page at a time. What is shown is the
 * page itself, enlarged by stage.css; here it is cut into screens that fit, and the arrow keys go from one to the next.
 * The address names the mode (?present=dark, ?present=light), so that it can be bookmarked and outlives a reload. Charts
 * are drawn by the server in the look it was asked for: `agree` asks it where it drew the other one.
 */
const root = document.documentElement;
const NAME = "present"; // in the address
const LOOKS = ["dark", "light"];
const WIDE = 752; // px that every screen is laid out for: with 12 px its smallest type is 20 px at 1280
const LEAST = 1.25; // times enlarged, where a screen is narrow
const STEP = 100; // px of a wheel for one screen
const MARGIN = 10; // px above what a screen begins with

const bar = document.getElementById("xk-stage");
const mask = document.getElementById("xk-stage-below");
const places = Object.fromEntries(["title", "count", "empty"].map(name => [name, document.querySelector(`.xk-stage-${name}`)]));

/** What the mode is and where it is; `stops` are the screens of the page. */
const stage = { stops: [], at: 0, here: null, wheel: 0, frame: 0, pending: null, watcher: null, sizes: null };

const look = () => root.dataset.present ?? null;
const main = () => document.querySelector("[data-testid=stMain]");
const content = () => document.querySelector("[data-testid=stMainBlockContainer]");
const height = () => bar.getBoundingClientRect().top - main().getBoundingClientRect().top;
const isRoom = () => root.dataset.page === "review"; // a screen of its own, with keys of its own

// on and off

/** @param {string|null} wanted "dark", "light", or null: as it was */
function present(wanted) {
  if (wanted === look()) return;
  const first = look() === null;
  if (wanted) root.dataset.present = wanted;
  else delete root.dataset.present;
  document.getElementById("xk-present").setAttribute("aria-pressed", String(Boolean(wanted)));
  bar.hidden = mask.hidden = !wanted;
  history.replaceState(history.state, "", location.href);
  for (const link of document.querySelectorAll("#xk-frame nav a")) link.href = named(link.href);
  if (!wanted) leave();
  else if (first) enter();
  agree();
}

function enter() {
  enlarge();
  stage.at = 0;
  stage.here = null;
  stage.watcher = new MutationObserver(arrangeSoon);
  stage.watcher.observe(document.getElementById("root"), { childList: true, subtree: true });
  stage.sizes = new ResizeObserver(arrangeSoon);
  if (content()) stage.sizes.observe(content());
  arrangeSoon();
}

function leave() {
  stage.watcher?.disconnect();
  stage.sizes?.disconnect();
  cancelAnimationFrame(stage.frame);
  stage.frame = 0;
  unfit();
  main()?.scrollTo(0, 0);
}

const toggle = () => present(look() ? null : "dark");
const turn = () => look() && present(LOOKS[1 - LOOKS.indexOf(look())]);

/** Charts come from the server: where it drew the other look, it is asked for this one, once. */
function agree() {
  const drawn = document.querySelector(".xk-title")?.dataset.look;
  const wanted = look() ?? "dark";
  if (!drawn || root.dataset.drawn !== "yes") return;
  if (drawn === wanted) stage.pending = null;
  else if (stage.pending !== wanted) {
    stage.pending = wanted;
    document.querySelector(`.st-key-xk-look-${wanted} button`)?.click();
  }
}

// the address

/** The address with the mode as it is, whatever Streamlit writes. */
function named(address) {
  const url = new URL(address ?? location.href, location.href);
  if ((url.searchParams.get(NAME) ?? null) === look()) return address ?? location.href;
  if (look()) url.searchParams.set(NAME, look());
  else url.searchParams.delete(NAME);
  return url.href;
}

for (const name of ["pushState", "replaceState"]) {
  const change = history[name].bind(history);
  history[name] = (state, unused, address) => change(state, unused, named(address));
}
addEventListener("popstate", () => history.replaceState(history.state, "", location.href));

// the screens of a page

function enlarge() {
  root.style.setProperty("--xk-zoom", String(Math.max(innerWidth / WIDE, LEAST).toFixed(4)));
}

function arrangeSoon() {
  stage.frame ||= requestAnimationFrame(() => {
    stage.frame = 0;
    arrange();
  });
}

/** Cut the page into screens anew; what is shown stays what it was. */
function arrange() {
  if (!look() || isRoom() || !content()) return show();
  fit();
  stage.stops = stopsOf(partsOf(), height() - 2 * MARGIN);
  const { here } = stage;
  const same = here ? stage.stops.findIndex(stop => stop.title === here.title && stop.part === here.part) : 0;
  stage.at = Math.max(0, same >= 0 ? same : Math.min(stage.at, stage.stops.length - 1));
  show();
}

const TALL = 420; // px of a chart's own height, above which it gets a screen

/** Tables that are too wide are made smaller, charts that are higher than a screen get it whole. */
function fit() {
  for (const table of content().querySelectorAll(".xk-table > table, .xk-found table, .xk-refused table")) {
    const room = table.parentElement.clientWidth;
    if (!table.dataset.fitted && room && table.scrollWidth > room + 1) {
      table.style.zoom = String(room / table.scrollWidth);
      table.dataset.fitted = "yes";
    }
  }
  for (const svg of content().querySelectorAll("[data-testid=stVegaLiteChart] svg")) {
    svg.toggleAttribute("data-tall", Number(svg.getAttribute("height")) > TALL);
  }
}

function unfit() {
  for (const table of document.querySelectorAll("table[data-fitted]")) {
    table.style.zoom = "";
    delete table.dataset.fitted;
  }
}

const PARTS = "h2, h3, h4, p, li, tr, dt, dd, pre, figure, svg, canvas, img, summary, [data-testid=stAlert], .xk-scale, "
  + ".xk-part, .xk-headline, .xk-tiles, .xk-end";
const BEGINS = ".xk-section h2, .xk-block h2, .xk-run h2, .xk-listed, .xk-top h2, .xk-part-title, .xk-sub";
const NAMED = `${BEGINS}, .xk-box > :is(h2, h3)`;
const LEADS = "h2, h3, h4, thead tr, figcaption, .xk-part";

/**
 * What can be seen of the page, from top to bottom; `leads`: never the last of a screen; `head`: how high is
 * the head of its table, which stays at the top (stage.css). */
function partsOf() {
  const from = main().getBoundingClientRect().top - main().scrollTop;
  const parts = [];
  for (const element of content().querySelectorAll(PARTS)) {
    const box = element.getBoundingClientRect();
    if (box.height < 4 || box.width < 4 || element.closest(".xk-title")) continue;
    const name = element.matches(NAMED) ? headOf(element) : null;
    const [begins, leads] = [BEGINS, LEADS].map(kind => element.matches(kind));
    const head = element.closest("tbody")?.parentElement.tHead?.offsetHeight * element.currentCSSZoom || 0;
    parts.push({ top: box.top - from, bottom: box.bottom - from, name, begins, leads, head });
  }
  return parts.sort((a, b) => a.top - b.top);
}

/** A heading in its own words, without what is said beside it. */
function headOf(element) {
  const own = [...element.childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data).join(" ");
  return (own.trim() || element.textContent).trim();
}

/** Screens no higher than `height`: each begins with a section, or where the last one was full, and cuts nothing it need not. */
function stopsOf(parts, height) {
  const begins = parts.map((part, at) => (at === 0 || part.begins ? at : -1)).filter(at => at >= 0);
  return begins.flatMap((begin, number) => {
    const section = parts.slice(begin, begins[number + 1]);
    const titleAt = top => section.findLast(part => part.name && part.top <= top + 1)?.name ?? "";
    return screensOf(section, height).map((screen, part) => ({ ...screen, title: titleAt(screen.top), part }));
  });
}

function screensOf(section, height) {
  const end = Math.max(...section.map(part => part.bottom));
  const screens = [];
  for (let top = section[0].top; top < end - 1;) {
    const head = section.find(part => part.top >= top - 1)?.head ?? 0;
    const bottom = end - top <= height - head ? end : cutOf(section, top, height - head);
    const holds = section.some(part => !part.leads && part.top >= top - 1 && part.top < bottom - 1);
    if (holds) screens.push({ top, bottom, head }); // a heading alone is read in the bar
    top = section.find(part => part.top >= bottom - 1)?.top ?? bottom;
  }
  return screens;
}

/** The lowest line within a screen's height that goes through nothing and leaves no heading behind. */
function cutOf(section, top, height) {
  const through = line => section.some(part => part.top < line - 1 && part.bottom > line + 1);
  const leads = line => section.some(part => part.leads && Math.abs(part.bottom - line) < 1 && part.bottom <= line + 1);
  const lines = section.map(part => part.bottom).filter(line => line > top + 1 && line <= top + height);
  lines.sort((a, b) => b - a);
  return lines.find(line => !through(line) && !leads(line)) ?? lines.find(line => !through(line)) ?? top + height;
}

function show() {
  if (!look()) return;
  const stop = isRoom() ? undefined : stage.stops[stage.at];
  const page = document.querySelector("#xk-frame [aria-current]")?.textContent ?? "";
  places.title.textContent = [page, stop?.title].filter(Boolean).join(" · ");
  places.count.textContent = stop ? `${stage.at + 1} / ${stage.stops.length}` : "";
  places.empty.hidden = isRoom() || Boolean(stop) || root.dataset.drawn !== "yes";
  if (!stop) return void (mask.style.height = "0");
  main().scrollTo(0, Math.max(0, stop.top - (stop.head || (stop.part ? 2 : MARGIN))));
  mask.style.height = `${Math.max(0, height() - (stop.bottom - main().scrollTop) - 3)}px`;
}

function go(by) {
  const to = Math.min(Math.max(stage.at + by, 0), stage.stops.length - 1);
  if (to === stage.at || to < 0) return;
  stage.at = to;
  stage.here = stage.stops[to]; // where the speaker went is kept when the page is drawn anew; else its beginning is shown
  show();
}

/** To where the next section begins, or the one before. */
function skip(by) {
  for (let to = stage.at + by; stage.stops[to]; to += by) {
    if (stage.stops[to].part === 0) return go(to - stage.at);
  }
}

// keys, the wheel and the small button

const MOVES = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1, Home: -Infinity, End: Infinity };
const SECTIONS = { ArrowDown: 1, ArrowUp: -1 };
const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable=true], [role=textbox]";
const isTyping = element => element instanceof Element && element.checkVisibility({ visibilityProperty: true }) && element.closest(`${TYPED}, dialog, [role=dialog]`);

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.composedPath()[0])) return;
  const key = event.shiftKey && event.key.length === 1 ? event.key.toUpperCase() : event.key;
  if (key === "U" && event.shiftKey) toggle();
  else if (!look()) return;
  else if (key === "V" && event.shiftKey) turn();
  else if (key === "Escape") present(null);
  else if (!isRoom() && key in MOVES) go(event.shiftKey && key === " " ? -1 : MOVES[key]);
  else if (!isRoom() && key in SECTIONS) skip(SECTIONS[key]);
  else return;
  event.preventDefault();
}

function roll(event) {
  if (!look() || isRoom()) return;
  stage.wheel += event.deltaY;
  if (Math.abs(stage.wheel) < STEP) return;
  go(Math.sign(stage.wheel));
  stage.wheel = 0;
}

addEventListener("keydown", press); // not while it is captured: the reading room's own keys come before
addEventListener("wheel", roll, { passive: true });
addEventListener("resize", () => {
  if (!look()) return;
  unfit();
  enlarge();
  arrangeSoon();
});
addEventListener("xk-stage", event => ({ toggle, turn, end: () => present(null) })[event.detail]()); // from the reading room
document.getElementById("xk-present").addEventListener("click", event => {
  toggle();
  event.currentTarget.blur();
});

// Before a print: what is drawn on a canvas keeps its size and is made smaller as a whole (print.css)
addEventListener("beforeprint", () => root.style.setProperty("--xk-seen", String(content()?.clientWidth || innerWidth)));

const STILL = 10; // drawn frames without a change
const PATIENCE = 120; // drawn frames

/** Print Compare once its charts are as wide as their places on a sheet: no browser waits for them after it began to print. */
function print(still = 0, seen = "", frames = PATIENCE) {
  const now = [...(content()?.querySelectorAll("svg") ?? [])].map(svg => svg.getAttribute("width")).join(" ");
  if (still < STILL && frames) {
    return void requestAnimationFrame(() => print(now === seen ? still + 1 : 0, now, frames - 1));
  }
  window.print(); // comes back when the dialog is closed
  delete root.dataset.paper;
}

addEventListener("keydown", event => {
  const asked = (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "p";
  if (!asked || root.dataset.page !== "compare" || !content()) return;
  event.preventDefault();
  if ("paper" in root.dataset || event.repeat) return;
  root.dataset.paper = "";
  print();
});

// another page, or the same drawn anew: its first screen, and the look it was drawn in
let page = root.dataset.page;
new MutationObserver(() => {
  if (page !== root.dataset.page) Object.assign(stage, { at: 0, here: null, stops: [] });
  page = root.dataset.page;
  if (look() && content()) stage.sizes.observe(content());
  agree();
  if (look()) arrangeSoon();
}).observe(root, { attributes: true, attributeFilter: ["data-page", "data-drawn"] });
new MutationObserver(agree).observe(document.getElementById("root"), {
  subtree: true, childList: true, attributes: true, attributeFilter: ["data-look"],
});

const asked = new URLSearchParams(location.search).get(NAME);
if (asked !== null) present(LOOKS.includes(asked) ? asked : "dark");
