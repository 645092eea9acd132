/** What stands in a pane's corners, as words and numbers: computed from the pane, drawn by corners.js. */

import { roundLength, spacingOf } from "./geometry.js";
import { number } from "./readings.js";

const SIDES = { left: [-1, 0], top: [0, -1], right: [1, 0], bottom: [0, 1] };

/** Which way a step on the film goes on screen: the name of a side. */
function sideOnScreen(viewer, pane, [dx, dy]) {
  const origin = viewer.toPane(pane, 0, 0);
  const end = viewer.toPane(pane, dx, dy);
  const [x, y] = [end.x - origin.x, end.y - origin.y];
  if (Math.abs(x) > Math.abs(y)) return x < 0 ? "left" : "right";
  return y < 0 ? "top" : "bottom";
}

/**
 * The patient's directions at the four sides of the pane, as the film is turned and flipped now.
 * @returns {{left?: string, top?: string, right?: string, bottom?: string}}
 */
export function lettersOf(viewer, { index, film }) {
  const given = film?.orientation;
  if (!given) return {};
  const letters = Array.isArray(given) ? Object.fromEntries(Object.keys(SIDES).map((side, at) => [side, given[at]])) : given;
  const placed = Object.entries(SIDES).map(([side, step]) => [sideOnScreen(viewer, index, step), letters[side]]);
  return Object.fromEntries(placed);
}

/** What was done to the film's picture and must not be forgotten. @returns {string[]} */
export function marksOf({ film, view, marks }) {
  if (!film) return [];
  const turned = view.rotation ? [`ROTATED ${view.rotation}°`] : [];
  return [...(marks ?? (view.flipped ? ["FLIPPED"] : [])), ...turned, ...(view.invert ? ["INVERTED"] : [])];
}

/** Window width and level in the film's units, and the window's name. @returns {string[]} */
export function windowLines({ film, view, window }) {
  if (!film || !window) return [];
  const [width, level] = [window.high - window.low, (window.high + window.low) / 2];
  const decimals = width < 10 ? 2 : 0;
  const moved = view.window?.relative?.some((end, at) => end !== at);
  const shape = window.function === "sigmoid" ? ", sigmoid" : "";
  return [
    `W ${number(width, decimals)} L ${number(level, decimals)}${film.units ? ` ${film.units}` : ""}`,
    [window.name && `${window.name}${shape}`, moved && "adjusted"].filter(Boolean).join(", "),
  ].filter(Boolean);
}

/** How large the film is drawn: device pixels for each of its own. */
export function zoomWords({ film, view, devicePixels }) {
  if (!film) return "";
  const percent = devicePixels * 100;
  const whole = `${number(percent, percent < 10 ? 1 : 0)}%`;
  return Math.abs(devicePixels - 1) < 1e-6 ? `${whole}, 1:1` : view.zoom === 1 && !view.pixels ? `${whole}, fit` : whole;
}

/**
 * The scale bar: a round length that fits into `most` CSS pixels, along the pane's width.
 * @returns {{width: number, words: string}|null} null where the film does not say how large it is
 */
export function scaleOf({ film, view, scale }, most) {
  const spacing = spacingOf(film);
  if (!spacing || !(scale > 0) || !(most > 0)) return null;
  const step = (view.rotation % 180 === 0 ? spacing.column : spacing.row) / scale; // mm in a CSS pixel
  const length = roundLength(most * step);
  const decimals = length < 1 ? Math.ceil(-Math.log10(length) - 1e-9) : 0;
  const words = length >= 10 ? `${number(length / 10)} cm` : `${number(length, decimals)} mm`;
  return { width: length / step, words: spacing.kind === "detector" ? `${words} at detector` : words };
}

/**
 * The legend of the heatmaps that a pane shows; a model that the pane's title names already is not named again.
 * @returns {{lines: string[][], bar: boolean}} one list of lines for each heatmap
 */
export function legendOf({ film, heats, title: above }, overlay, blinked = false) {
  const first = blinked && overlay.mode === "blink" && heats.length > 1 ? 1 : 0; // the one whose turn it is
  const shown = film ? heats.slice(first, overlay.mode === "slider" ? 2 : first + 1) : [];
  if (!shown.length) return { lines: [], bar: false };
  if (!overlay.shown) return { lines: [["overlay off"]], bar: false };
  const top = overlay.shared ? "1 = the maximum of all heatmaps shown" : "1 = this heatmap's maximum";
  const sides = overlay.mode === "slider" && shown.length > 1 ? ["Left: ", "Right: "] : ["", ""];
  const lines = shown.map(({ method, label, model, title, words, maximum }, at) => [
    `${sides[at]}${[method, label].filter(Boolean).join(", ")}`, (title ?? model) === above ? null : title ?? model, words ?? (maximum > 0 ? top : "no positive evidence"),
  ].filter(Boolean));
  return { lines, bar: shown.some(({ maximum }) => maximum > 0) };
}

/** What a film is, where the page says nothing better. @returns {string[]} */
export function filmLines(film) {
  if (!film) return [];
  const view = [film.view, film.laterality].filter(Boolean).join(" ");
  const colour = film.channels === 3 ? ", colour" : "";
  return [film.name, `${film.width} × ${film.height}, ${film.bits} bit${colour}`, view].filter(Boolean);
}
