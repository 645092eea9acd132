/** What the models make of the film, and what stands behind it: as strong as a warning that questions it. */

import { percent, fill, h } from "./kit/dom.js";
import { icon } from "./kit/icons.js";
import { badge } from "./kit/scorecard.js";
import { predicted } from "./list/choose.js";
import { gateBox, isStopped } from "./list/gate.js";
import { seenLine } from "./seen.js";

/** Pearson's r in the words of Evans (1996), for the five ranges of its size. */
const STRENGTHS = [[0.8, "very strong"], [0.6, "strong"], [0.4, "moderate"], [0.2, "weak"], [-2, "hardly any"]];

/** @param {HTMLElement} root @param {any} room */
export function createFindings(root, room) {
  let drawn = "";
  let state = null;
  let beside = ""; // what is drawn of the state
  return {
    show(row) {
      if (state !== room.state) {
        state = room.state;
        beside = JSON.stringify([state.models, state.broken]);
      }
      const mark = JSON.stringify([beside, row?.id, row && [room.hidden(row), room.nameOf(row)], room.models(), room.method(), room.store.get().label, room.store.get().priors]);
      if (root.drawnRow === row && drawn === mark) return;
      root.drawnRow = row;
      drawn = mark;
      refill(root, row ? ofFilm(room, row) : beforeFilms(room));
    },
  };
}

/** Draw anew; the focus stays on the button of the same words, and what was opened stays open. */
function refill(root, parts) {
  const at = root.getRootNode().activeElement;
  const alike = () => [...root.querySelectorAll("button, summary")].filter((other) => other.textContent === at.textContent);
  const place = at && root !== at && root.contains(at) ? alike().indexOf(at) : -1;
  const opened = Boolean(root.querySelector(".broken[open]"));
  fill(root, ...parts);
  root.querySelector(".broken")?.toggleAttribute("open", opened);
  if (place >= 0) (alike()[place] ?? root).focus({ preventScroll: true });
}

function ofFilm(room, row) {
  if (row.state === "refused") return [refusedBox(row)];
  const models = room.state.models.filter((model) => room.models().includes(model.name));
  const parts = [gateBox(room, row), warningsBox(row)];
  if (row.state === "waiting") parts.push(h("p", { class: "quiet" }, "Waiting to be read"));
  else if (!room.state.models.length) parts.push(noModel(room));
  else if (isStopped(row)) parts.push(...models.filter((model) => row.models?.[model.name]?.top).map((model) => reading(room, row, model)));
  else if (room.hidden(row)) parts.push(veil());
  else {
    parts.push(verdict(room, row), ...models.map((model) => reading(room, row, model)), likeness(room, row));
    if (!models.length) parts.push(h("p", { class: "quiet" }, "No model is on. Choose one above the film."));
  }
  return [...parts, broken(room), facts(room, row)];
}

/** Before the first film: which models will read what is opened. */
function beforeFilms(room) {
  const { models } = room.state;
  if (!models.length) return [noModel(room), broken(room)];
  return [h("section", { class: "box" }, h("h3", {}, models.length === 1 ? "One model" : `${models.length} models`),
    models.map((model) => h("p", {}, h("b", {}, room.titleOf(model.name)), `: ${model.classes.join(", ")}`))), broken(room)];
}

function refusedBox(row) {
  return h("section", { class: "warnings", role: "alert" }, h("h3", {}, icon("warning"), "This file could not be opened"),
    h("p", {}, row.refused?.words ?? ""), h("p", { class: "code" }, row.refused?.code ?? ""));
}

function warningsBox(row) {
  if (!row.warnings?.length) return null;
  const title = row.warnings.length === 1 ? "Warning" : `${row.warnings.length} warnings`;
  return h("section", { class: "warnings", role: "alert" }, h("h3", {}, icon("warning"), title),
    row.warnings.map((words) => h("p", {}, words)));
}

function noModel(room) {
  return h("section", { class: "box" }, h("h3", {}, "No models yet"), h("p", {}, "The film can be looked at and measured. Train a model on the Fine-tune page, or with "),
    h("p", {}, h("code", {}, "python -m xraykit train --recipe NAME --data FOLDER")), h("p", {}, "and save it with"),
    h("p", {}, h("code", {}, "python -m xraykit runs keep RUN --as NAME")));
}

