/** The worklist: tens of thousands of rows, of which those in sight are drawn; it follows the film that is looked at. */

import { count, fill, h, say, shortened } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { isRead, predicted } from "./choose.js";
import { isRefused, isStopped } from "./gate.js";
import { knownBadge, knownOf } from "../seen.js";

const HEIGHT = 56; // px of a row, as in room.css
const AROUND = 4; // rows drawn above and below those in sight
const STILL = 90; // ms without scrolling before small pictures are asked for

/**
 * @param {HTMLElement} root the listbox
 * @param {{row: (id: string) => any, nameOf: (row: any) => string, models: () => string[], hidden: (row: any) => boolean, seen: Set<string>,
 *   thumb: (row: any, done: (address: string) => void) => void, choose: (id: string) => void,
 *   remove: (id: string) => void}} room
 */
export function createList(root, room) {
  const inside = h("div", { class: "rows", role: "presentation" });
  root.append(inside);
  const drawn = new Map(); // id -> {element, row, mark}
  let ids = [];
  let current = null;
  let frame = 0;
  let still = 0;

  function draw() {
    frame = 0;
    const first = Math.max(0, Math.floor(root.scrollTop / HEIGHT) - AROUND);
    const last = Math.min(ids.length, Math.ceil((root.scrollTop + root.clientHeight) / HEIGHT) + AROUND);
    const wanted = new Set(ids.slice(first, last));
    for (const [id, entry] of drawn) if (!wanted.has(id)) entry.element.remove(), drawn.delete(id);
    let before = null;
    for (let place = first; place < last; place += 1) before = drawRow(ids[place], place, before) ?? before;
    root.dataset.shown = `${first}-${last}`;
    const at = drawn.get(current);
    if (at) root.setAttribute("aria-activedescendant", at.element.id);
    else root.removeAttribute("aria-activedescendant");
    clearTimeout(still);
    still = setTimeout(picture, STILL);
  }
  /** A row at its place, after the one before it: read aloud in the order that is seen. */
  function drawRow(id, place, before) {
    const row = room.row(id);
    if (!row) return null;
    const mark = [room.models().join("|"), room.hidden(row), room.nameOf(row), room.seen.has(id), id === current].join();
    let entry = drawn.get(id);
    if (!entry) {
      entry = { element: h("div", { class: "row", role: "option", id: `film-${id}` }), pictured: false };
      drawn.set(id, entry);
    }
    if (!entry.element.parentNode || entry.element.previousElementSibling !== before) {
      if (before) before.after(entry.element);
      else inside.prepend(entry.element);
    }
    if (entry.row !== row || entry.mark !== mark) {
      if (laid(entry.row) !== laid(row)) entry.pictured = false; // it was turned: another small picture
      fillRow(entry, row, id === current);
      Object.assign(entry, { row, mark });
    }
    entry.element.style.transform = `translateY(${place * HEIGHT}px)`;
    entry.element.setAttribute("aria-posinset", String(place + 1));
    entry.element.setAttribute("aria-setsize", String(ids.length));
    return entry.element;
  }
  function fillRow(entry, row, isCurrent) {
    const { element } = entry;
    element.setAttribute("aria-selected", String(isCurrent));
    element.className = `row ${row.state}`;
    const before = element.querySelector("img");
    const picture = before ?? h("img", { class: "thumb", alt: "", draggable: "false", width: 44, height: 44 });
    entry.picture = picture;
    fill(element, picture,
      shortened(room.nameOf(row), "name"),
      stateMark(row, room.seen.has(row.id)),
      summary(row, room),
      h("span", { class: "remove", title: "Remove this film from the list", "aria-hidden": "true", data: { remove: row.id } },
        icon("close", 12)));
  }
  const laid = (row) => JSON.stringify(row?.gate?.laid ?? null);
  function picture() {
    for (const entry of drawn.values()) {
      if (entry.pictured || !entry.row?.thumb) continue;
      entry.pictured = true;
      const { row } = entry;
      room.thumb(row, (address) => {
        if (laid(entry.row) === laid(row)) entry.picture.src = address;
      });
    }
  }
  const soon = () => {
    frame ||= requestAnimationFrame(draw);
  };

  function follow() {
    const place = ids.indexOf(current);
    if (place < 0) return;
    const top = place * HEIGHT;
    const height = root.clientHeight;
    if (top < root.scrollTop) root.scrollTop = Math.max(0, top - HEIGHT);
    else if (top + HEIGHT > root.scrollTop + height) root.scrollTop = top + 2 * HEIGHT - height;
  }
  root.addEventListener("scroll", soon, { passive: true });
  root.addEventListener("click", (event) => {
    const gone = event.target.closest?.("[data-remove]");
    const row = event.target.closest?.(".row");
    if (gone) room.remove(gone.dataset.remove);
    else if (row) room.choose(row.id.slice("film-".length));
  });
  const watch = new ResizeObserver(() => {
    follow();
    soon();
  });
  watch.observe(root);
  return {
    /** Show these films, of which one is looked at; the list scrolls to it where that one has changed. */
    show(newIds, newCurrent) {
      const moved = newCurrent !== current || ids.length !== newIds.length;
      ids = newIds;
      current = newCurrent;
      inside.style.height = `${ids.length * HEIGHT}px`;
      if (moved) follow();
      soon();
    },
    page: () => Math.max(1, Math.floor(root.clientHeight / HEIGHT) - 1),
    destroy() {
      watch.disconnect();
      cancelAnimationFrame(frame);
      clearTimeout(still);
    },
  };
}

