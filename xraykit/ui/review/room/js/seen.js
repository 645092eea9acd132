/** What the models saw of the film, side by side: the very input, how it came about, and the training films nearest to it. */

import { fill, h } from "./kit/dom.js";
import { icon } from "./kit/icons.js";
import { isStopped } from "./list/gate.js";

const SPLITS = { train: "training", validation: "validation", test: "test" };
const LEAST_SCALE = 1.15; // of the chart beyond what it shows
const asked = new WeakMap(); // row -> model -> {said} | {error}: a row that changed is asked for anew

/** That a model was made with a film, as a badge; nothing where it was not. @param {any} known @param {boolean} [short] */
export function knownBadge(known, short = false) {
  if (!known) return null;
  const set = `${SPLITS[known.split] ?? known.split} set`;
  const words = short ? [known.exact ? "Known" : "Twin", h("span", { class: "unseen" }, `${known.exact ? " from" : " in"} ${set}`)] // beside it the class needs the room
    : known.exact ? `In this model's ${set}` : `Near twin in this model's ${set}`;
  return h("span", { class: `saw-known ${known.split}`, title: known.words }, icon("warning", 12), words);
}

/** Below a model's probability: whether it knows the film, and the way to what it saw. */
export function seenLine(room, model, given) {
  const show = () => room.store.set({ saw: { open: true, model: model.name } });
  return h("p", { class: "saw-line" }, knownBadge(given.known),
    h("button", { type: "button", class: "text", title: `What the model saw (${room.keysOf("saw").join(", ")})`, onclick: show }, "What it saw"));
}

/** Of all models that are on, the one that knows a film best. @param {any} row @param {string[]} names */
export function knownOf(row, names) {
  const all = names.map((name) => row.models?.[name]?.known).filter(Boolean);
  const order = Object.keys(SPLITS);
  return all.sort((a, b) => order.indexOf(a.split) - order.indexOf(b.split) || Number(b.exact) - Number(a.exact))[0] ?? null;
}

/**
 * The panel, in place of the findings while it is open: a column a model, as many as the window holds.
 * @param {HTMLElement} root @param {any} room
 */
export function createSeen(root, room) {
  const body = h("div", { class: "saw-body", tabindex: "0", role: "group", "aria-label": "What the models saw" });
  const title = h("h3", {});
  fill(root, h("header", {}, title,
    h("button", { type: "button", class: "icon-button", title: "Back to the findings", "aria-label": "Back to the findings", onclick: () => toggleSeen(room) }, icon("close", 14))), body);
  let drawn = "";
  return {
    show(row) {
      const open = isOpen(room);
      reveal(room, open);
      if (!open) return;
      const models = room.state.models.filter((model) => room.models().includes(model.name));
      room.root.style.setProperty("--saw-columns", Math.max(1, models.length));
      const mark = JSON.stringify([row?.id, row?.state, row?.gate?.state, models.map(({ name }) => name), row && room.hidden(row), models.map(({ name }) => Object.keys((row && asked.get(row)?.get(name)) ?? {}))]);
      if (mark !== drawn || root.drawnRow !== row) {
        drawn = mark;
        root.drawnRow = row;
        fill(title, models.length > 1 ? "What the models saw" : "What the model saw");
        fill(body, ...columnsOf(room, row, models));
      }
      lead(room, body);
    },
  };
}

