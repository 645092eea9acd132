/**
 * Drawing, grabbing, moving and deleting shapes on the films of a viewer; measurements and marks share it. Shapes belong to a
 * film and lie in film pixels: they stay with it however it is turned, flipped or zoomed, in every pane that shows it.
 */

import { cornerBoxes } from "../corners.js";
import { Handles } from "./handles.js";
import { KINDS, draw, nearest, outline } from "./shapes.js";
import { words } from "./sketch.js";

/** @typedef {import("./shapes.js").Shape & {group: string}} Drawn */

const REACH = { mouse: 7, pen: 9, touch: 18 }; // CSS pixels from a line within which it is taken hold of
const CLICK = 4; // CSS pixels: less than this is a click, not a drag
const editors = new WeakMap();

/** The one editor of a viewer. @returns {Editor} */
export function editorOf(viewer) {
  if (!editors.has(viewer)) editors.set(viewer, new Editor(viewer));
  return editors.get(viewer);
}

export class Editor {
  constructor(viewer) {
    this.viewer = viewer;
    /** @type {Map<string, Drawn[]>} */
    this.films = new Map();
    this.groups = new Map(); // name -> {colours: [plain, chosen], changed}
    this.chosen = null; // {film, shape}
    this.draft = null; // {film, pane, shape, from}: the last point follows the pointer
    this.grabbed = null; // {film, shape, indices, from}
    this.live = null; // {pane, point}: what the probe is over
    this.handles = new Handles(this);
    this.kinds = new Map(); // kind -> group, of the tools there are
    this.labels = new Map(); // kind -> what its tool is called
    this.boxes = new Map(); // pane -> [{shape, box}] where words stand
    viewer.addTool({
      name: "shapes", draw: (context, pane) => this.draw(context, pane), hit: (...given) => this.hit(...given),
      down: (...given) => this.grab(...given), move: (...given) => this.move(...given), up: () => this.up(),
      double: (...given) => this.double(...given), cancel: () => this.cancel(),
    });
    viewer.root?.addEventListener("pointerleave", () => this.hover(null, null));
  }

  /** @param {string} group @param {[string, string]} colours @param {(film: string, list: object[]) => void} changed */
  register(group, colours, changed, edit = null) {
    this.groups.set(group, { colours, changed, edit });
  }

  /** A tool of the viewer that draws shapes of this kind. */
  tool({ name, label, key, kind, group, heading }) {
    this.kinds.set(kind, group);
    this.labels.set(kind, label);
    return {
      name, label, key, group: heading, cursor: "crosshair",
      down: (pane, point, event) => this.down(kind, group, pane, point, event),
      move: (pane, point, { buttons }) => (buttons ? this.move(pane, point) : this.hover(kind, pane, point)),
      up: () => this.up(), hover: (pane, point) => this.hover(kind, pane, point),
      double: (...given) => this.double(...given), cancel: () => this.cancel(),
    };
  }

  filmOf(pane) {
    return this.viewer.panes[pane]?.film ?? null;
  }

  /** Film pixels to CSS pixels of a pane, asked of the viewer three times only: it is the same step everywhere. */
  at(pane) {
    const [origin, right, down] = [[0, 0], [1, 0], [0, 1]].map(([x, y]) => this.viewer.toPane(pane, x, y));
    return ({ x, y }) => ({
      x: origin.x + x * (right.x - origin.x) + y * (down.x - origin.x),
      y: origin.y + x * (right.y - origin.y) + y * (down.y - origin.y),
    });
  }

  /** The shapes of a film as they are kept and sent: points as pairs of numbers. */
  get(film, group) {
    const shapes = (this.films.get(film) ?? []).filter((shape) => shape.group === group);
    return shapes.map(({ kind, points, label = "", axis }) => ({
      kind, points: points.map(({ x, y }) => [x, y]), label, ...(axis ? { axis } : {}),
    }));
  }

  set(film, group, list) {
    const others = (this.films.get(film) ?? []).filter((shape) => shape.group !== group);
    const shapes = list.filter(isSound).map(({ kind, points, label, axis }) => ({
      kind, group, label: label ?? "", points: points.map(([x, y]) => ({ x, y })), ...(axis ? { axis } : {}),
    }));
    this.films.set(film, [...others, ...shapes]);
    if (this.chosen?.film === film && this.chosen.shape.group === group) this.chosen = null;
    this.viewer.redraw();
  }