function stateMark(row, seen) {
  const read = isRead(row);
  const [kind, words] = isRefused(row) ? ["refused", "Refused"]
    : read ? ["read", "Read"] : seen ? ["seen", "Looked at"] : ["new", "New"];
  return h("span", { class: `state ${kind}`, title: words },
    row.flagged && h("span", { class: "flagged", title: "Flagged" }, icon("flag", 13), h("span", { class: "unseen" }, "flagged, ")),
    read ? icon("check", 13) : isRefused(row) ? icon("close", 12) : h("i", { "aria-hidden": "true" }),
    h("span", { class: "unseen" }, words));
}

/** The second line: a warning first, then what the models predict. */
function summary(row, room) {
  if (row.state === "refused") return h("span", { class: "summary bad", title: row.refused?.words }, row.refused?.words ?? "Refused");
  if (row.state === "waiting") return h("span", { class: "summary" }, "Waiting to be read");
  if (isStopped(row)) return h("span", { class: "summary bad", title: row.gate.words }, row.gate.title);
  const warnings = row.warnings?.length ?? 0;
  return h("span", { class: "summary" },
    warnings > 0 && h("span", { class: "warned", title: row.warnings.join("\n") }, icon("warning", 12),
      warnings > 1 ? count(warnings, "warning") : "Warning"),
    row.same_as && h("span", { class: "warned" }, `Same film as ${room.row(row.same_as) ? room.nameOf(room.row(row.same_as)) : "another"}`),
    knownBadge(knownOf(row, room.models()), true),
    ...prediction(row, room));
}

function prediction(row, room) {
  if (room.hidden(row)) return [h("span", { class: "veiled" }, "Read it first")];
  const read = predicted(row, room.models());
  if (!read.length) return [];
  const tops = new Set(read.map((reading) => reading.top));
  if (tops.size === 1) {
    const most = Math.max(...read.map((reading) => reading.probability));
    return [h("span", { class: "top" }, read[0].top), h("span", { class: "number" }, most.toFixed(2))];
  }
  return [h("span", { class: "differ", title: "The models disagree" }, icon("differ", 12), h("span", { class: "unseen" }, "Disagree: ")),
    h("span", { class: "top" }, read.map((reading) => reading.top).join(" / "))];
}

/** The line below the list: how many, and how far the rest is. */
export function tally(element, { shown, total, place }) {
  say(element, total === 0 ? "" : place > 0 ? `${place.toLocaleString("en-US")} of ${count(shown, "film")}` : count(shown, "film"));
}
