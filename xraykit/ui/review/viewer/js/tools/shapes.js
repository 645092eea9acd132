/**
 * What can be drawn on a film: of how many points it is made, how it looks, what it says. Points are in film pixels; `at`
 * turns one into CSS pixels of the pane. A kind keeps nothing: all that is known of a shape is in the shape.
 */

import { distanceToStretch, spacingOf } from "./geometry.js";
import * as readings from "./readings.js";
import { arrowHead, handle, polyline, stroke } from "./sketch.js";

/**
 * @typedef {{kind: string, points: {x: number, y: number}[], label?: string, axis?: "x"|"y"}} Shape
 * @typedef {{points: number, start: [number, number][], lines: (shape: Shape) => [Point, Point][], words: (shape, pane, read, at) => Note[],
 *   split?: number, draw?: Function, handles?: boolean}} Kind
 *   start: where its points lie when it is put down by key, in eighths of the pane from its middle.
 *   split: a new press begins the second line after so many points.
 * @typedef {{lines: string[], beside: {x: number, y: number}, fixed?: boolean}} Note  fixed: begins right there
 */

const gap = (a, b) => Math.hypot(a.x - b.x, a.y - b.y);
const last = (points) => points[points.length - 1];
const middle = (a, b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
const pairs = (points) => points.flatMap((point, index) => (index % 2 ? [[points[index - 1], point]] : []));
const chain = (points) => points.slice(1).map((point, index) => [points[index], point]);

/** A caliper's bar at the height between its two handles, and its two jaws from the handles to the bar. */
function caliper([a, b], axis) {
  const across = axis === "x" ? "y" : "x";
  const level = (a[across] + b[across]) / 2;
  const [left, right] = [a, b].map((point) => ({ ...point, [across]: level }));
  return [[left, right], [a, left], [b, right]];
}

const calipers = (shape) => pairs(shape.points).flatMap((pair) => caliper(pair, shape.axis));

/** Beside the end of a line that lies further right on screen there is most room for words. */
const rightmost = (stretch, at) => stretch.reduce((best, next) => (at(next).x > at(best).x ? next : best));

function ratioNotes({ points, axis }, pane, read, at) {
  const spacing = spacingOf(pane.film);
  if (points.length < 2) return [];
  const [bar] = caliper(points.slice(-2), axis);
  const lines = points.length < 4
    ? [...readings.heartLines(points, axis, spacing), "now the thorax"]
    : readings.ratioLines(points, axis, spacing, pane.film.view);
  return [{ lines, beside: rightmost(bar, at) }];
}

/** Draws a shape's lines. */
function lines(context, colour, shape, at, chosen) {
  for (const stretch of KINDS[shape.kind].lines(shape)) polyline(context, colour, stretch.map(at), { width: chosen ? 2 : 1.5 });
}

function cross(context, colour, shape, at) {
  const { x, y } = at(shape.points[0]);
  for (const [dx, dy] of [[1, 0], [0, 1]]) {
    polyline(context, colour, [{ x: x - 8 * dx, y: y - 8 * dy }, { x: x - 3 * dx, y: y - 3 * dy }]);
    polyline(context, colour, [{ x: x + 3 * dx, y: y + 3 * dy }, { x: x + 8 * dx, y: y + 8 * dy }]);
  }
}

function cobb(context, colour, shape, at, chosen) {
  lines(context, colour, shape, at, chosen);
  const [first, second] = pairs(shape.points);
  if (second) polyline(context, colour, [middle(...first), middle(...second)].map(at), { width: 1, dash: [3, 4] });
}

function arrow(context, colour, shape, at, chosen) {
  lines(context, colour, shape, at, chosen);
  const [tip, tail] = shape.points.map(at);
  if (tail) arrowHead(context, colour, tail, tip, { width: chosen ? 2.5 : 2 });
}

function circle(context, colour, shape, at, chosen) {
  const [centre, edge] = shape.points.map(at);
  if (!edge) return;
  const radius = Math.hypot(edge.x - centre.x, edge.y - centre.y);
  stroke(context, colour, (path) => path.arc(centre.x, centre.y, radius, 0, 2 * Math.PI), { width: chosen ? 2.5 : 2 });
}

const label = (beside) => (shape) => (shape.label ? [{ lines: [shape.label], beside: beside(shape.points) }] : []);
const measured = (read, beside) => (shape, pane) => {
  const said = read(shape.points, spacingOf(pane.film)).filter(Boolean);
  return said.length ? [{ lines: said, beside: beside(shape.points) }] : [];
};

/** @type {Record<string, Kind>} */
export const KINDS = {
  probe: {
    points: 1, start: [[0, 0]], lines: () => [], draw: cross, handles: false,
    words: ({ points: [point] }, pane, read) => [{ lines: readings.probeLines(read(point), point), beside: point }],
  },
  ruler: {
    points: 2, start: [[-1, 0], [1, 0]], lines: ({ points }) => chain(points),
    words: measured(complete(2, readings.rulerLines), last),
  },
  angle: {
    points: 3, start: [[1, -1], [-1, 0], [1, 1]], lines: ({ points }) => chain(points),
    words: measured(complete(3, readings.cornerLines), (points) => points[1]),
  },
  cobb: {
    points: 4, start: [[-1, -1], [1, -1], [-1, 1], [1, 1]], split: 2, lines: ({ points }) => pairs(points), draw: cobb,
    words: measured(complete(4, readings.cobbLines), last),
  },
  ratio: { points: 4, start: [[-1, 0.5], [1, 0.5], [-2, 1.5], [2, 1.5]], split: 2, lines: calipers, words: ratioNotes },
  arrow: { points: 2, start: [[0, 0], [1, 1]], lines: ({ points }) => chain(points), draw: arrow, words: label(last) },
  circle: { points: 2, start: [[0, 0], [1, 0]], lines: () => [], draw: circle, words: label(last) },
  text: {
    points: 1, start: [[0, 0]], lines: () => [], draw: () => {}, handles: false,
    words: (shape) => label(last)(shape).map((note) => ({ ...note, fixed: true })),
  },
};

/** Reads only what has all its points. */
function complete(count, read) {
  return (points, spacing) => (points.length < count ? [] : read(points, spacing));
}

/** Draw a shape without its words. */
export function draw(context, colour, shape, at, chosen) {
  const kind = KINDS[shape.kind];
  (kind.draw ?? lines)(context, colour, shape, at, chosen);
  if (kind.handles === false) return;
  for (const point of shape.points) handle(context, colour, at(point), chosen);
}

/** Places along a shape's lines, close enough that no words fit between them unseen. */
export function outline(shape, at) {
  const stretches = KINDS[shape.kind].lines(shape).map(([a, b]) => [at(a), at(b)]);
  const along = stretches.flatMap(([a, b]) => {
    const count = Math.min(200, Math.ceil(gap(a, b) / 8));
    const part = (from, to, step) => from + ((to - from) * step) / count;
    return Array.from({ length: count }, (_, step) => ({ x: part(a.x, b.x, step), y: part(a.y, b.y, step) }));
  });
  return [...shape.points.map(at), ...along];
}

/**
 * What lies under a place on screen: a handle is taken alone, a line with all that moves with it (of two calipers, one).
 * @returns {{distance: number, indices: number[]}} distance in CSS pixels; indices of the points that move
 */
export function nearest(shape, place, at) {
  const all = shape.points.map((_, index) => index);
  const far = { distance: Infinity, indices: all };
  const handles = all.map((index) => ({ distance: gap(place, at(shape.points[index])) * 0.7, indices: [index] }));
  const stretches = KINDS[shape.kind].lines(shape);
  const share = KINDS[shape.kind].split ? stretches.length / Math.floor(shape.points.length / 2) : Infinity;
  const bodies = stretches.map(([a, b], order) => {
    const first = share === Infinity ? 0 : 2 * Math.floor(order / share);
    const indices = share === Infinity ? all : [first, first + 1];
    return { distance: distanceToStretch(place, at(a), at(b)), indices };
  });
  if (shape.kind === "circle" && shape.points.length > 1) {
    const [centre, edge] = shape.points.map(at);
    bodies.push({ distance: Math.abs(gap(place, centre) - gap(edge, centre)), indices: all });
  }
  return [far, ...handles, ...bodies].reduce((best, next) => (next.distance < best.distance - 0.01 ? next : best));
}
