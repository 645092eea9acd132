// Contrast limited adaptive histogram equalisation (Zuiderveld, Graphics Gems IV, 1994) of what a window shows.

const TILES = 8; // a side
const BINS = 1024;
const SHIFT = 6; // 65536 levels to 1024 bins
const CLIP = 2.5; // times the mean count of a bin

/**
 * @param {{width: number, height: number, values: Uint8Array|Uint16Array}} picture one channel
 * @param {Uint16Array} levels grey 0..65535 of each stored value
 * @returns {Uint16Array} grey 0..65535 of each pixel
 */
export function equalised({ width, height, values }, levels) {
  const across = Math.min(TILES, width);
  const down = Math.min(TILES, height);
  const curves = curvesOf({ width, height, values }, levels, across, down);
  const result = new Uint16Array(values.length);
  const columns = neighbours(width, across);
  const rows = neighbours(height, down);
  for (let row = 0; row < height; row += 1) {
    const upper = rows.first[row] * across;
    const lower = rows.second[row] * across;
    const below = rows.part[row];
    for (let column = 0; column < width; column += 1) {
      const bin = levels[values[row * width + column]] >> SHIFT;
      const [left, right] = [columns.first[column], columns.second[column]];
      const part = columns.part[column];
      const top = curves[(upper + left) * BINS + bin] * (1 - part) + curves[(upper + right) * BINS + bin] * part;
      const bottom = curves[(lower + left) * BINS + bin] * (1 - part) + curves[(lower + right) * BINS + bin] * part;
      result[row * width + column] = top * (1 - below) + bottom * below + 0.5;
    }
  }
  return result;
}

/** For each position: the tiles whose centres lie before and after it, and how near it is to the second. */
function neighbours(length, tiles) {
  const first = new Uint8Array(length);
  const second = new Uint8Array(length);
  const part = new Float32Array(length);
  for (let i = 0; i < length; i += 1) {
    const place = ((i + 0.5) / length) * tiles - 0.5;
    first[i] = Math.max(Math.floor(place), 0);
    second[i] = Math.min(Math.floor(place) + 1, tiles - 1);
    part[i] = place - Math.floor(place);
  }
  return { first, second, part };
}

function curvesOf({ width, height, values }, levels, across, down) {
  const curves = new Float32Array(across * down * BINS);
  for (let j = 0; j < down; j += 1) {
    for (let i = 0; i < across; i += 1) {
      const curve = curves.subarray((j * across + i) * BINS, (j * across + i + 1) * BINS);
      const [left, right] = [i, i + 1].map((edge) => Math.round((edge * width) / across));
      const [top, bottom] = [j, j + 1].map((edge) => Math.round((edge * height) / down));
      for (let row = top; row < bottom; row += 1) {
        for (let place = row * width + left; place < row * width + right; place += 1) {
          curve[levels[values[place]] >> SHIFT] += 1;
        }
      }
      accumulate(curve, (right - left) * (bottom - top));
    }
  }
  return curves;
}

/** Counts to grey levels in place: what is above the limit is dealt out evenly, then summed up. */
function accumulate(curve, pixels) {
  const limit = Math.max(1, (CLIP * pixels) / BINS);
  let excess = 0;
  for (let bin = 0; bin < BINS; bin += 1) {
    if (curve[bin] <= limit) continue;
    excess += curve[bin] - limit;
    curve[bin] = limit;
  }
  const share = excess / BINS;
  const scale = 65535 / pixels;
  let sum = 0;
  for (let bin = 0; bin < BINS; bin += 1) {
    sum += curve[bin] + share;
    curve[bin] = Math.min(sum * scale, 65535);
  }
}
