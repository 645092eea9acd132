/** Measured numbers in words, as they stand beside a line on the film. Draws nothing. */

import * as geometry from "./geometry.js";

const DEGREE = "°";
const MINUS = "−";

/** A number with so many decimals, with a true minus sign. @param {number} value @param {number} decimals */
export const number = (value, decimals = 0) => value.toFixed(decimals).replace(/^-(?=.*[1-9])/, MINUS).replace(/^-/, "");

/**
 * A length: millimetres where the film's spacing is known, pixels where it is not.
 * @param {{px: number, mm: number|null}} length @param {geometry.Spacing|null} spacing
 */
export function lengthWords(length, spacing) {
  return [sizeWords(length), ...proviso(spacing)].join(" ");
}

const sizeWords = ({ px, mm }) => (mm === null ? `${number(px)} px` : `${number(mm, 1)} mm`);

/** An angle with one decimal. @param {number|null} degrees */
export const angleWords = (degrees) => (degrees === null ? "" : `${number(degrees, 1)}${DEGREE}`);

/** Four significant digits at most: what a rescaled value needs. */
function short(value) {
  if (Number.isInteger(value)) return number(value);
  const decimals = Math.max(0, Math.min(3, 3 - Math.floor(Math.log10(Math.abs(value)))));
  return number(value, decimals).replace(/\.?0+$/, "");
}

/** The value under the probe, and as it is stored where that differs. */
function valueWords({ stored, value, units }) {
  const parts = Array.isArray(stored) ? stored : [stored];
  const values = Array.isArray(value) ? value : [value];
  const same = parts.every((part, index) => part === values[index]);
  const words = `${values.map(short).join(" ")}${units ? ` ${units}` : ""}`;
  return parts.length > 1 ? `R G B ${words}` : same ? `Value ${words}` : `Value ${words} (stored ${parts.join(" ")})`;
}

/**
 * What a probe says: the value in real units, the heatmaps, the place.
 * @param {{stored: number|number[], value: number|number[], units?: string, heats?: (number|null)[]}|null} pixel
 * @param {geometry.Point} point
 * @returns {string[]}
 */
export function probeLines(pixel, point) {
  if (!pixel) return ["outside the film"];
  const heats = (pixel.heats ?? []).filter((heat) => heat !== null && heat !== undefined);
  return [
    valueWords(pixel),
    ...(heats.length ? [`Heatmap ${heats.map((heat) => number(heat, 2)).join(" and ")}`] : []),
    `column ${Math.floor(point.x)}, row ${Math.floor(point.y)}`,
  ];
}

/** @param {geometry.Point[]} points two of them */
export function rulerLines([a, b], spacing) {
  return [lengthWords(geometry.distance(a, b, spacing), spacing)];
}

/** Three points: the angle at the middle one. */
export function cornerLines([a, corner, b], spacing) {
  return [angleWords(geometry.cornerAngle(a, corner, b, spacing))];
}

/** Four points, two lines: the angle between them, and what remains to 180 degrees. */
export function cobbLines([a, b, c, d], spacing) {
  const angle = geometry.lineAngle([a, b], [c, d], spacing);
  return angle === null ? [] : [angleWords(angle), `(${angleWords(180 - angle)})`];
}

/** What must be said of every millimetre of this film. */
const proviso = (spacing) => (spacing?.kind === "detector" ? ["at detector"] : []);

/** Two points, the first caliper: the heart's width. */
export function heartLines([a, b], axis, spacing) {
  return [`Heart ${sizeWords(geometry.span(a, b, axis, spacing))}`, ...proviso(spacing)];
}

/**
 * Four points, two calipers: the ratio, the heart's width, the thorax's.
 * @param {geometry.Point[]} points @param {"x"|"y"} axis @param {geometry.Spacing|null} spacing
 * @param {string|null} view the film's: an AP view magnifies the heart
 * @returns {string[]}
 */
export function ratioLines([a, b, c, d], axis, spacing, view) {
  const ratio = geometry.cardiothoracicRatio([a, b], [c, d], axis);
  const [heart, ...rest] = heartLines([a, b], axis, spacing);
  const widths = [heart, `Thorax ${sizeWords(geometry.span(c, d, axis, spacing))}`, ...rest];
  if (ratio === null) return widths;
  const magnified = /^AP/i.test(view ?? "") ? ["AP: heart magnified"] : [];
  const notes = ratio > 1 ? ["heart wider than thorax:", "check the calipers"] : magnified;
  return [`CTR ${number(ratio, 2)}`, ...notes, ...widths];
}