function veil() {
  return h("section", { class: "box veil" }, h("h3", {}, "Blind mode"),
    h("p", {}, "What the models predict is hidden until you record an impression of this film."));
}

/** Whether the models predict the same class, in words. */
function verdict(room, row) {
  const read = predicted(row, room.models());
  if (read.length < 2) return null;
  const counts = new Map();
  for (const { top } of read) counts.set(top, (counts.get(top) ?? 0) + 1);
  if (counts.size === 1) return h("p", { class: "verdict agree" }, icon("check"), `${read.length === 2 ? "Both" : `All ${read.length}`} models predict ${read[0].top}.`);
  const votes = read.length === 2 ? read.map(({ top }) => top) : [...counts].map(([top, number]) => `${number} × ${top}`);
  return h("p", { class: "verdict differ" }, icon("differ"), `The models disagree: ${votes.join(", ")}.`);
}

function reading(room, row, model) {
  const given = row.models?.[model.name];
  const title = h("h3", { title: model.title }, room.titleOf(model.name));
  if (!given) return h("section", { class: "model" }, title, h("p", { class: "quiet" }, "Has not read this film yet."));
  if (!given.top) return h("section", { class: "model" }, title, h("p", { class: "said" }, given.words));
  const questioned = Boolean(row.warnings?.length);
  return h("section", { class: questioned ? "model questioned" : "model" }, title,
    h("p", { class: "predicts" }, questioned && icon("warning"), h("span", {}, "predicts ", h("b", {}, given.top)),
      h("span", { class: "number", title: "Model probability" }, given.probabilities[given.top].toFixed(3))),
    seenLine(room, model, given),
    bars(model, given),
    predictionSet(model, given),
    model.heatmaps !== false && badge(model, room.method()),
    trust(model, room.store.get().label && given.probabilities[room.store.get().label] !== undefined ? room.store.get().label : given.top));
}

function bars(model, given) {
  return h("div", { class: "bars", role: "table", "aria-label": `Model probabilities, ${model.title}` },
    model.classes.map((label) => {
      const value = given.probabilities[label] ?? 0;
      const point = model.trust?.[label]?.threshold;
      const bar = h("span", { class: "bar", "aria-hidden": "true" }, h("i", {}),
        typeof point === "number" && h("u", { title: `Operating point ${point.toFixed(2)}` }));
      bar.style.setProperty("--value", value);
      if (typeof point === "number") bar.style.setProperty("--point", point);
      return h("div", { role: "row", class: label === given.top ? "top" : null }, h("span", { role: "cell", class: "label", title: label }, label),
        bar, h("span", { role: "cell", class: "number" }, value.toFixed(3)));
    }));
}

/** Every class that reaches its limit, and where such sets hold what they promise; nothing where a model has none. */
function predictionSet({ classes, sets }, { probabilities }) {
  if (!sets) return null;
  const inside = classes.filter((label) => (probabilities[label] ?? 0) >= (sets.least[label] ?? 0));
  const level = Math.round(100 * sets.level);
  const [members, meaning] = !inside.length ? ["empty", `. No class is as probable as it was for ${level} % of its validation films.`]
    : inside.length === classes.length ? [`all ${classes.length} classes`, ". The model rules nothing out."]
      : [inside.join(" or "), ""];
  return h("div", { class: "sets" }, h("p", {}, `${level} % prediction set: `, h("b", {}, members), meaning),
    sets.places.map((place) => h("p", { class: place.verdict === "broken" ? "broken" : "quiet" }, placeWords(place, level))));
}

/** Whether sets hold the true class in a place: "At home 92.9 % (90.1–94.9) of 450 sets hold the true class." */
function placeWords({ name, n, covered: [value, low, high], verdict }, level) {
  const interval = low === null || low === undefined ? "" : ` (${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)})`;
  const share = `${name === "home" ? "At home" : `On ${name}`} ${percent(value)}${interval} of ${n.toLocaleString("en-US")} sets hold the true class`;
  if (verdict === "broken") return name === "home" ? `${share}: fewer than the ${level} % promised.` : `${share}: they promise nothing there.`;
  return verdict === "few films" ? `${share}: too few films to judge.` : `${share}.`;
}

