/** What each pane shows: the film, a model's heatmap over it, two models' heatmaps, or a prior of the same patient. */

import { duration, fill, h, shortened } from "./kit/dom.js";
import { icon } from "./kit/icons.js";
import { choices, sheetOf } from "./kit/menu.js";
import { caution } from "./kit/scorecard.js";
import { isPresented } from "./kit/stage.js";
import { isRefused, isStopped } from "./list/gate.js";

export const MOST_PANES = 3;
const FAST = "Grad-CAM"; // comes with the probabilities; every other method is computed on demand

/** The prior of a film: the one chosen by hand, else the newest older film of the same patient; null where there is none. */
export function priorOf(room, row) {
  const { prior, priors } = room.store.get();
  if (!row || !prior) return null;
  if (row.id in priors) return room.row(priors[row.id]) ?? null;
  return olderOf(room, row)[0] ?? null;
}

/** Ready films of the same patient that were taken before this one, newest first. */
export function olderOf(room, row) {
  if (row.patient === null || row.patient === undefined || row.taken === null) return [];
  return [...room.rows.values()]
    .filter((other) => other.patient === row.patient && other.id !== row.id && other.state === "ready"
      && other.taken !== null && other.taken < row.taken)
    .sort((a, b) => b.taken - a.taken);
}

/** How much older a prior is, in words; only differences are known. */
export function earlier(row, prior) {
  if (row.taken === null || prior.taken === null || row.taken === undefined || prior.taken === undefined) return "";
  const days = Math.round(row.taken - prior.taken);
  if (days === 0) return "same day";
  return `${Math.abs(days)} day${Math.abs(days) === 1 ? "" : "s"} ${days > 0 ? "earlier" : "later"}`;
}

/** How many panes there are: as chosen, else as many as there is something to show in. */
export function layoutOf(room) {
  const { layout } = room.store.get();
  const models = room.models().length;
  return layout ?? Math.min(MOST_PANES, 1 + models + (priorOf(room, room.row()) ? 1 : 0), room.width() < 700 || isPresented() ? 2 : 3);
}

/** What every pane shows: "film", "prior", "both", or "model:NAME". */
export function contentsOf(room) {
  const layout = layoutOf(room);
  const models = room.models().map((name) => `model:${name}`);
  const prior = priorOf(room, room.row()) ? ["prior"] : [];
  const automatic = layout === 1 ? [models[0] ?? "film"] : [...prior, "film", ...models].slice(0, layout);
  while (automatic.length < layout) automatic.push("film");
  const assigned = room.store.get().assigned[layout] ?? [];
  const contents = automatic.map((content, place) => (isThere(room, assigned[place]) ? assigned[place] : content));
  return room.hidden(room.row()) || isUnread(room.row()) ? withoutModels(contents) : contents;
}

/** Whether no model read a file, as it was refused: each of their panes would be the same again. */
const isUnread = (row) => Boolean(row) && isRefused(row) && !Object.values(row.models ?? {}).some(({ top }) => top);

/** Why a film has no pane of a model, in a sentence; empty where it may have one. */
export function whyAlone(room) {
  const row = room.row();
  if (!row) return "";
  if (isUnread(row)) return `${row.gate ? unreadWords(row) : "This file is no film that a model can read"}.`;
  return room.hidden(row) ? "What the models say is hidden until you record a finding." : "";
}

/** Why no heatmap can lie over the film in sight, in a sentence; empty where one can, or is still to come. */
export function whyBare(room) {
  const row = room.row();
  const alone = whyAlone(room);
  if (alone || !row || row.state === "waiting") return alone;
  const models = room.models();
  if (!models.length) return room.state.models.length ? "No model is chosen: press one above the films." : "There is no model yet.";
  const queries = models.map((name) => heatQuery(room, row, name));
  return queries.every((query) => typeof query === "string") && !models.some((name) => row.models?.[name]?.top) ? queries[0] : "";
}

/** How many panes the film in sight can have: beside itself its prior, and what models make of it. */
export function mostPanes(room) {
  if (!whyAlone(room)) return MOST_PANES;
  return priorOf(room, room.row()) ? 2 : 1;
}

/** Before an impression, and where no model read it, the film has the whole place, beside its prior. */
function withoutModels(contents) {
  return contents.includes("prior") ? ["prior", "film"] : ["film"];
}

function isThere(room, content) {
  if (!content || content === "film") return Boolean(content);
  if (content === "prior") return Boolean(priorOf(room, room.row()));
  if (content === "both") return room.models().length > 1;
  return room.models().includes(content.slice("model:".length));
}

