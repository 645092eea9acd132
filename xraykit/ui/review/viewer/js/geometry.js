// Where a film lies in a pane: fit, zoom, pan, quarter turns and flips, all in device pixels and film pixels.
//
// A placement is affine: film = origin + across * column + down * row, for a device pixel whose corner is
// (column, row) from the pane's upper left. A film pixel's centre lies at .5.

/**
 * @typedef {{originX: number, originY: number, xx: number, xy: number, yx: number, yy: number, scale: number,
 *   width: number, height: number}} Placement
 */

export const LEAST_ZOOM = 0.2;
export const MOST_SCALE = 32; // device pixels a film pixel

/** Device pixels a film pixel at which the turned film just fits. */
export function fitScale(film, view, width, height) {
  const turned = view.rotation % 180 !== 0;
  const [across, down] = turned ? [film.height, film.width] : [film.width, film.height];
  return Math.min(width / across, height / down);
}

/** @returns {number} device pixels a film pixel */
export function scaleOf(film, view, width, height) {
  return view.pixels ? 1 : fitScale(film, view, width, height) * view.zoom;
}

/**
 * The placement of a film in a pane of width x height device pixels, moved by less than one device pixel so that
 * device pixels begin where film pixels do: at scale 1 each device pixel is one film pixel.
 * @returns {Placement}
 */
export function place(film, view, width, height, scale = scaleOf(film, view, width, height)) {
  const middle = { x: view.x * film.width, y: view.y * film.height };
  return placeAt(film, view, { width, height, scale, middle, at: { x: width / 2, y: height / 2 } });
}

/** The placement that puts the film point `middle` at the device point `at`. @returns {Placement} */
export function placeAt(film, view, { width, height, scale, middle, at }) {
  const [xx, xy, yx, yy] = turn(view, 1 / scale);
  const snap = (value) => Math.round(value * scale) / scale;
  const originX = snap(middle.x - xx * at.x - xy * at.y);
  const originY = snap(middle.y - yx * at.x - yy * at.y);
  return { originX, originY, xx, xy, yx, yy, scale, width, height };
}

/** The film point under a device point of the pane. */
export function toFilm(placement, column, row) {
  const { originX, originY, xx, xy, yx, yy } = placement;
  return { x: originX + xx * column + xy * row, y: originY + yx * column + yy * row };
}

/** The device point of the pane under which a film point lies. */
export function toDevice(placement, x, y) {
  const { originX, originY, xx, xy, yx, yy, scale } = placement;
  const [dx, dy] = [(x - originX) * scale * scale, (y - originY) * scale * scale];
  return { x: xx * dx + yx * dy, y: xy * dx + yy * dy }; // the inverse of a turn is its transpose
}

/** The view after the film was moved by device pixels. */
export function panned(film, view, placement, across, down) {
  const { xx, xy, yx, yy } = placement;
  return {
    x: held(view.x - (xx * across + xy * down) / film.width),
    y: held(view.y - (yx * across + yy * down) / film.height),
  };
}

/** The view zoomed by a factor with the film point under the device point (column, row) kept there. */
export function zoomed(film, view, placement, factor, column, row) {
  const { width, height } = placement;
  const fit = fitScale(film, view, width, height);
  const most = Math.max(MOST_SCALE, fit);
  const scale = Math.min(Math.max(placement.scale * factor, fit * LEAST_ZOOM), most);
  const zoom = Math.abs(scale / fit - 1) < 1e-3 ? 1 : scale / fit;
  return { zoom, pixels: false, ...keptAt(film, view, placement, fit * zoom, column, row) };
}

/** The view at one device pixel a film pixel, with the film point under (column, row) kept there. */
export function truePixels(film, view, placement, column, row) {
  const fit = fitScale(film, view, placement.width, placement.height);
  return { zoom: 1 / fit, pixels: true, ...keptAt(film, view, placement, 1, column, row) };
}

function keptAt(film, view, placement, scale, column, row) {
  const under = toFilm(placement, column, row);
  const [xx, xy, yx, yy] = turn(view, 1 / scale);
  const [dx, dy] = [placement.width / 2 - column, placement.height / 2 - row];
  return {
    x: held((under.x + xx * dx + xy * dy) / film.width),
    y: held((under.y + yx * dx + yy * dy) / film.height),
  };
}

/** The matrix from device steps to film steps: undo the flip, then the clockwise turn. */
function turn({ rotation, flipped }, step) {
  const side = flipped ? -step : step;
  if (rotation === 90) return [0, step, -side, 0];
  if (rotation === 180) return [-side, 0, 0, -step];
  if (rotation === 270) return [0, -step, side, 0];
  return [side, 0, 0, step];
}

/** A fraction of the film that keeps some of it in the pane. */
function held(fraction) {
  return Math.min(Math.max(fraction, 0), 1);
}