/** The column of the model that was asked for comes into view, once. */
function lead(room, body) {
  const { saw } = room.store.get();
  if (!saw?.model) return;
  const column = [...body.children].find(({ dataset }) => dataset.model === saw.model);
  room.store.set({ saw: { ...saw, model: null } }, true);
  column?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const isOpen = (room) => Boolean(room.store.get().saw?.open) && room.panelIsOpen("findings");

/** Show or hide it; the findings' side opens with it. @param {any} room */
export function toggleSeen(room) {
  const open = !isOpen(room);
  if (open && !room.panelIsOpen("findings")) room.togglePanel("findings");
  room.store.set({ saw: { ...room.store.get().saw, open } });
  reveal(room, open); // drawn with the next frame, but the focus moves now: later it would take it from a comment begun
  room.at(open ? "saw-body" : "findings")?.focus({ preventScroll: true });
}

function reveal(room, open) {
  room.root.dataset.saw = open ? "open" : "closed";
  room.at("saw").hidden = !open;
}

/** @param {any} room @returns {any} as keys.js takes it */
export const seenCommand = (room) => ({
  name: "saw", label: "What the model saw", group: "Overlay", key: "Shift+M", run: () => toggleSeen(room), pressed: () => isOpen(room), enabled: () => room.rows.size > 0,
});

/** A column for each model; one without a name where there is nothing that a model could have seen. */
function columnsOf(room, row, models) {
  const said = row ? { waiting: [quiet("Waiting to be read.")], refused: [quiet("This file could not be opened: no model saw it."), quiet(row.refused?.words ?? "")] }[row.state] : [quiet("Open a film first.")];
  const instead = said ?? (models.length === 0 && [quiet("No model is on. Choose one above the film.")]);
  if (instead) return [h("section", { class: "saw-column" }, instead)];
  return models.map((model) => h("section", { class: "saw-column", "aria-label": room.titleOf(model.name), data: { model: model.name } },
    models.length > 1 && h("h4", { class: "saw-model", title: room.titleOf(model.name) }, room.titleOf(model.name)), content(room, row, model)));
}

function content(room, row, model) {
  if (isStopped(row) && !row.models?.[model.name]?.top) return [quiet(`No model saw this film: ${row.gate.title.toLowerCase()}. The findings offer what can be done.`)];
  const entry = ask(room, row, model);
  if (entry.error) return [h("p", { class: "saw-error", role: "alert" }, entry.error)];
  if (!entry.said) return [quiet("Asking the model…")];
  return [picture(entry, room.titleOf(model.name)), knownBadge(entry.said.known), ...beside(room, row, entry.said), way(entry.said)];
}

const quiet = (words) => h("p", { class: "quiet" }, words);

/** What the server says of a film and a model: asked once for a row as it is. */
function ask(room, row, model) {
  if (!asked.has(row)) asked.set(row, new Map());
  const entries = asked.get(row);
  if (!entries.has(model.name)) {
    entries.set(model.name, {});
    Promise.all([room.routes.seen(row.id, model.name), room.routes.input(row.id, model.name)])
      .then(([said, image]) => entries.set(model.name, { said, image }))
      .catch((error) => entries.set(model.name, { error: error.words ?? "That did not work. Reload the page." }))
      .finally(() => room.changed("shelf"));
  }
  return entries.get(model.name);
}

function picture({ said, image }, title) {
  const channels = said.channels === 1 ? "one channel" : `${said.channels} channels`;
  const words = `${said.size} × ${said.size}, ${channels}: every number that the network is given.`;
  return h("figure", { class: "saw-picture" }, h("img", { src: image, width: said.size, height: said.size, alt: `Input of ${title}: ${said.size} by ${said.size} pixels`, draggable: "false" }),
    h("figcaption", {}, words));
}

function way(said) {
  return h("section", { class: "saw-way" }, h("h4", {}, "How it came about"),
    h("dl", {}, said.steps.flatMap(({ kind, name, words }) => [h("dt", { data: { kind } }, name), h("dd", {}, words)])));
}

function beside(room, row, said) {
  const title = h("h4", {}, "Nearest training films");
  if (!said.remembered) {
    return [h("section", { class: "saw-near" }, title, quiet(said.words), said.command && [quiet("This command does it:"), h("code", {}, said.command)])];
  }
  if (room.hidden(row)) return [h("section", { class: "saw-near" }, title, quiet("Hidden until you record an impression of this film."))];
  const { near } = said;
  const remembered = `${said.remembered.train.toLocaleString("en-US")} training films are remembered, by numbers alone.`;
  return [h("section", { class: "saw-near" }, title, near.words.map((words, place) => h("p", { class: place && near.far ? "saw-far" : null }, place > 0 && near.far && icon("warning", 13), h("span", {}, words))),
    strips(near), quiet(`Dots: distance in the network's own features. Shaded: from the 5th to the 95th percentile of the model's own test films, each to its nearest training film.`),
    said.known && quiet("The film itself, or its twin, is not counted among the nearest."),
    quiet(`A near film does not make an answer right. ${remembered}`))];
}

/** A row of dots for each class, nearest left. */
function strips(near) {
  const [low, , high] = near.usual.length ? near.usual : [0, 0, 0];
  const most = LEAST_SCALE * Math.max(high, ...near.distances);
  const share = (value) => value / (most || 1);
  const spoken = near.labels.map((label, place) => `${label} ${near.distances[place].toFixed(3)}`).join(", ");
  const row = ([label, count]) => {
    const dots = near.distances.filter((_, place) => near.labels[place] === label).map((distance) => {
      const dot = h("i", { title: distance.toFixed(3) });
      dot.style.setProperty("--at", share(distance));
      return dot;
    });
    return h("div", { class: "saw-strip" }, h("span", { class: "label", title: label }, label), h("span", { class: "number" }, count), h("span", { class: "track" }, dots));
  };
  const chart = h("div", { class: "saw-strips", role: "img", "aria-label": `Distances of the nearest training films: ${spoken}` }, Object.entries(near.counts).map(row),
    h("div", { class: "saw-strip axis" }, h("span", {}), h("span", {}), h("span", { class: "ends" }, h("span", {}, "0"), h("span", {}, most.toFixed(2)))));
  chart.style.setProperty("--low", share(low));
  chart.style.setProperty("--high", share(high));
  return chart;
}
