// What is to be drawn, as plain data: parts of panes, each a film at a placement with a window and perhaps an overlay.
// Both renderers draw the same list.

import { placeAt, toFilm } from "./geometry.js";
import { resolve, transferOf } from "./window.js";

/**
 * @typedef {{left: number, top: number, width: number, height: number}} Rect device pixels
 * @typedef {{clip: Rect, pane: Rect, picture: import("./levels.js").Picture|null,
 *   placement: import("./geometry.js").Placement, magnified?: boolean, transfer: object, inverted: boolean,
 *   overlay: {heat: object, opacity: number, gain: number, colours: number[][]}|null}} Part
 */

const GAP = 2; // device-independent pixels between panes
const LENS = { side: 260, factor: 2 }; // css px, and at least so much larger than beside it

/** Where panes lie on a canvas: beside each other, or below where it is taller than wide. @returns {Rect[]} */
export function layOut(count, width, height, ratio) {
  const gap = Math.round(GAP * ratio);
  const across = width >= height * 0.9;
  const whole = across ? width : height;
  const begin = (i) => Math.round((i * (whole + gap)) / count);
  return Array.from({ length: count }, (_, i) => {
    const [start, length] = [begin(i), begin(i + 1) - gap - begin(i)];
    return across
      ? { left: start, top: 0, width: Math.max(length, 1), height }
      : { left: 0, top: start, width, height: Math.max(length, 1) };
  });
}

/** The largest raw heat that any pane shows: 1 of a shared scale. */
export function sharedMaximum(panes) {
  return Math.max(0, ...panes.flatMap((pane) => pane.heats.map((heat) => heat?.maximum ?? 0)));
}

/** The parts of one pane. @returns {Part[]} */
export function partsOf(pane, { common, hidden, blinked, maximum, colours, lens }) {
  const { device, film, view } = pane;
  const empty = { clip: device, pane: device, picture: null, placement: null, transfer: null, inverted: false, overlay: null };
  if (!film) return [empty];
  const window = resolve(film, view.window);
  const whole = {
    ...empty,
    picture: pane.picture.picture,
    placement: pane.placement,
    transfer: pane.picture.transfer ?? transferOf(film, window),
    inverted: film.inverted !== view.invert,
  };
  const layers = (heat) => overlayOf(heat, common.overlay, maximum, colours, hidden);
  const parts = split(whole, pane.heats, common.overlay, blinked, layers);
  return lens ? [...parts, ...magnified(parts, film, view, lens)] : parts;
}

function overlayOf(heat, overlay, maximum, colours, hidden) {
  if (!heat || hidden || !overlay.shown || !(overlay.opacity > 0) || !(heat.maximum > 0)) return null;
  const gain = overlay.shared && maximum > 0 ? heat.maximum / maximum : 1;
  return { heat, opacity: Math.min(overlay.opacity, 1), gain, colours };
}

function split(whole, heats, { mode, divider }, blinked, layers) {
  if (mode === "blink") return [{ ...whole, overlay: layers(blinked ? heats[1] : heats[0]) }];
  if (mode !== "slider") return [{ ...whole, overlay: layers(heats[0]) }];
  const { left, top, width, height } = whole.pane;
  const first = Math.round(Math.min(Math.max(divider, 0), 1) * width);
  return [
    { ...whole, clip: { left, top, width: first, height }, overlay: layers(heats[0]) },
    { ...whole, clip: { left: left + first, top, width: width - first, height }, overlay: layers(heats[1]) },
  ].filter((part) => part.clip.width > 0);
}

/** The lens's square around a device point of the pane, cut at its edges. @returns {Rect} */
export function lensRect(pane, { column, row, ratio }) {
  const side = Math.round(Math.min(LENS.side * ratio, pane.width * 0.6, pane.height * 0.6));
  const [left, top] = [Math.round(pane.left + column - side / 2), Math.round(pane.top + row - side / 2)];
  const [right, bottom] = [Math.min(left + side, pane.left + pane.width), Math.min(top + side, pane.top + pane.height)];
  const [first, upper] = [Math.max(left, pane.left), Math.max(top, pane.top)];
  return { left: first, top: upper, width: Math.max(right - first, 0), height: Math.max(bottom - upper, 0) };
}

function magnified(parts, film, view, lens) {
  const square = lensRect(parts[0].pane, lens);
  return parts.map((part) => {
    const { width, height } = part.pane;
    const at = { x: lens.column, y: lens.row };
    const middle = toFilm(part.placement, at.x, at.y);
    const scale = Math.max(part.placement.scale * LENS.factor, 1);
    const placement = placeAt(film, view, { width, height, scale, middle, at });
    return { ...part, magnified: true, clip: meet(part.clip, square), placement };
  }).filter((part) => part.clip.width > 0 && part.clip.height > 0);
}

function meet(a, b) {
  const [left, top] = [Math.max(a.left, b.left), Math.max(a.top, b.top)];
  const width = Math.min(a.left + a.width, b.left + b.width) - left;
  return { left, top, width, height: Math.min(a.top + a.height, b.top + b.height) - top };
}