  /** Begin a shape, or put down the next of its points. */
  down(kind, group, pane, point, event) {
    const film = this.filmOf(pane);
    if (!film || event.button !== 0) return false;
    if (this.draft?.film !== film.id || this.draft.shape.kind !== kind) this.draft = null;
    if (!this.draft && this.grab(pane, point, event) !== false) return true;
    if (!this.draft && !point.inside) return false;
    const place = clamped(film, point);
    this.live = null;
    if (!this.draft) this.begin(kind, group, film, pane, place);
    else if (this.draft.waiting) this.follow(place, 2);
    else this.draft.shape.points.splice(-1, 1, place);
    this.draft.from = this.at(pane)(place);
    this.draft.pressed = true;
    this.viewer.redraw();
    return true;
  }

  begin(kind, group, film, pane, place) {
    this.create(kind, group, film, pane);
    this.follow(place, Math.min(2, KINDS[kind].points));
  }

  /** A shape without points, which is drawn from now on. */
  create(kind, group, film, pane) {
    const upright = this.viewer.panes[pane].view.rotation % 180 === 0;
    const shape = { kind, group, label: "", points: [], ...(kind === "ratio" ? { axis: upright ? "x" : "y" } : {}) };
    this.draft = { film: film.id, pane, shape, waiting: false };
    this.chosen = { film: film.id, shape };
  }

  /** Without a mouse: the chosen tool's shape in the middle of the active pane, its first point ready to be moved. */
  putInMiddle() {
    const { viewer } = this;
    const { active: pane, tool: kind } = viewer;
    const film = this.filmOf(pane);
    if (!film || !this.kinds.has(kind)) return;
    const { left, top, width, height } = viewer.panes[pane].element.getBoundingClientRect();
    const unit = Math.min(width, height) / 8;
    this.create(kind, this.kinds.get(kind), film, pane);
    const { shape } = this.draft;
    shape.points = KINDS[kind].start.map(([x, y]) => (
      clamped(film, viewer.toFilm(pane, left + width / 2 + x * unit, top + height / 2 + y * unit))
    ));
    if (kind !== "text") this.handles.wanted = shape; // a text has the focus itself
    this.finish();
    viewer.redraw();
  }

  /** Move one point of a shape by film pixels. */
  shift(film, shape, index, by) {
    this.grabbed = { film: film.id, shape, indices: [index], from: { x: 0, y: 0 }, moved: false };
    this.drag(film, by);
    this.up();
  }

  /** @param {string} film its id */
  choose(film, shape) {
    this.chosen = { film, shape };
    this.tell(film);
    this.viewer.redraw();
  }

  /** Put down so many points at a place; the last of them follows the pointer. */
  follow(place, count) {
    for (let added = 0; added < count; added += 1) this.draft.shape.points.push({ ...place });
    this.draft.waiting = false;
  }

  move(pane, point) {
    const film = this.filmOf(pane);
    if (this.grabbed && film?.id === this.grabbed.film) this.drag(film, point);
    else if (this.draft && !this.draft.waiting && film?.id === this.draft.film) {
      this.draft.shape.points.splice(-1, 1, clamped(film, point));
    }
    this.viewer.redraw();
  }

  /** Move what is grabbed by as much as all of it stays on the film. */
  drag(film, point) {
    const { shape, indices, from } = this.grabbed;
    const moved = indices.map((index) => shape.points[index]);
    const shift = (axis, most) => {
      const low = Math.min(...moved.map((place) => place[axis])), high = Math.max(...moved.map((place) => place[axis]));
      return Math.max(-low, Math.min(point[axis] - from[axis], most - high));
    };
    const [dx, dy] = [shift("x", film.width), shift("y", film.height)];
    for (const index of indices) shape.points[index] = { x: shape.points[index].x + dx, y: shape.points[index].y + dy };
    this.grabbed.from = { x: from.x + dx, y: from.y + dy };
    this.grabbed.moved ||= Boolean(dx || dy);
  }

  up() {
    if (this.grabbed) {
      const { film, shape, moved } = this.grabbed;
      this.grabbed = null;
      if (moved) this.changed(film, shape.group);
    } else if (this.draft?.pressed) this.putDown();
    this.viewer.redraw();
  }

