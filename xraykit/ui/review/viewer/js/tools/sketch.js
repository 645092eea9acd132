/**
 * Lines, handles and words over a film: each bright with a dark edge, so that it is seen on a white and on a black film alike.
 * Everything is in CSS pixels of the pane. Knows nothing of what it draws.
 */

const FONT = "13px system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
const LINE_HEIGHT = 17;
const HALO = "rgba(0, 0, 0, 0.8)";
const PLATE = "rgba(0, 0, 0, 0.7)"; // under words: yellow and blue on it keep 4.5:1 on a white film too
const PADDING = 4;
const GAP = 9; // from a handle to the words beside it
const RINGS = [GAP, 24, 44, 70, 100, 135, 175]; // how far from the point words are tried
const DIRECTIONS = [0, 8, 4, 12, 2, 6, 14, 10, 1, 3, 5, 7, 9, 11, 13, 15].map((turn) => [
  Math.cos((turn * Math.PI) / 8), Math.sin((turn * Math.PI) / 8),
]);
const MARGIN = 4; // from the words to the pane's edge
const HANDLE = 4.5;

/** @typedef {{x: number, y: number}} Point  @typedef {{left: number, top: number, width: number, height: number}} Box */

/** Stroke what `trace` puts down, dark and wide first, then in its own colour. */
export function stroke(context, colour, trace, { width = 1.5, dash = [] } = {}) {
  context.save();
  context.lineCap = context.lineJoin = "round";
  context.setLineDash(dash);
  context.beginPath();
  trace(context);
  context.lineWidth = width + 2.5;
  context.strokeStyle = HALO;
  context.stroke();
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {Point[]} points */
export function polyline(context, colour, points, options) {
  const trace = (path) => points.forEach(({ x, y }, index) => path[index ? "lineTo" : "moveTo"](x, y));
  stroke(context, colour, trace, options);
}

/** A ring to take hold of; filled while it is the chosen one, so that what lies under it is seen otherwise. */
export function handle(context, colour, point, chosen) {
  const ring = (path) => path.arc(point.x, point.y, HANDLE, 0, 2 * Math.PI);
  stroke(context, colour, ring);
  if (!chosen) return;
  context.save();
  context.beginPath();
  ring(context);
  context.fillStyle = colour;
  context.globalAlpha = 0.75;
  context.fill();
  context.restore();
}

/** The two strokes of an arrow's head at `tip`, on a line from `tail`. */
export function arrowHead(context, colour, tail, tip, options) {
  const angle = Math.atan2(tip.y - tail.y, tip.x - tail.x);
  const size = Math.min(14, Math.hypot(tip.x - tail.x, tip.y - tail.y));
  const wing = (turn) => ({ x: tip.x - size * Math.cos(angle + turn), y: tip.y - size * Math.sin(angle + turn) });
  polyline(context, colour, [wing(0.42), tip, wing(-0.42)], options);
}

/** The size of some lines of words on their plate. @returns {{width: number, height: number}} */
function wordsSize(context, lines) {
  context.font = FONT;
  const width = Math.max(...lines.map((line) => context.measureText(line).width));
  return { width: width + 2 * PADDING, height: lines.length * LINE_HEIGHT + 2 };
}

/** How much of a box lies over another, in square pixels. */
function overlap(a, b) {
  const width = Math.min(a.left + a.width, b.left + b.width) - Math.max(a.left, b.left);
  const height = Math.min(a.top + a.height, b.top + b.height) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

/** The place of a box that is nearest to a point. @returns {Point} */
const nearestIn = ({ left, top, width, height }, { x, y }) => ({
  x: Math.max(left, Math.min(x, left + width)), y: Math.max(top, Math.min(y, top + height)),
});

/** The box moved back into the pane. */
function within(box, area) {
  const limit = (value, size, most) => Math.max(MARGIN, Math.min(value, most - size - MARGIN));
  return { ...box, left: limit(box.left, box.width, area.width), top: limit(box.top, box.height, area.height) };
}

/**
 * Where words of this size stand beside a point: right of it if there is room, else as near as they cover nothing that is
 * there already, else where they cover least.
 * @param {{width: number, height: number}} size @param {Point} point @param {{width: number, height: number}} area the pane
 * @param {(Box & {weight?: number})[]} taken weight: how much worse it is to be covered than a line
 * @returns {Box}
 */
export function place(size, point, area, taken) {
  let best = null;
  for (const distance of RINGS) {
    for (const [x, y] of DIRECTIONS) {
      const left = point.x + x * (distance + size.width / 2) - size.width / 2;
      const top = point.y + y * (distance + size.height / 2) - size.height / 2;
      const box = within({ left, top, ...size }, area);
      const moved = Math.abs(box.left - left) + Math.abs(box.top - top);
      const covered = taken.reduce((sum, other) => sum + overlap(box, other) * (other.weight ?? 1), 0);
      const cost = covered * 3 + moved * 4 + distance;
      if (!best || cost < best.cost) best = { box, cost };
    }
    if (best.cost <= distance) break; // nothing is covered, and further out is only further away
  }
  return best.box;
}

/** Where words stood before, if they may stay there: close to their point, over nothing else. Words that jump are not read. */
function stay(size, point, area, taken, before) {
  if (!before) return null;
  const [left, top] = [point.x + before.box.left - before.place.x, point.y + before.box.top - before.place.y];
  const box = within({ left, top, ...size }, area);
  const nearby = nearestIn(box, point);
  const moved = Math.abs(box.left - left) + Math.abs(box.top - top);
  const isClose = Math.hypot(nearby.x - point.x, nearby.y - point.y) <= RINGS[2];
  return moved < 1 && isClose && !taken.some((other) => overlap(box, other)) ? box : null;
}

/**
 * Words beside a point, joined to it by a dashed line where they had to move away; `fixed`: they begin at the
 * point unless other words are there.
 * @returns {Box} where they stand
 */
export function words(context, colour, { lines, fixed, before }, point, area, taken) {
  const size = wordsSize(context, lines);
  const there = { left: point.x, top: point.y - size.height / 2, ...size };
  const free = !taken.some((other) => other.weight && overlap(there, other));
  const box = fixed && free ? within(there, area) : stay(size, point, area, taken, before) ?? place(size, point, area, taken);
  const nearest = nearestIn(box, point);
  if (Math.hypot(nearest.x - point.x, nearest.y - point.y) > GAP * 2) {
    polyline(context, colour, [nearest, point], { width: 1, dash: [3, 4] });
  }
  context.save();
  context.fillStyle = PLATE;
  context.beginPath();
  context.roundRect(box.left, box.top, box.width, box.height, 3);
  context.fill();
  context.font = FONT;
  context.textBaseline = "middle";
  context.fillStyle = colour;
  lines.forEach((line, index) => context.fillText(line, box.left + PADDING, box.top + 1 + (index + 0.5) * LINE_HEIGHT));
  context.restore();
  return box;
}
