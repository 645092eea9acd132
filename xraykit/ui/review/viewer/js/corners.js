/**
 * What stands around a film: its name, window, zoom, orientation, the lasting marks of what was done to it, a scale bar, and
 * the legend of its heatmap with a colour bar. All of it lies over the pane as text, never in the picture.
 */

import * as legends from "./tools/legends.js";

const STYLE = `
.xk-corners { position: absolute; inset: 0; overflow: hidden; container-type: size; pointer-events: none;
  color: #E8EDF1; font: 12.5px/1.4 var(--st-font, "Source Sans", system-ui, sans-serif); font-variant-numeric: tabular-nums;
  text-shadow: 0 0 2px #000, 0 0 3px #000; }
.xk-corners > div { position: absolute; max-width: calc(50% - 22px); }
.xk-corners :is(p, .scale, .bar, [data-side]:not(:empty)) { background: rgba(0, 0, 0, 0.6); border-radius: 2px; }
.xk-corners p { margin: 0; overflow: hidden; text-overflow: ellipsis; padding: 0 3px; width: fit-content; max-width: 100%;
  box-sizing: border-box; }
.xk-corners [data-corner$=Right] p { margin-left: auto; }
.xk-corners [data-corner=topLeft] { top: 6px; left: 8px; }
.xk-corners [data-corner=topRight] { top: 6px; right: 8px; text-align: right; }
.xk-corners [data-corner=bottomLeft] { bottom: 6px; left: 8px; }
.xk-corners [data-corner=bottomRight] { bottom: 6px; right: 8px; text-align: right; }
.xk-corners [data-corner=topLeft] p:first-child { font-weight: 600; white-space: nowrap; }
.xk-corners [data-mark] { display: inline-block; margin: 3px 0 0 4px; padding: 0 5px;
  border: 1px solid #F0B45A; border-radius: 3px;
  background: rgba(0, 0, 0, 0.75); color: #F0B45A; font-weight: 600; letter-spacing: 0.03em; font-size: 11.5px; }
.xk-corners [data-notice] { color: #F0C67A; }
.xv-pane.xv-pane[data-film=true] > :is(.xv-words, .xv-note) { display: none; }
.xk-corners > [data-side] { font-size: 15px; font-weight: 600; line-height: 1; padding: 1px 3px; }
.xk-corners [data-side=left] { left: 8px; top: 50%; transform: translateY(-50%); }
.xk-corners [data-side=right] { right: 8px; top: 50%; transform: translateY(-50%); }
.xk-corners [data-side=top] { top: 8px; left: 50%; transform: translateX(-50%); }
.xk-corners [data-side=bottom] { bottom: 8px; left: 50%; transform: translateX(-50%); }
.xk-corners .scale { margin: 2px 0 0; padding: 1px 3px 3px; width: fit-content; }
.xk-corners .scale i { display: block; box-sizing: border-box; height: 6px; border: solid #E8EDF1; border-width: 0 1.5px 1.5px;
  filter: drop-shadow(0 0 1px #000) drop-shadow(0 0 1px #000); }
.xk-corners .bar { display: inline-flex; align-items: stretch; gap: 5px; height: clamp(3.5rem, 22cqh, 9rem);
  margin-bottom: 4px; padding: 3px; }
.xk-corners .bar canvas { width: 10px; height: 100%; outline: 1px solid rgba(0, 0, 0, 0.8); }
.xk-corners .bar span { display: flex; flex-direction: column; justify-content: space-between; line-height: 1; }
@container (max-width: 420px) { .xk-corners > div { font-size: 11.5px; } }
@container (max-width: 300px) { .xk-corners > div { font-size: 11px; } .xk-corners [data-lesser] { display: none; } }
@container (max-height: 340px) { .xk-corners .bar { display: none; } .xk-corners [data-lesser] { display: none; } }
`;
const CORNERS = ["topLeft", "topRight", "bottomLeft", "bottomRight"];
const SIDES = ["left", "top", "right", "bottom"];
const drawn = new WeakMap(); // a pane's element -> Corners

/**
 * Puts the texts around the films of a viewer and keeps them true after every drawing.
 * @param {object} viewer
 * @returns {{remove: () => void}}
 */
export function addCorners(viewer) {
  const update = () => {
    const { overlay } = viewer.view;
    overlay.shown &&= !viewer.hidden; // while a key is held
    const shown = viewer.panes.filter(({ element }) => element);
    // all that asks for places comes first: after a text is written, the browser would lay out the page anew for each
    const { colormaps, blinked } = viewer;
    const facts = shown.map((pane) => ({ overlay, blinked, colormaps, letters: legends.lettersOf(viewer, pane) }));
    shown.forEach((pane, at) => cornersOf(pane.element).update(pane, facts[at]));
  };
  const stop = viewer.onDraw(update);
  update();
  return {
    remove() {
      stop();
      for (const { element } of viewer.panes) {
        drawn.get(element)?.root.remove();
        drawn.delete(element);
      }
    },
  };
}