  /** The point that followed the pointer is put down, unless the press that began its line was a click. */
  putDown() {
    const { shape, pane, from } = this.draft;
    const kind = KINDS[shape.kind];
    this.draft.pressed = false;
    const place = this.at(pane)(shape.points.at(-1));
    const began = kind.points > 1 && (shape.points.length === 2 || (kind.split && shape.points.length === kind.split + 2));
    const clicked = Math.hypot(place.x - from.x, place.y - from.y) < CLICK;
    if (began && clicked && !this.draft.clicked) {
      this.draft.clicked = true;
      return;
    }
    this.draft.clicked = false;
    if (shape.points.length === kind.points) this.finish();
    else if (shape.points.length === kind.split) this.draft.waiting = true;
    else this.follow(shape.points.at(-1), 1);
  }

  finish() {
    const { film, pane, shape } = this.draft;
    this.draft = null;
    const [first, ...rest] = shape.points.map(this.at(pane));
    if (rest.length && rest.every(({ x, y }) => Math.hypot(x - first.x, y - first.y) < CLICK)) return; // two clicks, no line
    const shapes = (this.films.get(film) ?? []).filter((other) => shape.kind !== "ratio" || other.kind !== "ratio");
    this.films.set(film, [...shapes, shape]);
    if (shape.kind === "text") this.groups.get(shape.group).edit?.(pane, film, shape);
    else this.changed(film, shape.group);
  }

  hover(kind, pane, point) {
    const film = pane === null ? null : this.filmOf(pane);
    this.grabbed = null; // no button is down: whatever was held has been let go, perhaps with another film there
    this.live = kind === "probe" && film && point.inside ? { pane, point } : null;
    if (this.draft && !this.draft.waiting && film?.id === this.draft.film) {
      this.draft.shape.points.splice(-1, 1, clamped(film, point));
    }
    this.viewer.redraw();
  }

  /** The shape under a place, and what of it would move. */
  under(pane, point, event) {
    const film = this.filmOf(pane);
    const at = this.at(pane);
    const place = at(point);
    const reach = REACH[event?.pointerType] ?? REACH.mouse;
    const near = (this.films.get(film?.id) ?? []).map((shape) => ({ film: film.id, shape, ...nearest(shape, place, at) }));
    for (const { shape, box } of this.boxes.get(pane) ?? []) {
      const [x, y] = [place.x - box.left, place.y - box.top];
      const inside = x >= 0 && y >= 0 && x <= box.width && y <= box.height;
      if (inside) near.push({ film: film?.id, shape, distance: reach, indices: shape.points.map((_, index) => index) });
    }
    const best = near.reduceRight((best, next) => (next.distance < (best?.distance ?? Infinity) ? next : best), null);
    return best && best.distance <= reach ? best : null;
  }

  hit(pane, point, event) {
    const under = this.under(pane, point, event);
    if (!under && event.type === "pointerdown") this.chosen = null;
    return under && (under.indices.length === 1 ? "grab" : "move");
  }

  grab(pane, point, event) {
    const under = this.under(pane, point, event);
    if (!under) {
      this.chosen = null;
      return false;
    }
    this.chosen = { film: under.film, shape: under.shape };
    this.grabbed = { ...under, from: point, moved: false };
    this.live = null;
    this.viewer.redraw();
    return true;
  }

  double(pane, point, event) {
    const under = this.under(pane, point, event);
    if (under) this.groups.get(under.shape.group).edit?.(pane, under.film, under.shape);
  }

  cancel() {
    this.draft = this.grabbed = this.live = null;
    this.viewer.redraw();
  }

  /** Delete one shape, the chosen one if none is named. @returns {boolean} whether there was any */
  remove(chosen = this.chosen) {
    if (!chosen) return false;
    const { film, shape } = chosen;
    this.cancel();
    this.chosen = null;
    const shapes = this.films.get(film) ?? [];
    this.films.set(film, shapes.filter((other) => other !== shape));
    if (shapes.includes(shape)) this.changed(film, shape.group);
    return true;
  }

  changed(film, group) {
    this.groups.get(group).changed?.(film, this.get(film, group));
    this.tell(film);
    this.viewer.redraw();
  }

