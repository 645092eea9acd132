/** A session's summary: words first, then shares with their intervals as small charts, then seconds. */

import { h } from "../kit/dom.js";
import { forest, quartiles } from "./charts.js";

const SEEN = { before: "Until the finding, models hidden", after: "From then on, models shown", shown: "Models shown from the start", whole: "All films" };

/**
 * @param {any} data of GET reading
 * @param {(name: string) => string} title of a model
 * @returns {(Node|null)[]}
 */
export function summaryOf(data, title) {
  return [counts(data), ...data.words.map((words) => h("p", { class: "note" }, words)), agreement(data, title), changes(data, title),
    ...reference(data, title), seconds(data)].filter(Boolean);
}

function counts({ counts: films, session }) {
  const parts = [[films.read, "read"], [films.blind, "before the models were shown"], [films.flagged, "flagged"], [films.with_reference, "with a reference standard"]];
  return h("p", {}, session.keep ? `${session.title || session.name}: ` : "", parts.map(([n, words]) => `${n} ${words}`).join(", "), ".");
}

function agreement({ models }, title) {
  const rows = models.flatMap((model) => [
    model.before.n ? [`${title(model.model)}, before it was shown`, model.before.share, `kappa ${kappa(model.before.kappa)}`] : null,
    model.last.n ? [title(model.model), model.last.share, `kappa ${kappa(model.last.kappa)}`] : null,
  ]).filter(Boolean);
  if (!rows.length) return null;
  const said = models.filter((model) => Object.values(model.said).some(Boolean)).map((model) =>
    h("p", { class: "quiet" }, `${title(model.model)}: ${model.said.agree} agreed with, ${model.said.disagree} disagreed with, ${model.said.unsure} unsure.`));
  return section("Your finding is the model's answer", forest(rows, "Share of films on which reader and model give the same class"), ...said);
}

function changes({ changes: made }, title) {
  if (!made.n) return null;
  const towards = Object.entries(made.towards).map(([name, n]) => `${n} to the answer of ${title(name)}`);
  return section("Changes of mind", h("p", {}, `${made.changed} of ${made.n} findings changed after the models were shown${made.changed ? `: ${towards.join(", ")}` : ""}.`),
    made.labelled ? h("p", {}, `${made.corrected} became right, ${made.spoiled} became wrong (McNemar p ${p(made.p)}).`) : null);
}

function reference({ reference: against }, title) {
  if (!against.n) return [];
  const reader = against.basis === "before" ? "Reader, before the models" : "Reader";
  return against.classes.filter((each) => each.n).map((each) => {
    const rows = (measure) => [
      against.basis === "before" ? ["Reader, last", each.reader[measure]] : null,
      [reader, (against.basis === "before" ? each.before : each.reader)[measure]],
      ...each.models.flatMap((model) => [["alone", title(model.model)], ["either", `Reader or ${title(model.model)}`], ["both", `Reader and ${title(model.model)}`]]
        .map(([name, words]) => [words, model[name].shares[measure], model[name][measure].adjusted_p === null ? "" : `p ${p(model[name][measure].adjusted_p)}`])),
    ].filter(Boolean);
    return section(`${each.label}, ${each.support} of ${each.n} films`,
      h("h4", {}, "Sensitivity"), forest(rows("sensitivity"), `Sensitivity for ${each.label}`),
      h("h4", {}, "Specificity"), forest(rows("specificity"), `Specificity for ${each.label}`),
      h("p", { class: "quiet" }, "95 % intervals (Wilson). p against the reader on the same films: McNemar's exact test, adjusted after Holm."));
  });
}

function seconds({ seconds: spent }) {
  const rows = Object.entries(SEEN).filter(([name]) => spent[name].n).map(([name, words]) => [words, spent[name]]);
  return rows.length ? section("Seconds a film", quartiles(rows, "Seconds a film: median and quartiles")) : null;
}

const section = (title, ...children) => h("section", {}, h("h3", {}, title), ...children);
const kappa = (value) => (value === null ? "n/a" : value.toFixed(2));
const p = (value) => (value === null ? "n/a" : value < 0.001 ? "< 0.001" : `= ${value.toFixed(3)}`);
