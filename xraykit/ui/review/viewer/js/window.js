// Windows and tables: stored values to grey levels as DICOM PS3.3 C.11.2.1.2 and C.11.2.1.3 say.
//
// A window is low = center - width/2 and high = center + width/2 in units of value = stored * slope + intercept. All
// functions become t = (stored - from) * step, from which `level` reads 0..1; the shader does the same.

export const AUTO = "Auto";
export const FULL = "Full range";
const LEAST = 1e-6;
const statistics = new WeakMap();

/**
 * What the film's values are: least, greatest, and the 1st and 99th percentile of what is inside it. A surround of one
 * value, the lowest or the highest, is left out of the percentiles where it takes more than 2 % of the film.
 */
export function valuesOf(film) {
  if (!statistics.has(film.values)) statistics.set(film.values, summary(film.values));
  return statistics.get(film.values);
}

function summary(values) {
  const counts = new Uint32Array(values.BYTES_PER_ELEMENT === 1 ? 256 : 65536);
  for (let i = 0; i < values.length; i += 1) counts[values[i]] += 1;
  let least = 0;
  let greatest = counts.length - 1;
  while (least < greatest && !counts[least]) least += 1;
  while (greatest > least && !counts[greatest]) greatest -= 1;
  let total = values.length;
  for (const edge of least < greatest ? [least, greatest] : []) {
    if (counts[edge] <= 0.02 * values.length || counts[edge] > 0.9 * values.length) continue;
    total -= counts[edge];
    counts[edge] = 0;
  }
  return { least, greatest, low: percentile(counts, total * 0.01), high: percentile(counts, total * 0.99) };
}

function percentile(counts, rank) {
  let below = 0;
  for (let value = 0; value < counts.length; value += 1) {
    below += counts[value];
    if (below > rank) return value;
  }
  return counts.length - 1;
}

/** The windows a reader can choose for a film: its own in order, then its full range and the automatic one. */
export function presetNames(film) {
  return [...new Set([...film.windows.map((window) => window.name), FULL, AUTO])];
}

/** The window of that name; the film's first where it has none of that name. */
export function preset(film, name) {
  const own = film.windows.find((window) => window.name === name);
  if (own) return own;
  if (name === AUTO || name === FULL || !film.windows.length) return ranged(film, name === AUTO ? AUTO : FULL);
  return film.windows[0];
}

function ranged(film, name) {
  const { least, greatest, low, high } = valuesOf(film);
  const ends = name === AUTO && high > low ? [low, high] : [least, Math.max(greatest, least + 1)];
  const [a, b] = ends.map((stored) => stored * film.slope + film.intercept);
  return { name, low: Math.min(a, b), high: Math.max(a, b), function: "linear-exact", table: null };
}

/** The chosen window of a film: a preset whose low and high were moved, `relative` to its own range. */
export function resolve(film, { name, relative }) {
  const base = preset(film, name);
  const range = base.high - base.low;
  const [low, high] = relative[0] === 0 && relative[1] === 1
    ? [base.low, base.high]
    : [base.low + relative[0] * range, base.low + relative[1] * range];
  return { ...base, low, high };
}

/** Low and high in terms of a preset's range. */
export function relativeTo(base, low, high) {
  const range = base.high - base.low || 1;
  return [(low - base.low) / range, (high - base.low) / range];
}

/**
 * How stored values become grey: t = (stored - from) * step, then by kind. "linear": t held to 0..1. "sigmoid":
 * 1 / (1 + exp(-4 t)). "table": the entry nearest to t.
 */
export function transferOf({ slope, intercept }, window) {
  const width = Math.max(window.high - window.low, LEAST);
  const stored = (value) => (value - intercept) / slope;
  if (window.function === "sigmoid") {
    return { kind: "sigmoid", from: stored((window.low + window.high) / 2), step: slope / width, table: null };
  }
  if (window.function === "table") {
    const table = window.table.values;
    const step = Math.abs(width - table.length) < LEAST ? slope : (slope * table.length) / width;
    return { kind: "table", from: stored(window.low), step, table };
  }
  const exact = window.function === "linear-exact";
  return { kind: "linear", from: stored(window.low), step: slope / Math.max(exact ? width : width - 1, LEAST), table: null };
}

/** A grey level 0..1 of a stored value, which may lie between two. */
export function level(transfer, value) {
  const t = (value - transfer.from) * transfer.step;
  if (transfer.kind === "sigmoid") return 1 / (1 + Math.exp(-4 * t));
  if (transfer.kind === "linear") return Math.min(Math.max(t, 0), 1);
  const { table } = transfer;
  return table[Math.min(Math.max(Math.floor(t + 0.5), 0), table.length - 1)] / 65535;
}
