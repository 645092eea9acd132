// The viewer: one to three panes of films with heatmaps over them, on one canvas. Draws when something has changed, and
// never asks a server: films and heatmaps are given to it (film.js reads the messages).

import { commandsOf } from "./commands.js";
import * as geometry from "./geometry.js";
import { Painter } from "./painter.js";
import { Pane, pictureOf } from "./pane.js";
import { Pointer } from "./pointer.js";
import { sharedMaximum } from "./scene.js";
import { MOST_PANES, ViewState } from "./view.js";
import { preset, relativeTo } from "./window.js";

const GREYS = { grey: Array.from({ length: 256 }, (_, level) => [level, level, level]) };
const BLINK = 600; // ms for each overlay: fewer than two changes a second

/**
 * @typedef {{film: import("./film.js").Film|null, heats?: import("./film.js").Heat[], title?: string, corners?: object,
 *   words?: string|null}} Content
 * @param {HTMLElement} root takes the viewer's elements; its size is the viewer's
 * @param {{colormaps?: Record<string, number[][]>, start?: object, renderer?: "webgl2"|"canvas", textureBytes?: number,
 *   maxTextureSize?: number, onView?: (view: object) => void, onPane?: (pane: number) => void}} [options]
 *   start: a part of a view that is there at first and after a reset; renderer: else WebGL2
 *   where there is graphics hardware, and canvas 2D where there is none
 */
export function createViewer(root, options = {}) {
  return new Viewer(root, options);
}

class Viewer {
  constructor(root, options) {
    this.root = root;
    this.options = options;
    this.colormaps = options.colormaps && Object.keys(options.colormaps).length ? options.colormaps : GREYS;
    this.state = new ViewState(Object.keys(this.colormaps)[0], options.start);
    this.panes = [];
    this.tools = new Map();
    this.chosen = null; // the tool
    this.hidden = false; // the overlay, while a key is held
    this.blinked = false; // the second overlay's turn
    this.activePane = 0;
    this.painter = new Painter(this, root);
    this.pointer = new Pointer(this, root);
    this.ending = new AbortController();
    document.addEventListener("fullscreenchange", () => this.noteFullscreen(), { signal: this.ending.signal });
    this.show([{ film: null }]);
  }

  /** How many times it was drawn. */
  get frames() {
    return this.painter.frames;
  }

  get ratio() {
    return this.painter.stage.ratio ?? devicePixelRatio;
  }

  redraw() {
    this.painter.redraw();
  }

  /** Call after every drawing; gives a function that ends it. */
  onDraw(listener) {
    this.painter.listeners.add(listener);
    return () => this.painter.listeners.delete(listener);
  }

  // What is shown

  /** @param {Content[]} contents one to three panes */
  show(contents) {
    const shown = contents.slice(0, MOST_PANES);
    this.panes = shown.map((content, i) => {
      const pane = this.panes[i] ?? new Pane(i, this.state, content);
      pane.set(content);
      return pane;
    });
    if (this.activePane >= this.panes.length) this.activePane = 0;
    this.pointer.release();
    this.blink();
    this.redraw();
  }

  /** Bring a film to where it is drawn at once, in spare time. @param {import("./film.js").Film} film */
  preload(film) {
    const later = globalThis.requestIdleCallback ?? ((run) => setTimeout(run, 50));
    later(() => {
      const { renderer } = this.painter;
      if (this.ending.signal.aborted || !renderer.ready) return;
      const { width, height } = this.panes[0].device;
      const fit = geometry.fitScale(film, this.state.panes[0], width, height);
      renderer.preload(pictureOf(film), [fit]);
    });
  }

  // The view

  /** The view as plain data: the active pane's own and what is common; `panes` where they are not linked. */
  get view() {
    const { common, panes } = this.state;
    const all = { ...this.viewOf(this.activePane), ...structuredClone(common) };
    return common.linked ? all : { ...all, panes: this.panes.map((_, i) => this.viewOf(i)) };
  }

