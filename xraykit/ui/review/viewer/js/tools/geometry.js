/**
 * Lengths, angles and ratios on a film, in numbers alone. A point is {x, y} in film pixels: column and row, pixel (i, j)
 * covering [i, i+1) x [j, j+1). Spacing is {row, column, kind}: millimetres from one row to the next and from one column to
 * the next, "patient" (Pixel Spacing) or "detector" (Imager Pixel Spacing, DICOM PS3.3 C.8.11.4 and 10.7.1.3: at the
 * detector's face, so that the anatomy in front of it is smaller than it measures). How a film is turned, flipped or zoomed
 * on screen changes none of these numbers.
 */

/**
 * @typedef {{x: number, y: number}} Point
 * @typedef {{row: number, column: number, kind: "patient"|"detector"}} Spacing
 */

/**
 * The spacing of a film, or null when it has none that can be used.
 * @param {{spacing?: {row: number, column: number, kind: string}|[number, number, string]|null}|null} film
 * @returns {Spacing|null}
 */
export function spacingOf(film) {
  const given = film?.spacing;
  if (!given) return null;
  const [row, column, kind] = Array.isArray(given) ? given : [given.row, given.column, given.kind];
  const sound = [row, column].every((side) => Number.isFinite(side) && side > 0);
  return sound ? { row, column, kind: kind === "patient" ? "patient" : "detector" } : null;
}

/** From a to b in pixels, or in millimetres where the spacing is known. @returns {Point} */
export function vector(a, b, spacing = null) {
  return { x: (b.x - a.x) * (spacing?.column ?? 1), y: (b.y - a.y) * (spacing?.row ?? 1) };
}

/**
 * The distance between two points: pixels always, millimetres where the spacing is known.
 * @param {Point} a @param {Point} b @param {Spacing|null} spacing
 * @returns {{px: number, mm: number|null}}
 */
export function distance(a, b, spacing = null) {
  const flat = vector(a, b);
  const real = vector(a, b, spacing);
  return { px: Math.hypot(flat.x, flat.y), mm: spacing ? Math.hypot(real.x, real.y) : null };
}

/** The angle between two vectors in degrees, 0 to 180; null when one has no length. */
function between(u, v) {
  if (!Math.hypot(u.x, u.y) || !Math.hypot(v.x, v.y)) return null;
  // atan2 keeps its digits near 0 and 180 degrees, where the arc cosine loses them
  return (Math.atan2(Math.abs(u.x * v.y - u.y * v.x), u.x * v.x + u.y * v.y) * 180) / Math.PI;
}

/**
 * The angle at a corner in degrees, 0 to 180, between corner-a and corner-b. Pixels that are not square are stretched first.
 * @param {Point} a @param {Point} corner @param {Point} b @param {Spacing|null} spacing
 * @returns {number|null}
 */
export function cornerAngle(a, corner, b, spacing = null) {
  return between(vector(corner, a, spacing), vector(corner, b, spacing));
}

/**
 * The angle between two lines as Cobb measured it: the smaller of the two they make, 0 to 90 degrees, whichever way each
 * line was drawn. A curve beyond 90 degrees is 180 minus this one.
 * @param {[Point, Point]} first @param {[Point, Point]} second @param {Spacing|null} spacing
 * @returns {number|null}
 */
export function lineAngle(first, second, spacing = null) {
  const angle = between(vector(...first, spacing), vector(...second, spacing));
  return angle === null ? null : Math.min(angle, 180 - angle);
}

/**
 * What a caliper spans along its axis: the distance between its two jaws, which may touch at different heights.
 * @param {Point} a @param {Point} b @param {"x"|"y"} axis @param {Spacing|null} spacing
 * @returns {{px: number, mm: number|null}}
 */
export function span(a, b, axis, spacing = null) {
  const flat = Math.abs(vector(a, b)[axis]);
  return { px: flat, mm: spacing ? Math.abs(vector(a, b, spacing)[axis]) : null };
}

/**
 * Cardiothoracic ratio: the heart's greatest transverse diameter over the greatest inner thoracic diameter (Danzer 1919). Both
 * calipers lie along the same axis, so that the ratio needs no spacing.
 * @param {[Point, Point]} heart @param {[Point, Point]} thorax @param {"x"|"y"} axis
 * @returns {number|null}
 */
export function cardiothoracicRatio(heart, thorax, axis) {
  const width = span(...thorax, axis).px;
  return width > 0 ? span(...heart, axis).px / width : null;
}

/** How far a point lies from the stretch between a and b, in their own unit. */
export function distanceToStretch(point, a, b) {
  const along = { x: b.x - a.x, y: b.y - a.y };
  const square = along.x ** 2 + along.y ** 2;
  const share = square ? ((point.x - a.x) * along.x + (point.y - a.y) * along.y) / square : 0;
  const t = Math.min(1, Math.max(0, share));
  return Math.hypot(point.x - a.x - t * along.x, point.y - a.y - t * along.y);
}

/** The greatest of 1, 2, 5 x 10^n that is not above `most`. @param {number} most @returns {number} */
export function roundLength(most) {
  const power = 10 ** Math.floor(Math.log10(most) + 1e-9);
  return [5, 2, 1].map((digit) => digit * power).find((length) => length <= most * (1 + 1e-9));
}