/** The operating point of a class with what it gave on films whose class was known: at home, and elsewhere. */
function trust(model, label) {
  const home = model.trust?.[label];
  const away = (model.elsewhere ?? []).filter((place) => place.classes?.[label]);
  if (!home && !away.length) return h("p", { class: "trust" }, `No figures are known for ${label}: the card of this model has none.`);
  return h("div", { class: "trust" }, h("p", {}, h("b", {}, label), home && pointWords(home)),
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Films"), h("th", { scope: "col" }, "Sensitivity"), h("th", { scope: "col" }, "Specificity"))),
      h("tbody", {}, home && figures(home, "at home"), away.map((place) => figures(place.classes[label], place.source)))),
    !away.length && h("p", { class: "quiet" }, `Not measured elsewhere: python -m xraykit evaluate --model ${model.name} --data DIR --attach NAME`));
}

const pointWords = ({ threshold }) =>
  (typeof threshold === "number" ? `, operating point ${threshold.toFixed(2)}` : ", where its probability is the highest");

function figures({ sensitivity, specificity, n }, where) {
  return h("tr", {}, h("th", { scope: "row", title: where }, `${n.toLocaleString("en-US")} ${where}`), h("td", {}, figure(sensitivity)), h("td", {}, figure(specificity)));
}

function figure([value, low, high]) {
  if (value === null || value === undefined) return "not known";
  const interval = low === null || low === undefined ? null : h("span", { title: "95 % interval" }, `${(100 * low).toFixed(1)}–${(100 * high).toFixed(1)}`);
  return [h("b", {}, percent(value)), interval];
}

/** How alike two models' heatmaps are: correlation, and how much of their hottest fifths they share. */
function likeness(room, row) {
  const shown = new Set(room.models());
  const pairs = Object.entries(row.compared ?? {}).filter(([pair]) => pair.split("|").every((name) => shown.has(name)));
  if (!pairs.length) return null;
  return h("section", { class: "likeness" }, h("h3", {}, "Where the models looked"), pairs.map(([pair, { correlation, overlap }]) =>
    h("p", {}, pairs.length > 1 && h("span", { class: "quiet" }, `${pair.split("|").map(room.titleOf).join(" and ")}: `),
      correlationWords(correlation), overlap === null || overlap === undefined ? "" : `, overlap of the hottest regions ${Math.round(100 * overlap)} %`, ".")));
}

function correlationWords(value) {
  if (value === null || value === undefined) return "The heatmaps cannot be compared";
  const strength = STRENGTHS.find(([from]) => Math.abs(value) >= from)?.[1] ?? "hardly any";
  return `${strength[0].toUpperCase()}${strength.slice(1)} ${value < -0.2 ? "inverse " : ""}correlation of the heatmaps (${value.toFixed(2)})`;
}

/** Models that could not be loaded: one line, their reasons when asked for. */
function broken(room) {
  const list = room.state.broken ?? [];
  if (!list.length) return null;
  return h("details", { class: "broken" }, h("summary", {}, list.length === 1 ? `${list[0].name} could not be loaded` : `${list.length} models could not be loaded`),
    h("ul", {}, list.map(({ name, words, code }) => h("li", {}, h("b", {}, name), ": ", words, " ", h("code", {}, code)))));
}

function facts(room, row) {
  const rows = [
    ["Format", [row.format, row.colour ? "colour" : null].filter(Boolean).join(", ")],
    ["Size", row.width ? `${row.width} × ${row.height}, ${row.bits} bit` : ""],
    ["View", [row.view, row.laterality].filter(Boolean).join(" ")],
    ["SHA-256", row.sha ? `${row.sha}…` : ""],
  ].filter(([, value]) => value);
  return h("section", { class: "facts" }, h("h3", {}, "Film"), h("p", { class: "filename" }, room.nameOf(row)),
    h("dl", {}, rows.flatMap(([term, value]) => [h("dt", {}, term), h("dd", {}, value)])),
    row.notes?.map((words) => h("p", { class: "note" }, words)));
}