  /** Says what was measured, as a canvas does not to those who hear the page. */
  tell(film) {
    const pane = this.viewer.panes.findIndex((shown) => shown.film?.id === film);
    const shape = this.chosen?.film === film ? this.chosen.shape : null;
    if (pane < 0 || !this.viewer.root) return;
    const read = (point) => this.viewer.pixel(pane, point.x, point.y);
    const notes = shape ? KINDS[shape.kind].words(shape, this.viewer.panes[pane], read, this.at(pane)) : [];
    this.voice ??= voiceIn(this.viewer.root);
    this.voice.textContent = notes.flatMap(({ lines }) => lines).join(", ");
  }

  draw(context, pane) {
    const shown = this.viewer.panes[pane];
    const film = shown?.film;
    if (!film) {
      if (pane === this.viewer.active) this.handles.follow(pane, [], null);
      return;
    }
    if (this.draft?.pane === pane && this.draft.film !== film.id) this.draft = null;
    const shapes = [...(this.films.get(film.id) ?? [])];
    if (pane === this.viewer.active) this.handles.follow(pane, shapes, this.at(pane));
    if (this.draft?.film === film.id) shapes.push(this.draft.shape);
    const at = this.at(pane);
    const isChosen = (shape) => this.chosen?.shape === shape;
    const colour = (shape) => this.groups.get(shape.group).colours[isChosen(shape) ? 1 : 0];
    for (const shape of shapes) draw(context, colour(shape), shape, at, isChosen(shape));
    this.write(context, pane, shapes, colour);
  }

  /** The words of all shapes; each looks for a place that no other, no handle and no corner text has. */
  write(context, pane, shapes, colour) {
    const shown = this.viewer.panes[pane];
    const isLive = this.live?.pane === pane;
    const { dataset } = shown.element;
    const before = new Map((this.boxes.get(pane) ?? []).map(({ shape, box, place }) => [shape, { box, place }]));
    this.boxes.delete(pane);
    if (!shapes.length && !isLive) {
      if (dataset.measured) dataset.measured = "";
      return;
    }
    const at = this.at(pane);
    const read = (point) => this.viewer.pixel(pane, point.x, point.y);
    const lines = shapes.flatMap((shape) => outline(shape, at));
    const heavy = (box) => ({ ...box, weight: 5 });
    const around = ({ x, y }) => ({ left: x - 4, top: y - 4, width: 8, height: 8 });
    const taken = [...cornerBoxes(shown.element).map(heavy), ...lines.map(around)];
    const boxes = [];
    const said = [];
    const put = (shape, notes, tint) => {
      for (const note of notes) {
        said.push(note.lines.join(", "));
        const place = at(note.beside);
        if (place.x < 0 || place.y < 0 || place.x > shown.rect.width || place.y > shown.rect.height) continue;
        const box = words(context, tint, { ...note, before: before.get(shape) }, place, shown.rect, taken);
        taken.push(heavy(box));
        boxes.push({ shape, box, place });
      }
    };
    const free = (shape) => shape.kind !== "text"; // a text stands where the reader put it, the others around it
    for (const shape of shapes.toSorted((a, b) => free(a) - free(b))) {
      put(shape, KINDS[shape.kind].words(shape, shown, read, at), colour(shape));
    }
    this.boxes.set(pane, boxes.slice());
    if (isLive) {
      const probe = { kind: "probe", points: [this.live.point] };
      put(probe, KINDS.probe.words(probe, shown, read, at), "#FFFFFF");
    }
    if (dataset.measured !== said.join("; ")) dataset.measured = said.join("; "); // what is drawn, for those who wait for it
  }
}

/** A place for words that are heard, not seen. */
function voiceIn(root) {
  const voice = document.createElement("div");
  voice.setAttribute("role", "status");
  voice.style.cssText = "position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%)";
  root.append(voice);
  return voice;
}

const clamped = (film, { x, y }) => ({ x: Math.max(0, Math.min(x, film.width)), y: Math.max(0, Math.min(y, film.height)) });

/** Whether a shape from elsewhere has the points its kind needs. */
function isSound({ kind, points, axis }) {
  const known = Object.hasOwn(KINDS, kind) && (kind !== "ratio" || axis === "x" || axis === "y");
  return known && points?.length === KINDS[kind].points && points.flat().every(Number.isFinite);
}