  viewOf(i) {
    const own = structuredClone(this.state.panes[i]);
    const window = this.panes[i]?.window;
    if (!window) return own;
    const { low, high, name, function: kind } = window;
    Object.assign(own.window, { low, high, title: name, function: kind });
    return own;
  }

  /** Change a part of the view, of all panes where they are linked, else of the active one. */
  set(partial) {
    const { fullscreen, window, ...rest } = partial;
    const changes = window ? { ...rest, window: this.windowOf(window) } : rest;
    this.state.merge(changes, this.activePane);
    if (typeof fullscreen === "boolean") this.enterFullscreen(fullscreen);
    if (partial.overlay) this.blink();
    this.redraw();
  }

  /** A window by name, by low and high in values, or by what they are relative to a preset. */
  windowOf({ name, low, high, relative }) {
    const current = this.state.panes[this.activePane].window;
    const chosen = name === undefined ? current.name : name;
    const { film } = this.panes[this.activePane];
    if (relative) return { name: chosen, relative };
    if (!film || low === undefined || high === undefined) return { name: chosen, relative: [0, 1] };
    return { name: chosen, relative: relativeTo(preset(film, chosen), low, high) };
  }

  /** Back to how the films were first drawn, bit for bit. */
  reset() {
    this.state.reset();
    this.hidden = false;
    this.blink();
    this.redraw();
  }

  /** Move the active window: width and level by parts of the film's range. */
  moveWindow(i, width, level) {
    const pane = this.panes[i];
    if (!pane.film) return;
    const { low, high, name, function: kind } = pane.window;
    const least = Math.min(kind === "linear" ? 1 + pane.span / 1000 : pane.span / 1000, high - low);
    const wide = Math.max(high - low + width * pane.span, least);
    const middle = (low + high) / 2 + level * pane.span;
    const base = preset(pane.film, name);
    const relative = relativeTo(base, middle - wide / 2, middle + wide / 2);
    this.change(i, { window: { name: this.state.panes[i].window.name, relative } });
  }

  /** Move the film by css pixels. */
  pan(i, dx, dy) {
    const { film, view, placement } = this.ready(i);
    if (film) this.change(i, geometry.panned(film, view, placement, dx * this.ratio, dy * this.ratio));
  }

  /** Zoom by a factor about a place of the page. */
  zoom(i, factor, clientX, clientY) {
    const { film, view, placement, device } = this.ready(i);
    if (!film) return;
    const at = this.deviceAt(clientX, clientY);
    this.change(i, geometry.zoomed(film, view, placement, factor, at.x - device.left, at.y - device.top));
  }

  zoomHere(factor) {
    this.zoom(this.activePane, factor, ...this.here());
  }

  fit() {
    this.change(this.activePane, { zoom: 1, pixels: false, x: 0.5, y: 0.5 });
  }

  /** One device pixel for each film pixel about the pointer; once more: fit. */
  truePixels() {
    const { film, view, placement, device } = this.ready(this.activePane);
    if (!film) return;
    if (view.pixels) {
      this.fit();
      return;
    }
    const at = this.deviceAt(...this.here());
    const changes = geometry.truePixels(film, view, placement, at.x - device.left, at.y - device.top);
    this.change(this.activePane, changes);
  }

  /** Hide the overlay while a key is held. */
  hide(hidden) {
    this.hidden = hidden;
    this.redraw();
  }

  moveDivider(pane, clientX) {
    const divider = (this.deviceAt(clientX, 0).x - pane.device.left) / pane.device.width;
    this.set({ overlay: { divider: Math.min(Math.max(divider, 0), 1) } });
  }

  nearDivider(pane, clientX, within) {
    const { overlay } = this.state.common;
    if (overlay.mode !== "slider" || !overlay.shown || !pane.film || !pane.heats.length) return false;
    const line = pane.device.left + overlay.divider * pane.device.width;
    return Math.abs(this.deviceAt(clientX, 0).x - line) <= within * this.ratio;
  }

  change(i, changes) {
    this.state.merge(changes, i);
    this.redraw();
  }

  // Panes and places

  get active() {
    return this.activePane;
  }

  set active(i) {
    if (i === this.activePane || !this.panes[i]) return;
    this.activePane = i;
    this.options.onPane?.(i);
    this.redraw();
  }

