// When and how a viewer is drawn: once in a frame in which something has changed, films by the renderer, lines above.

import { Enhanced } from "./enhance.js";
import { createFlat } from "./flat.js";
import { place, toDevice, toFilm } from "./geometry.js";
import { createGl, isEmulated } from "./gl.js";
import { layOut, lensRect, partsOf, sharedMaximum } from "./scene.js";
import { Stage } from "./stage.js";

const MEGABYTE = 2 ** 20;
const BETWEEN = [18, 23, 28]; // the colour between panes
const LINE = "#3d8bc4";
const LOST = "The graphics of this computer are being started again.";

export class Painter {
  constructor(viewer, root) {
    this.viewer = viewer;
    this.root = root;
    this.frames = 0; // drawn so far
    this.listeners = new Set();
    this.stage = new Stage(root);
    this.renderer = this.newRenderer(viewer.options);
    this.enhanced = new Enhanced(256 * MEGABYTE, () => this.redraw());
    this.stage.watch(() => this.redraw());
  }

  newRenderer({ renderer, textureBytes = 384 * MEGABYTE, maxTextureSize }) {
    const redraw = () => this.redraw();
    const flat = renderer === "canvas" || (renderer !== "webgl2" && isEmulated());
    const gl = flat ? null : createGl(this.stage.canvas, { textureBytes, maxTextureSize, redraw });
    return gl ?? createFlat(this.stage.canvas);
  }

  /** Draw in the next frame. */
  redraw() {
    this.waiting ??= requestAnimationFrame(() => this.draw());
  }

  /** Give every pane its place; false while the viewer has no size. */
  arrange() {
    const { stage, viewer } = this;
    if (!stage.fit()) return false;
    const rects = layOut(viewer.panes.length, stage.canvas.width, stage.canvas.height, stage.ratio);
    viewer.panes.forEach((pane, i) => {
      pane.device = rects[i];
      pane.ratio = stage.ratio;
    });
    return true;
  }

  draw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = null;
    if (!this.arrange()) return;
    const { viewer, stage, renderer } = this;
    for (const pane of viewer.panes) pane.choose(this.enhanced, (picture) => renderer.reduction(picture));
    if (renderer.ready) {
      renderer.draw(this.parts(), BETWEEN);
      this.frames += 1;
    } else {
      for (const pane of viewer.panes) pane.note = LOST;
    }
    stage.arrange(viewer.panes, viewer.active);
    this.drawLines();
    this.tell();
  }

  parts() {
    const { viewer } = this;
    const { common } = viewer.state;
    const colours = viewer.colormaps[common.overlay.colormap] ?? Object.values(viewer.colormaps)[0];
    const all = { common, hidden: viewer.hidden, blinked: viewer.blinked, maximum: sharedMaximum(viewer.panes), colours };
    return viewer.panes.flatMap((pane) => partsOf(pane, { ...all, lens: this.lensOf(pane) }));
  }

  /** Where the lens stands in a pane: under the pointer, and at the same place of the films linked with it. */
  lensOf(pane) {
    const { viewer, stage } = this;
    const { common } = viewer.state;
    const at = viewer.pointer.at;
    const pointed = common.lens && at ? viewer.paneAt(...at) : null;
    if (!pointed?.film || !pane.film || (pane !== pointed && !common.linked)) return null;
    const { x, y } = viewer.deviceAt(...at);
    const here = { x: x - pointed.device.left, y: y - pointed.device.top };
    if (pane === pointed) return { column: here.x, row: here.y, ratio: stage.ratio };
    const { film, placement } = pointed;
    const under = toFilm(placement, here.x, here.y);
    const share = [(under.x / film.width) * pane.film.width, (under.y / film.height) * pane.film.height];
    const there = toDevice(pane.placement, ...share);
    return { column: there.x, row: there.y, ratio: stage.ratio };
  }

  drawLines() {
    const { stage, viewer } = this;
    stage.clearLines();
    const { overlay } = viewer.state.common;
    for (const pane of viewer.panes) {
      const lens = this.lensOf(pane);
      const sliding = pane.film && overlay.mode === "slider" && overlay.shown && pane.heats.length;
      stage.within(pane.device, (context) => {
        if (lens) this.drawLens(context, pane, lensRect(pane.device, lens));
        if (sliding) drawDivider(context, pane.rect, overlay.divider);
        for (const tool of viewer.tools.values()) tool.draw?.(context, pane.index, viewer);
      });
    }
  }

  drawLens(context, { device }, { left, top, width, height }) {
    const { ratio } = this.stage;
    context.strokeStyle = LINE;
    context.lineWidth = 1;
    const corner = [(left - device.left) / ratio + 0.5, (top - device.top) / ratio + 0.5];
    context.strokeRect(...corner, width / ratio - 1, height / ratio - 1);
  }

  /** Say what was drawn: to listeners, and on the root for whoever waits for it. */
  tell() {
    const { viewer, root, stage } = this;
    const { panes } = viewer;
    if (this.renderer.ready) say(root, "ready", panes.map(({ film }) => film?.id ?? "").join(" ").trim());
    say(root, "marks", panes.map(({ marks }) => marks.join(" ")).join("|"));
    const view = viewer.view;
    if (say(root, "view", JSON.stringify(view))) viewer.options.onView?.(view);
    const titles = panes.map(({ title, film }) => title || film?.name).filter(Boolean).join("; ");
    stage.name(titles ? `Radiograph: ${titles}` : "No radiograph");
    for (const listener of this.listeners) listener();
  }

  /** The pixels of a pane, drawn now. @returns {ImageData} */
  read(pane) {
    this.draw();
    return this.renderer.read(pane.device);
  }

  destroy() {
    cancelAnimationFrame(this.waiting);
    this.waiting = -1; // nothing is drawn any more
    this.listeners.clear();
    this.enhanced.destroy();
    this.renderer.destroy();
    this.stage.destroy();
  }
}

/** Whether it was something new. */
function say(root, name, words) {
  if (root.dataset[name] === words) return false;
  root.dataset[name] = words;
  return true;
}

function drawDivider(context, { width, height }, divider) {
  const x = Math.round(divider * width);
  context.fillStyle = LINE;
  context.fillRect(x - 1, 0, 2, height);
  context.beginPath();
  context.arc(x, height / 2, 6, 0, 2 * Math.PI);
  context.fill();
}