/** The heatmap that a model is asked for of a film: a query of the heat route, or words where there is none to ask for. */
export function heatQuery(room, row, name) {
  const model = room.state.models.find((one) => one.name === name);
  const reading = row.models?.[name];
  if (!model || !reading) return row.state === "waiting" ? "Waiting to be read" : "This model has not read this film.";
  if (!reading.top) return row.gate?.state === "refused" ? unreadWords(row) : reading.words ?? "This model could not read this film.";
  const label = room.store.get().label ?? reading.top;
  if (!model.classes.includes(label)) return `This model has no class ${label}.`;
  const method = room.method();
  if (method === FAST && model.heatmaps === false) return `This model has no ${FAST} heatmap: its network has no feature layer to look at.`;
  return { model: name, method, label };
}

const unreadWords = (row) => `Not read: ${row.gate.title.toLowerCase()}`;

/** What is to be fetched, first first: the film with its heatmaps, its prior, and the next ones. */
export function wishes(room, ahead) {
  const row = room.row();
  if (!row || row.state === "refused") return []; // one that still waits to be classified is shown meanwhile
  const shown = contentsOf(room);
  const list = [{ id: row.id }, ...heatsFor(room, row, shown)];
  const prior = shown.includes("prior") ? priorOf(room, row) : null;
  if (prior) list.push({ id: prior.id });
  for (const next of ahead) {
    list.push({ id: next.id });
    if (room.method() === FAST) list.push(...heatsFor(room, next, shown));
  }
  return list;
}

function heatsFor(room, row, shown) {
  if (room.hidden(row)) return [];
  return modelsIn(room, shown)
    .map((name) => heatQuery(room, row, name))
    .filter((query) => typeof query !== "string")
    .map((query) => ({ id: row.id, query }));
}

function modelsIn(room, shown) {
  const names = shown.flatMap((content) =>
    content === "both" ? room.models().slice(0, 2) : content.startsWith("model:") ? [content.slice("model:".length)] : []);
  return [...new Set(names)];
}

/** The panes as the viewer takes them, each with `head`, what stands above it. */
export function panesOf(room) {
  const row = room.row();
  return contentsOf(room).map((content) => {
    const shown = content === "prior" ? priorOf(room, row) : row;
    const pane = { content, film: null, heats: [], head: titleOf(room, content, row), title: "", detail: null, corners: cornersOf(room, content, shown, row), words: null, computing: false, again: false };
    if (content !== "film" && content !== "prior") pane.title = pane.head; // on the film too: the full screen has no heads
    layFilm(room, pane, shown);
    if (content === "film" && row && isStopped(row) && isUnread(row)) pane.detail = { words: unreadWords(row), brief: "Not read", warns: true };
    if (pane.film && !room.hidden(row)) layHeats(room, pane, row, content);
    return pane;
  });
}

function layFilm(room, pane, row) {
  if (!row) pane.words = "";
  else if (row.state === "refused") pane.words = `${room.nameOf(row)} could not be opened. ${row.refused?.words ?? ""}`;
  else {
    const entry = room.shelf.film(row.id);
    pane.film = entry?.film ?? null;
    if (entry?.error) pane.words = entry.error.words ?? "This film could not be shown.";
    else if (!entry) pane.words = "Loading";
  }
}

function layHeats(room, pane, row, content) {
  const names = modelsIn(room, [content]);
  pane.heats = names.map((name) => {
    const query = heatQuery(room, row, name);
    if (typeof query === "string") {
      pane.detail = { words: query, brief: row.gate?.state === "refused" ? "Not read" : "No heatmap", warns: true };
      return null; // words, no query
    }
    const entry = room.shelf.heat(row.id, query);
    pane.detail = names.length > 1 ? null : describe(entry, query, row.models[name].probabilities, room) || cautionOf(room, name, query.method);
    pane.computing ||= Boolean(entry && "done" in entry);
    pane.again ||= entry?.error?.code === "cancelled";
    if (entry?.heat) entry.heat.title = room.shortOf(name); // for its legend
    return entry?.heat?.rows ? entry.heat : null; // where there is none, only words come
  });
  pane.heats = pane.heats.filter(Boolean);
}

/** What a heatmap says, or why there is none: in one line, and in few words for a narrow pane; null where nothing is to be said. */
function describe(entry, { method, label }, probabilities, room) {
  if (!entry) return null;
  if (entry.error) return { words: entry.error.words ?? "The heatmap could not be computed.", brief: "No heatmap", warns: true };
  if (!entry.heat) {
    const done = `${Math.round(100 * (entry.done ?? 0))} %`;
    return { words: `${method}: ${done}${entry.remaining ? `, ${duration(entry.remaining)} left` : ""}`, brief: done };
  }
  if (entry.heat.words) return { words: entry.heat.words, brief: "No heatmap", warns: true };
  if (entry.heat.maximum <= 0) return { words: "No positive evidence at this layer: the film is shown as it is.", brief: "No evidence" };
  const classes = Object.keys(probabilities).length;
  if (probabilities[label] < 1 / classes) return { words: `The model probability of ${label} is low, so this heatmap says little.`, brief: "Low probability" };
  const top = room.sharedMaximum();
  const peak = top && (entry.heat.maximum / top).toFixed(2);
  return top ? { words: `Peak ${peak} on the shared scale`, brief: `Peak ${peak}` } : null;
}

