// The bytes of a film and of a heatmap as the server sends them. Reads; draws nothing and asks nobody.
//
// A message is a 4-byte little-endian length, a JSON header of that length padded to a multiple of 4, and raw
// little-endian data.

/**
 * @typedef {{name: string, low: number, high: number, function: "linear"|"linear-exact"|"sigmoid"|"table",
 *   table: {first: number, count: number, values: Uint16Array}|null}} FilmWindow
 * @typedef {{id: string, name: string, width: number, height: number, channels: 1|3, bits: number,
 *   dtype: "uint8"|"uint16", slope: number, intercept: number, units: string|null, inverted: boolean,
 *   windows: FilmWindow[], spacing: object|null, orientation: object|null, laterality: string|null,
 *   view: string|null, values: Uint8Array|Uint16Array}} Film
 * @typedef {{id: string, model: string, method: string, label: string, layer: string, rows: number,
 *   columns: number, maximum: number, box: number[], words: string|null, grid: Float32Array}} Heat
 */

/** @param {ArrayBuffer} buffer @returns {Film} @throws {RangeError} where the message is cut short */
export function parseFilm(buffer) {
  const { header, start } = messageOf(buffer);
  const { width, height, channels } = header;
  const Values = header.dtype === "uint8" ? Uint8Array : Uint16Array;
  const values = new Values(buffer, start, width * height * channels);
  let place = start + values.byteLength + (values.byteLength % 2);
  const windows = header.windows.map((window) => {
    if (!window.table) return window;
    const entries = new Uint16Array(buffer, place, window.table.count);
    place += entries.byteLength;
    return { ...window, table: { ...window.table, values: entries } };
  });
  return { slope: 1, intercept: 0, units: null, inverted: false, ...header, windows, values };
}

/** @param {ArrayBuffer} buffer @returns {Heat} @throws {RangeError} where the message is cut short */
export function parseHeat(buffer) {
  const { header, start } = messageOf(buffer);
  return { ...header, grid: new Float32Array(buffer, start, header.rows * header.columns) };
}

const keys = new WeakMap(); // values -> key
let made = 0;

/** What is kept of a film goes by its pixels: turned or inverted, a film of the same id is another picture. @param {Film} film */
export function keyOf({ id, values }) {
  if (!keys.has(values)) keys.set(values, `${id}#${(made += 1)}`);
  return keys.get(values);
}

/** The header of a message, and where its data begin in its bytes. @param {ArrayBuffer|Uint8Array} message */
export function messageOf(message) {
  const bytes = message instanceof ArrayBuffer ? message : message.slice().buffer;
  const length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  return { header, start: 4 + length, bytes };
}

/** What a film shows at one of its pixels. @param {Film} film */
export function filmPixel(film, x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  if (column < 0 || row < 0 || column >= film.width || row >= film.height) return null;
  const place = (row * film.width + column) * film.channels;
  const stored = [...film.values.subarray(place, place + film.channels)];
  const value = stored.map((number) => number * film.slope + film.intercept);
  const single = film.channels === 1;
  return { stored: single ? stored[0] : stored, value: single ? value[0] : value, units: film.units };
}

/** Heat in 0..1 at a place of the film, bilinear, flat beyond the outer cells' centres; null outside its box. */
export function heatAt(heat, x, y) {
  const [left, top, right, bottom] = heat.box;
  if (x < left || y < top || x >= right || y >= bottom) return null;
  const across = clamp(((x - left) / (right - left)) * heat.columns - 0.5, heat.columns - 1);
  const down = clamp(((y - top) / (bottom - top)) * heat.rows - 0.5, heat.rows - 1);
  const [i, j] = [Math.floor(across), Math.floor(down)];
  const [right1, below] = [Math.min(i + 1, heat.columns - 1), Math.min(j + 1, heat.rows - 1)];
  const cell = (row, column) => heat.grid[row * heat.columns + column];
  const upper = cell(j, i) + (cell(j, right1) - cell(j, i)) * (across - i);
  const lower = cell(below, i) + (cell(below, right1) - cell(below, i)) * (across - i);
  return upper + (lower - upper) * (down - j);
}

function clamp(value, high) {
  return Math.min(Math.max(value, 0), high);
}