/**
 * Where the texts of a pane stand, in its CSS pixels, so that what is measured can keep out of their way.
 * @param {HTMLElement} element the pane's
 * @returns {{left: number, top: number, width: number, height: number}[]}
 */
export const cornerBoxes = (element) => drawn.get(element)?.boxes() ?? [];

function cornersOf(element) {
  if (!drawn.has(element)) drawn.set(element, new Corners(element));
  return drawn.get(element);
}

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const notices = ({ film, note, words }) => (film ? [note, words].filter(Boolean) : []);
const lines = (texts, lesser = false) => texts.map((text) => make("p", lesser ? { "data-lesser": "" } : {}, text));

class Corners {
  constructor(element) {
    this.root = make("div", { class: "xk-corners" }, make("style", {}, STYLE));
    this.places = Object.fromEntries([
      ...CORNERS.map((name) => [name, make("div", { "data-corner": name })]),
      ...SIDES.map((name) => [name, make("div", { "data-side": name })]),
    ]);
    this.root.append(...Object.values(this.places));
    element.append(this.root);
    this.said = {};
    this.known = null;
  }

  /** Writes only what has changed since the last drawing. */
  update(pane, { overlay, blinked, letters, colormaps }) {
    const { topLeft, topRight = [], bottomLeft = [], bottomRight = [] } = pane.corners ?? {};
    const [name, ...facts] = topLeft ?? legends.filmLines(pane.film);
    const scale = legends.scaleOf(pane, Math.min(140, pane.rect.width * 0.3));
    const legend = legends.legendOf(pane, overlay, blinked);
    this.write("topLeft", [name, facts], () => [...lines(name ? [name] : []), ...lines(facts, true)]);
    this.write("topRight", [pane.title, topRight, legends.marksOf(pane)], ([title, said, marks]) => [
      ...lines([title, ...said].filter(Boolean)), ...marks.map((mark) => make("b", { "data-mark": mark }, mark)),
    ]);
    this.write("bottomLeft", [notices(pane), bottomLeft, legends.windowLines(pane), scale], ([warned, said, window, bar]) => [
      ...warned.map((words) => make("p", { "data-notice": "" }, words)),
      ...lines([...said, ...window]),
      ...(bar ? [scaleBar(bar)] : []),
    ]);
    const colours = legend.bar ? colormaps?.[overlay.colormap] : null;
    const colormap = colours ? overlay.colormap : null;
    this.write("bottomRight", [colormap, legend.lines, bottomRight, legends.zoomWords(pane)], ([, heats, said, zoom]) => [
      ...(colours ? [colourBar(colours)] : []),
      ...lines([...heats.flat(), ...said, zoom].filter(Boolean)),
    ]);
    for (const side of SIDES) this.write(side, letters[side] ?? "", (letter) => [letter]);
    const size = `${pane.rect.width} ${pane.rect.height}`;
    if (size !== this.size) this.known = null;
    this.size = size;
  }

  write(place, said, render) {
    const key = JSON.stringify(said);
    if (this.said[place] === key) return;
    this.said[place] = key;
    this.places[place].replaceChildren(...render(said));
    this.known = null;
  }

  boxes() {
    if (this.known) return this.known;
    const origin = this.root.getBoundingClientRect();
    const texts = Object.values(this.places).flatMap((place) => (place.children.length ? [...place.children] : [place]));
    const boxes = texts.map((text) => text.getBoundingClientRect()).filter(({ width }) => width > 0);
    this.known = boxes.map(({ left, top, width, height }) => (
      { left: left - origin.left, top: top - origin.top, width, height }
    ));
    return this.known;
  }
}

function scaleBar({ width, words }) {
  const bar = make("i");
  bar.style.width = `${width.toFixed(1)}px`;
  return make("div", { class: "scale" }, words, bar);
}

/** @param {number[][]} colours 256 of [red, green, blue], for 0 to 1 */
function colourBar(colours) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  canvas.width = 1;
  canvas.height = colours.length;
  const context = canvas.getContext("2d");
  const image = context.createImageData(1, colours.length);
  colours.forEach(([red, green, blue], at) => image.data.set([red, green, blue, 255], (colours.length - 1 - at) * 4));
  context.putImageData(image, 0, 0);
  const ends = make("span", {}, make("b", {}, "1"), make("b", {}, "0"));
  return make("div", { class: "bar" }, ends, canvas);
}