function cautionOf(room, name, method) {
  const words = caution(room.state.models.find((model) => model.name === name), method);
  return words ? { words, brief: "Caution", warns: true } : null;
}

function titleOf(room, content, row) {
  if (content === "film") return "Film";
  if (content === "prior") return `Prior${row ? `, ${earlier(row, priorOf(room, row)) || "chosen by hand"}` : ""}`;
  if (content === "both") return room.models().slice(0, 2).map(room.shortOf).join(" and ");
  return room.shortOf(content.slice("model:".length));
}

function cornersOf(room, content, row, current) {
  const corners = { topLeft: [], topRight: [], bottomLeft: [], bottomRight: [] };
  if (!row) return corners;
  corners.topLeft = [room.nameOf(row), row.width && `${row.width} × ${row.height}, ${row.bits} bit`, [row.view, row.laterality].filter(Boolean).join(" ")].filter(Boolean);
  if (content === "prior") corners.topLeft.unshift(["PRIOR", earlier(current, row)].filter(Boolean).join(", "));
  if (content === "film" && isStopped(row) && isUnread(row)) corners.topRight = ["Not read"]; // the full screen has no heads
  const reading = content.startsWith("model:") && !room.hidden(current) ? row.models?.[content.slice("model:".length)] : null;
  if (reading) corners.topRight = [reading.top ? `${reading.top} ${reading.probabilities[reading.top].toFixed(3)}` : "Not read"]; // a bare film is no empty heatmap
  return corners;
}

/** The line above each pane: what it shows, which can be changed, and what its heatmap says. */
export function createHeads(root, room) {
  const heads = Array.from({ length: MOST_PANES }, (_, place) => {
    const title = h("span", { class: "title" });
    const button = h("button", { type: "button", class: "pane-title", title: "Choose what this pane shows" }, title, icon("down", 12));
    const words = h("span", { class: "words" });
    const brief = h("span", { class: "brief", "aria-hidden": "true" });
    const detail = h("span", { class: "detail", role: "status" }, words, brief);
    const cancel = h("button", { type: "button", class: "text", hidden: true, onclick: () => room.cancelHeats() }, "Cancel");
    const again = h("button", { type: "button", class: "text", hidden: true, onclick: () => room.retryHeats() }, "Try again");
    sheetOf(button, "What this pane shows", (close) => [paneChoices(room, place, close)]);
    const element = h("div", { class: "pane-head" }, button, detail, cancel, again);
    return { element, title, detail, words, brief, cancel, again, said: undefined };
  });
  return {
    show(panes) {
      root.style.setProperty("--panes", panes.length);
      if (root.children.length !== panes.length) fill(root, heads.slice(0, panes.length).map((head) => head.element));
      panes.forEach((pane, place) => {
        const head = heads[place];
        if (head.title.textContent !== pane.head) {
          fill(head.title, shortened(pane.head));
          head.title.parentElement.setAttribute("aria-label", pane.head);
        }
        showDetail(head, pane.detail);
        head.cancel.hidden = !pane.computing;
        head.again.hidden = !pane.again;
      });
    },
  };
}

/** What a heatmap says; a narrow pane has the few words, and all of them for who points at it or has it read aloud. */
function showDetail(head, detail) {
  const said = JSON.stringify(detail);
  if (head.said === said) return;
  head.said = said;
  head.words.textContent = detail?.words ?? "";
  fill(head.brief, detail?.warns && icon("warning", 12), detail?.brief ?? "");
  head.detail.title = detail?.words ?? "";
}

function paneChoices(room, place, close) {
  const layout = layoutOf(room);
  const items = [{ value: "film", label: "Film alone" }];
  items.push(...room.models().map((name) => ({ value: `model:${name}`, label: `Heatmap of ${room.titleOf(name)}` })));
  if (room.models().length > 1) items.push({ value: "both", label: "Two heatmaps (blink, slider)" });
  if (priorOf(room, room.row())) items.push({ value: "prior", label: "Prior film" });
  return choices("This pane shows", items, contentsOf(room)[place], (content) => {
    const assigned = [...contentsOf(room)];
    assigned[place] = content;
    room.store.set({ assigned: { ...room.store.get().assigned, [layout]: assigned } });
    close();
  });
}
