// One pane: what is shown in it, and the film point under a place of the page.

import { filmPixel, heatAt, keyOf } from "./film.js";
import { place, toDevice, toFilm } from "./geometry.js";
import { Enhanced, MARKS } from "./enhance.js";
import { resolve, valuesOf } from "./window.js";

const EMPTY = { film: null, heats: [], title: "", corners: {}, words: null };

export class Pane {
  constructor(index, state, content) {
    this.index = index;
    this.state = state;
    this.set(content);
    this.device = { left: 0, top: 0, width: 1, height: 1 }; // device pixels of the canvas
    this.ratio = 1; // device pixels a css pixel
    this.element = null; // over the pane, for words
    this.note = null;
    this.marks = [];
    this.picture = null;
  }

  set(content) {
    Object.assign(this, EMPTY, content);
    this.film ??= null;
    this.heats = (this.heats ?? []).filter(Boolean);
  }

  /** @returns {import("./view.js").PaneView} */
  get view() {
    return this.state.panes[this.index];
  }

  get placement() {
    return this.film && place(this.film, this.view, this.device.width, this.device.height);
  }

  /** Css pixels from the viewer's corner. */
  get rect() {
    const css = ([side, length]) => [side, length / this.ratio];
    return Object.fromEntries(Object.entries(this.device).map(css));
  }

  /** Device pixels for each film pixel. */
  get devicePixels() {
    return this.film ? this.placement.scale : 0;
  }

  /** Css pixels for each film pixel. */
  get scale() {
    return this.devicePixels / this.ratio;
  }

  get window() {
    return this.film && resolve(this.film, this.view.window);
  }

  /** What is drawn for the film: itself or its enhanced copy once that is there, and what must be said of it. */
  choose(enhanced, reduction) {
    this.marks = this.view.flipped && this.film ? ["FLIPPED"] : [];
    this.note = null;
    this.picture = null;
    if (!this.film) return;
    this.picture = this.enhancedBy(enhanced) ?? { picture: pictureOf(this.film), transfer: null };
    const reduced = reduction(this.picture.picture);
    if (reduced > 1) {
      this.note = `Drawn at 1/${reduced} of its pixels: ${this.film.width} × ${this.film.height} is more than the `
        + "graphics of this computer can hold.";
    }
  }

  enhancedBy(enhanced) {
    const { film, view } = this;
    const kind = view.sharpened;
    if (kind === "off") return null;
    if (!Enhanced.possible(film, kind)) {
      this.note = "No CLAHE view of a film in colour.";
      return null;
    }
    const copy = enhanced.of(film, kind, view.window.name);
    if (!copy) return null;
    this.marks.push(MARKS[kind]);
    return { picture: copy, transfer: kind === "clahe" ? equalisedTransfer(view.window.relative) : null };
  }

  /** The range of the film's values in their units. */
  get span() {
    const { least, greatest } = valuesOf(this.film);
    return Math.max(greatest - least, 1) * Math.abs(this.film.slope);
  }

  toFilm(column, row) {
    const at = toFilm(this.placement, column - this.device.left, row - this.device.top);
    const inside = at.x >= 0 && at.y >= 0 && at.x < this.film.width && at.y < this.film.height;
    return { ...at, inside };
  }

  toDevice(x, y) {
    const at = toDevice(this.placement, x, y);
    return { x: at.x + this.device.left, y: at.y + this.device.top };
  }

  /** The stored value, the value and the heats at a place of the film; null outside it. */
  pixel(x, y) {
    const pixel = this.film && filmPixel(this.film, x, y);
    return pixel && { ...pixel, heats: this.heats.map((heat) => heatAt(heat, x, y)) };
  }
}

export function pictureOf(film) {
  const { width, height, channels, values } = film;
  return { key: keyOf(film), width, height, channels, values };
}

/** CLAHE has taken the preset's window into its levels; what was moved since lies in their range. */
function equalisedTransfer([low, high]) {
  return { kind: "linear", from: low * 65535, step: 1 / (65535 * Math.max(high - low, 1e-6)), table: null };
}
