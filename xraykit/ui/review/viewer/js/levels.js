// Halved copies of a film: what is drawn smaller than half its size is read from averages, so that no line vanishes
// between two samples. Shared by both renderers.

/** @typedef {{key: string, width: number, height: number, channels: number, values: Uint8Array|Uint16Array}} Picture */

const halves = new WeakMap();
const SHARP = 0.25; // a quarter of a level towards the sharper copy

/** The level (0: the film itself) to draw from at so many device pixels a film pixel. */
export function levelFor(scale) {
  return Math.max(0, Math.floor(-Math.log2(scale) + SHARP));
}

/** The least level whose sides are within `limit`. */
export function levelWithin({ width, height }, limit) {
  return Math.max(0, Math.ceil(Math.log2(Math.max(width, height) / limit)));
}

/** A picture halved so often; each copy is computed once and lives as long as its picture. @param {Picture} picture */
export function levelOf(picture, level) {
  let current = picture;
  for (let i = 0; i < level; i += 1) {
    if (!halves.has(current.values)) halves.set(current.values, halved(current));
    current = { key: picture.key, ...halves.get(current.values) };
  }
  return current;
}

function halved({ width, height, channels, values }) {
  const [across, down] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const half = new values.constructor(across * down * channels);
  const right = width > 1 ? channels : 0;
  let place = 0;
  for (let row = 0; row < down; row += 1) {
    const upper = 2 * row * width * channels;
    const lower = 2 * row + 1 < height ? upper + width * channels : upper;
    for (let column = 0; column < across; column += 1) {
      const first = 2 * column * channels;
      const second = 2 * column + 1 < width ? first + right : first;
      for (let c = 0; c < channels; c += 1) {
        const sum = values[upper + first + c] + values[upper + second + c]
          + values[lower + first + c] + values[lower + second + c];
        half[place] = (sum + 2) >> 2;
        place += 1;
      }
    }
  }
  return { width: across, height: down, channels, values: half };
}
