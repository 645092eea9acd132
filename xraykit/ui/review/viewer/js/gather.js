// What lies under each device pixel of a part: stored values, interpolated, and heat. A film is turned by quarters only,
// so that each column and each row is looked up once.

export const HEATS = 4095; // steps of a heat

/**
 * @param {import("./scene.js").Part} part @param {import("./levels.js").Picture} source its picture, halved so often that
 *   `reduced` film pixels are one of its own @param {boolean} nearest without interpolation
 * @returns {{planes: Uint16Array[], factor: number, heats: Uint16Array|null,
 *   inside: {left: number, top: number, right: number, bottom: number}}} values times `factor`, heat times HEATS
 */
export function gather(part, source, reduced, nearest) {
  const { clip, overlay } = part;
  const { columns, rows } = axes(part);
  const inside = { left: columns.first, right: columns.last, top: rows.first, bottom: rows.last };
  const factor = Math.floor(65535 / greatest(source.values));
  const line = source.width * source.channels;
  const steps = { x: { stride: source.channels, count: source.width }, y: { stride: line, count: source.height } };
  const sampled = [columns, rows].map((axis) => sample(axis, steps[axis.name], reduced, nearest));
  const planes = Array.from({ length: source.channels }, (_, channel) => {
    const plane = new Uint16Array(clip.width * clip.height);
    interpolate(plane, source.values, sampled, { inside, width: clip.width, channel, factor });
    return plane;
  });
  const heats = overlay ? heatsOf(overlay.heat, columns, rows, inside, clip) : null;
  return { planes, factor, heats, inside };
}

/** For columns and rows: which film axis they follow, the film coordinate at each, and which lie inside the film. */
function axes({ clip, pane, placement, picture }) {
  const { originX, originY, xx, xy, yx, yy } = placement;
  const upright = xx !== 0;
  const across = upright ? axis("x", originX, xx, picture.width) : axis("y", originY, yx, picture.height);
  const down = upright ? axis("y", originY, yy, picture.height) : axis("x", originX, xy, picture.width);
  return {
    columns: places(across, clip.left - pane.left, clip.width),
    rows: places(down, clip.top - pane.top, clip.height),
  };
}

function axis(name, origin, step, length) {
  return { name, origin, step, length };
}

function places({ name, origin, step, length }, begin, count) {
  const at = new Float64Array(count);
  let [first, last] = [count, 0];
  for (let i = 0; i < count; i += 1) {
    at[i] = origin + step * (begin + i + 0.5);
    if (at[i] < 0 || at[i] >= length) continue;
    first = Math.min(first, i);
    last = i + 1;
  }
  return { name, at, first: Math.min(first, last), last };
}

/** For each place of an axis: offsets of the two samples it lies between, and how near it is to the second. */
function sample({ at }, { stride, count }, reduced, nearest) {
  const low = new Int32Array(at.length);
  const high = new Int32Array(at.length);
  const part = new Float32Array(at.length);
  const held = (i) => Math.min(Math.max(i, 0), count - 1) * stride;
  for (let i = 0; i < at.length; i += 1) {
    const place = nearest ? Math.floor(at[i]) : at[i] / reduced - 0.5;
    low[i] = held(Math.floor(place));
    high[i] = held(Math.floor(place) + 1);
    part[i] = place - Math.floor(place);
  }
  return { low, high, part };
}

function interpolate(plane, values, [columns, rows], { inside, width, channel, factor }) {
  const { low, high, part } = columns;
  for (let row = inside.top; row < inside.bottom; row += 1) {
    const upper = rows.low[row] + channel;
    const lower = rows.high[row] + channel;
    const down = rows.part[row];
    const start = row * width;
    for (let column = inside.left; column < inside.right; column += 1) {
      const left = low[column];
      const right = high[column];
      const across = part[column];
      const a = values[upper + left];
      const b = values[lower + left];
      const above = a + (values[upper + right] - a) * across;
      const below = b + (values[lower + right] - b) * across;
      plane[start + column] = (above + (below - above) * down) * factor + 0.5;
    }
  }
}

/** Heat, bilinear over its box and flat beyond the outer cells' centres, 0 outside it. */
function heatsOf(heat, columns, rows, inside, clip) {
  const { grid } = heat;
  const [left, top, right, bottom] = heat.box;
  const sides = {
    x: { begin: left, end: right, count: heat.columns, stride: 1 },
    y: { begin: top, end: bottom, count: heat.rows, stride: heat.columns },
  };
  const [across, down] = [columns, rows].map((axis) => cells(axis, sides[axis.name]));
  const heats = new Uint16Array(clip.width * clip.height);
  for (let row = Math.max(inside.top, down.first); row < Math.min(inside.bottom, down.last); row += 1) {
    const [upper, lower, below] = [down.low[row], down.high[row], down.part[row]];
    const start = row * clip.width;
    const end = Math.min(inside.right, across.last);
    for (let column = Math.max(inside.left, across.first); column < end; column += 1) {
      const first = across.low[column];
      const second = across.high[column];
      const a = grid[upper + first];
      const b = grid[lower + first];
      const high = a + (grid[upper + second] - a) * across.part[column];
      const low = b + (grid[lower + second] - b) * across.part[column];
      heats[start + column] = (high + (low - high) * below) * HEATS + 0.5;
    }
  }
  return heats;
}

function cells({ at }, { begin, end, count, stride }) {
  const low = new Int32Array(at.length);
  const high = new Int32Array(at.length);
  const part = new Float32Array(at.length);
  let [first, last] = [at.length, 0];
  for (let i = 0; i < at.length; i += 1) {
    if (at[i] < begin || at[i] >= end) continue;
    first = Math.min(first, i);
    last = i + 1;
    const place = Math.min(Math.max(((at[i] - begin) / (end - begin)) * count - 0.5, 0), count - 1);
    low[i] = Math.floor(place) * stride;
    high[i] = Math.min(Math.floor(place) + 1, count - 1) * stride;
    part[i] = place - Math.floor(place);
  }
  return { low, high, part, first: Math.min(first, last), last };
}

const known = new WeakMap();

function greatest(values) {
  if (known.has(values)) return known.get(values);
  let most = 1;
  for (let i = 0; i < values.length; i += 1) if (values[i] > most) most = values[i];
  known.set(values, most);
  return most;
}
