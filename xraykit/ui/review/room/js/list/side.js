/** The side with the worklist: what is searched, sorted and filtered, how many, and how far the rest is. */

import { count, duration, fill, h, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { choices, segments, sheetOf, slider } from "../kit/menu.js";
import { DEFAULTS } from "../kit/store.js";
import { ORDERS, STATES, isRead } from "./choose.js";
import { isRefused } from "./gate.js";
import { tally } from "./list.js";

const PAUSE = 120; // ms after the last letter before the list is searched

/** @param {HTMLElement} root the side @param {any} room @param {any} opening */
export function createSide(root, room, opening) {
  const counts = h("span", { class: "counts" });
  const open = iconButton("open", "Open films", null);
  const close = iconButton("trash", "Remove films", null);
  const search = h("input", { type: "search", placeholder: "Filter by name", "aria-label": "Filter by name", autocomplete: "off", spellcheck: "false", oninput: searched });
  const filter = iconButton("filter", "Filter", null);
  const sort = iconButton("sort", "Sort", null);
  const openSheet = sheetOf(open, "Open films", () => opening.sheet());
  const closeSheet = sheetOf(close, "Remove films", (shut) => removal(room, shut));
  const filterSheet = sheetOf(filter, "Filter", () => filterForm(room, () => filterSheet.refresh()));
  const sortSheet = sheetOf(sort, "Sort", (shut) => [orderChoices(room, shut)]);
  fill(root.querySelector(".side-head"), h("h2", {}, "Worklist"), open, openSheet.sheet, close, closeSheet.sheet);
  fill(root.querySelector(".side-search"), h("span", { class: "search" }, icon("search", 13), search), filter, filterSheet.sheet, sort, sortSheet.sheet);
  const foot = createFoot(root.querySelector(".side-foot"), room, opening, counts);
  let typing = 0;
  function searched() {
    clearTimeout(typing);
    typing = setTimeout(() => {
      typing = 0;
      room.setFilter({ text: search.value });
    }, PAUSE);
  }
  return {
    search,
    show(ids) {
      const { filter: wish, order } = room.store.get();
      if (!typing && search.value !== wish.text) search.value = wish.text; // what is being typed is not the filter's yet
      filter.dataset.on = String(isFiltered(wish));
      sort.dataset.on = String(order.by !== "arrival" || order.down);
      tell(counts, room);
      foot.show(ids);
    },
  };
}

const isFiltered = (wish) => ["finding", "least", "models", "state"].some((name) => wish[name] !== DEFAULTS.filter[name]);

function iconButton(drawing, label, press) {
  return h("button", { type: "button", class: "icon-button", title: label, "aria-label": label, onclick: press }, icon(drawing, 15));
}

/** "14 read, 3 refused": the last opens the reasons. */
function tell(element, room) {
  const rows = [...room.rows.values()];
  const refused = rows.filter(isRefused).length;
  const read = rows.filter(isRead).length;
  const mark = [rows.length, read, refused].join();
  if (element.dataset.mark === mark) return;
  element.dataset.mark = mark;
  fill(element, read > 0 && `${read.toLocaleString("en-US")} read`, read > 0 && refused > 0 && ", ", refused > 0 && h("button", { type: "button", class: "text bad", onclick: () => showRefused(room) }, `${refused.toLocaleString("en-US")} refused`));
}

function createFoot(element, room, opening, counts) {
  const place = h("span", { class: "place" });
  const words = h("span", { class: "progress-words", role: "status" });
  const bar = h("progress", { max: 1, "aria-label": "Films read" });
  const stop = h("button", { type: "button", class: "text", onclick: () => (opening.uploads.stop(), room.routes.stop().then(room.poke, room.tell)) }, "Stop");
  const progress = h("div", { class: "progress", hidden: true }, bar, words, stop);
  fill(element, progress, h("div", { class: "tally" }, place, counts));
  return {
    show(ids) {
      const going = opening.uploads.state() ?? reading(room.state.films);
      progress.hidden = !going;
      if (going) {
        if (going.share === null) bar.removeAttribute("value");
        else bar.value = going.share;
        say(words, going.words);
      }
      tally(place, { shown: ids.length, total: room.rows.size, place: ids.indexOf(room.store.get().current) + 1 });
      if (room.rows.size > ids.length) say(place, `${ids.length ? place.textContent : "No film"}, ${room.rows.size.toLocaleString("en-US")} in all`);
      if (room.state.films.more) say(place, `${place.textContent}; the folder holds more`);
    },
  };
}

/** How far the films of a folder are; null where all are read. */
function reading({ total, done, waiting, listing, eta_seconds: seconds }) {
  if (listing && !total) return { share: null, words: "Listing files" };
  if (!waiting && !listing) return null;
  const rest = seconds === null || seconds === undefined ? "" : `, ${duration(seconds)} left`;
  return { share: total ? done / total : null, words: `Read ${done.toLocaleString("en-US")} of ${total.toLocaleString("en-US")}${listing ? " or more" : ""}${rest}` };
}

function removal(room, shut) {
  const row = room.row();
  const act = (words, run, disabled) => h("button", { type: "button", class: "choice", role: "menuitem", disabled, onclick: () => (shut(), run()) }, h("span", { class: "tick" }), words);
  return [h("div", { class: "choices", role: "menu", "aria-label": "Remove films" }, h("p", { class: "sheet-title", "aria-hidden": "true" }, "Remove from the list"),
    act("This film", () => room.remove(row.id), !row), act("All refused files", room.removeRefused, ![...room.rows.values()].some(isRefused)),
    act(`All ${count(room.rows.size, "film")}`, room.closeAll, !room.rows.size))];
}

function orderChoices(room, shut) {
  const { order } = room.store.get();
  const items = Object.entries(ORDERS).map(([value, label]) => ({ value, label, hint: value === order.by && value !== "arrival" ? (order.down ? "reversed" : "") : "" }));
  return choices("Sort by", items, order.by, (by) => {
    room.store.set({ order: { by, down: by === order.by ? !order.down : false } });
    shut();
  });
}

function filterForm(room, again) {
  const wish = room.store.get().filter;
  const set = (partial) => {
    room.setFilter(partial);
    again();
  };
  const options = [["", "Any"], ...room.classes().map((label) => [label, label])];
  return [h("p", { class: "sheet-title" }, "Show only"),
    segments("State", Object.entries(STATES), wish.state, (state) => set({ state })),
    h("label", { class: "field" }, h("span", {}, "Predicted"), h("select", { data: { item: "finding", ownKeys: "ArrowDown ArrowUp Space Enter" }, onchange: (event) => set({ finding: event.target.value || null }) },
      options.map(([value, label]) => h("option", { value, selected: value === (wish.finding ?? "") }, label)))),
    slider("Probability", Math.round(100 * wish.least), (value) => (value ? `at least ${(value / 100).toFixed(2)}` : "any"), (value) => room.setFilter({ least: value / 100 })),
    segments("Models", [["all", "All"], ["disagree", "Disagree"], ["agree", "Agree"]], wish.models, (models) => set({ models })),
    h("button", { type: "button", class: "text", onclick: () => set({ ...DEFAULTS.filter }) }, "Show all films")];
}

/** Every refused file with its reason, as a table; the words can be marked and copied. */
function showRefused(room) {
  const rows = [...room.rows.values()].filter(isRefused);
  const cells = (row) => h("tr", {}, h("th", { scope: "row" }, row.name), h("td", {}, h("code", {}, (row.refused ?? row.gate)?.code ?? "")), h("td", {}, (row.refused ?? row.gate)?.words ?? ""));
  room.dialog("Files that were refused", h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Refused files" }, h("table", { class: "refused" },
    h("thead", {}, h("tr", {}, ["File", "Code", "Reason"].map((name) => h("th", { scope: "col" }, name)))), h("tbody", {}, rows.map(cells)))));
}
