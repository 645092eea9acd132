/** Small charts as plain SVG with their numbers as text beside them: a point with its interval a row. */

import { h, percent } from "../kit/dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 220;
const ROW = 22;

function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A chart of one row: what is drawn lies in a box of WIDTH x ROW. */
const line = (label, ...shapes) => s("svg", { viewBox: `0 0 ${WIDTH} ${ROW}`, width: WIDTH, height: ROW, role: "img", "aria-label": label }, ...shapes);

/**
 * Shares with their intervals, one below the other, from 0 to 1.
 * @param {[string, {value: number|null, low: number|null, high: number|null, n: number}, string?][]} rows
 * @param {string} caption
 */
export function forest(rows, caption) {
  return table(caption, ["0", "50", "100 %"], rows.map(([words, figure, note]) => {
    if (figure.value === null) return [words, line("not known"), "n/a", note ?? ""];
    const text = `${percent(figure.value)} [${(100 * figure.low).toFixed(1)}, ${(100 * figure.high).toFixed(1)}], n = ${figure.n}`;
    const [at, low, high] = [figure.value, figure.low, figure.high].map((share) => 4 + share * (WIDTH - 8));
    return [words, line(`${words}: ${text}`, axis(),
      s("line", { x1: low, x2: high, y1: ROW / 2, y2: ROW / 2, class: "interval" }),
      s("rect", { x: at - 3, y: ROW / 2 - 3, width: 6, height: 6, class: "point" })), text, note ?? ""];
  }));
}

const axis = () => s("path", { d: [0, 0.5, 1].map((share) => `M${4 + share * (WIDTH - 8)} 4V${ROW - 4}`).join(""), class: "axis" });

/**
 * Medians with quartiles on one scale.
 * @param {[string, {n: number, low: number, median: number, high: number}][]} rows
 * @param {string} caption
 */
export function quartiles(rows, caption) {
  const most = Math.max(...rows.map(([, spent]) => spent.high), 1);
  const at = (seconds) => 4 + (seconds / most) * (WIDTH - 8);
  return table(caption, ["0", "", `${most.toFixed(0)} s`], rows.map(([words, spent]) => {
    const text = `${spent.median.toFixed(1)} s [${spent.low.toFixed(1)}, ${spent.high.toFixed(1)}], n = ${spent.n}`;
    return [words, line(`${words}: ${text}`,
      s("rect", { x: at(spent.low), y: 6, width: Math.max(1, at(spent.high) - at(spent.low)), height: ROW - 12, class: "box" }),
      s("line", { x1: at(spent.median), x2: at(spent.median), y1: 4, y2: ROW - 4, class: "interval" })), text, ""];
  }));
}

/** The ends and the middle of the scale stand below the last row, for the eye alone: every row says its numbers. */
function table(caption, scale, rows) {
  const ends = h("tr", { "aria-hidden": "true", class: "scale" }, h("td", {}), h("td", {}, h("span", {}, scale.map((end) => h("i", {}, end)))), h("td", {}), h("td", {}));
  return h("table", { class: "reader-table" }, h("caption", { class: "unseen" }, caption),
    h("tbody", {}, rows.map(([words, chart, text, note]) => h("tr", {}, h("th", { scope: "row" }, words), h("td", {}, chart), h("td", { class: "numbers" }, text), h("td", { class: "numbers" }, note))), ends));
}