  /** The pane with its place and view as they are now, drawn or not. */
  ready(i) {
    this.painter.arrange();
    return this.panes[i];
  }

  deviceAt(clientX, clientY) {
    const box = this.painter.stage.canvas.getBoundingClientRect();
    return { x: (clientX - box.left) * this.ratio, y: (clientY - box.top) * this.ratio };
  }

  paneAt(clientX, clientY) {
    const { x, y } = this.deviceAt(clientX, clientY);
    return this.panes.find(({ device: { left, top, width, height } }) => (
      x >= left && y >= top && x < left + width && y < top + height
    ));
  }

  /** Where the pointer is in the active pane, else its middle, on the page. */
  here() {
    const { at } = this.pointer;
    if (at && this.paneAt(...at)?.index === this.activePane) return at;
    const { device } = this.panes[this.activePane];
    const box = this.painter.stage.canvas.getBoundingClientRect();
    const { ratio } = this;
    return [box.left + (device.left + device.width / 2) / ratio, box.top + (device.top + device.height / 2) / ratio];
  }

  /** Css pixels of a share of the active pane. */
  share(x, y) {
    const { device } = this.panes[this.activePane];
    return [(x * device.width) / this.ratio, (y * device.height) / this.ratio];
  }

  /** The film point under a place of the page, in film pixels; null where the pane has no film. */
  toFilm(i, clientX, clientY) {
    const pane = this.ready(i);
    const { x, y } = this.deviceAt(clientX, clientY);
    return pane.film && pane.toFilm(x, y);
  }

  /** The place of a film point in css pixels from the pane's corner; null where the pane has no film. */
  toPane(i, x, y) {
    const pane = this.ready(i);
    if (!pane.film) return null;
    const at = pane.toDevice(x, y);
    return { x: (at.x - pane.device.left) / this.ratio, y: (at.y - pane.device.top) / this.ratio };
  }

  pixel(i, x, y) {
    return this.panes[i].pixel(x, y);
  }

  get sharedMaximum() {
    return sharedMaximum(this.panes);
  }

  /** The pixels of a pane as they are drawn. @returns {ImageData} */
  readPixels(i) {
    return this.painter.read(this.panes[i]);
  }

  // Tools and commands

  /** @returns {import("./commands.js").Command[]} */
  get commands() {
    return commandsOf(this);
  }

  addTool(tool) {
    this.tools.set(tool.name, tool);
    this.redraw();
  }

  get tool() {
    return this.chosen?.name ?? null;
  }

  set tool(name) {
    this.chosen?.cancel?.();
    this.chosen = this.tools.get(name) ?? null;
    this.root.style.cursor = this.cursor;
    this.redraw();
  }

  get cursor() {
    return this.chosen ? this.chosen.cursor ?? "crosshair" : "default";
  }

  // Blinking and the full screen

  /** Let the overlays take turns while they are to blink. */
  blink() {
    const { shown, mode } = this.state.common.overlay;
    const wanted = shown && mode === "blink" && this.panes.some((pane) => pane.heats.length);
    if (wanted && !this.blinking) {
      this.blinking = setInterval(() => {
        this.blinked = !this.blinked;
        this.root.dataset.blink = Number(this.blinked);
        this.redraw();
      }, BLINK);
    } else if (!wanted) {
      clearInterval(this.blinking);
      this.blinking = null;
      this.blinked = false;
      delete this.root.dataset.blink;
    }
  }

  enterFullscreen(wanted) {
    const shown = this.root.getRootNode().fullscreenElement === this.root;
    if (wanted === shown) return;
    const change = wanted ? this.root.requestFullscreen?.() : document.exitFullscreen();
    change?.catch(() => {}); // the browser wants a key or a click first: it stays as it is
  }

  noteFullscreen() {
    this.state.common.fullscreen = this.root.getRootNode().fullscreenElement === this.root;
    this.redraw();
  }

  destroy() {
    this.ending.abort();
    clearInterval(this.blinking);
    this.pointer.destroy();
    this.painter.destroy();
  }
}
