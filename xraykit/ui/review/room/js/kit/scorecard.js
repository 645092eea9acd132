/** Whether a model's heatmaps are better than random maps: a badge, and a word of caution beside the overlay. */

import { h } from "./dom.js";

const CAUTIONS = {
  "no-better": "No better than a random map for this model",
  worse: "Worse than a random map for this model",
};

/**
 * @param {{scorecard?: {method: string, verdict: string, sanity: string, advantage: (number | null)[], n: number} | null}} model
 * @param {string} method of the heatmap that is shown
 */
export function badge({ scorecard }, method) {
  if (!scorecard) return h("p", { class: "scorecard" }, "Heatmap not checked against random maps.");
  if (scorecard.method !== method) return h("p", { class: "scorecard" }, `${method} not checked against random maps.`);
  const good = scorecard.verdict === "better";
  return [
    h("p", { class: good ? "scorecard good" : "scorecard", title: "Insertion less deletion, with a 95 % interval" }, h("b", {}, method), `: ${inWords(scorecard)}`),
    scorecard.sanity === "failed" && h("p", { class: "scorecard" }, "A network with shuffled weights or labels gives much the same map."),
  ];
}

/** What must be known beside the overlay; nothing where the heatmap does better than chance, or was not checked. */
export function caution({ scorecard }, method) {
  return scorecard?.method === method ? CAUTIONS[scorecard.verdict] ?? "" : "";
}

function inWords({ verdict, advantage: [value, low, high], n }) {
  if (verdict === "unknown") return `too few films (${n}) to compare it with random maps`;
  const figure = `${number(value)} [${number(low)}, ${number(high)}], ${n} films`;
  if (verdict === "better") return `better than a random map by ${figure}`;
  return `${CAUTIONS[verdict][0].toLowerCase()}${CAUTIONS[verdict].slice(1)}: ${figure}`;
}

const number = (value) => (typeof value === "number" ? value.toFixed(2) : "?");
