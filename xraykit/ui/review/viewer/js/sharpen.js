// Unsharp mask: what differs from its blurred surround is added once more. Values keep their type and range.

const RADIUS = 1 / 600; // of the longer side
const AMOUNT = 1;
const PASSES = 2; // of a box filter: close to a Gaussian

/** @param {{width: number, height: number, channels: number, values: Uint8Array|Uint16Array}} picture */
export function sharpened({ width, height, channels, values }) {
  const radius = Math.max(1, Math.round(Math.max(width, height) * RADIUS));
  const most = values.BYTES_PER_ELEMENT === 1 ? 255 : 65535;
  const result = new values.constructor(values.length);
  const plane = new Float32Array(width * height);
  const spare = new Float32Array(width * height);
  for (let c = 0; c < channels; c += 1) {
    for (let i = 0; i < plane.length; i += 1) plane[i] = values[i * channels + c];
    for (let pass = 0; pass < PASSES; pass += 1) {
      blurRows(plane, spare, width, height, radius);
      blurColumns(spare, plane, width, height, radius);
    }
    for (let i = 0, place = c; i < plane.length; i += 1, place += channels) {
      const value = values[place] + AMOUNT * (values[place] - plane[i]);
      result[place] = Math.min(Math.max(Math.round(value), 0), most);
    }
  }
  return result;
}

function blurRows(source, target, width, height, radius) {
  const share = 1 / (2 * radius + 1);
  const last = width - 1;
  for (let row = 0; row < height; row += 1) {
    const start = row * width;
    let sum = source[start] * radius;
    for (let i = 0; i <= radius; i += 1) sum += source[start + Math.min(i, last)];
    for (let column = 0; column < width; column += 1) {
      target[start + column] = sum * share;
      sum += source[start + Math.min(column + radius + 1, last)] - source[start + Math.max(column - radius, 0)];
    }
  }
}

function blurColumns(source, target, width, height, radius) {
  const share = 1 / (2 * radius + 1);
  const last = height - 1;
  const sums = new Float64Array(width);
  for (let column = 0; column < width; column += 1) {
    let sum = source[column] * radius;
    for (let i = 0; i <= radius; i += 1) sum += source[Math.min(i, last) * width + column];
    sums[column] = sum;
  }
  for (let row = 0; row < height; row += 1) {
    const [start, enter, leave] = [row, Math.min(row + radius + 1, last), Math.max(row - radius, 0)].map((r) => r * width);
    for (let column = 0; column < width; column += 1) {
      target[start + column] = sums[column] * share;
      sums[column] += source[enter + column] - source[leave + column];
    }
  }
}
