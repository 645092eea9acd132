// Mouse, pen and fingers: window by drag, Shift or middle drag pans, right drag or wheel zooms; a chosen tool comes
// first. Changes the view of a viewer, draws nothing.

const PX_FOR_RANGE = 600; // css px of a drag that crosses the film's whole range
const WHEEL = 0.0015; // of a zoom by e, for a pixel of the wheel
const LINE = 16; // px of a wheel's line
const GRAB = 8; // css px beside the divider that take hold of it

export class Pointer {
  constructor(viewer, root) {
    this.viewer = viewer;
    this.root = root;
    this.drag = null;
    this.fingers = new Map();
    this.at = null; // where the pointer is, for the lens
    this.ending = new AbortController();
    const { signal } = this.ending;
    const listen = (name, handler, options) => root.addEventListener(name, handler, { signal, ...options });
    listen("pointerdown", (event) => this.down(event));
    listen("pointermove", (event) => this.move(event));
    listen("pointerup", (event) => this.up(event));
    listen("pointercancel", (event) => this.up(event));
    listen("pointerleave", () => this.leave());
    listen("wheel", (event) => this.wheel(event), { passive: false });
    listen("contextmenu", (event) => event.preventDefault());
    listen("dblclick", (event) => this.double(event));
  }

  down(event) {
    const { viewer, root } = this;
    const pane = viewer.paneAt(event.clientX, event.clientY);
    if (!pane || event.target.closest?.("button, input, select, textarea, a")) return;
    root.focus({ preventScroll: true });
    viewer.active = pane.index;
    root.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (!pane.film || this.fingers.size > 1) return;
    event.preventDefault();
    const tool = viewer.chosen ?? this.held(event, pane)?.tool;
    this.drag = { pane, tool, kind: this.kindOf(event, pane, tool), x: event.clientX, y: event.clientY };
    if (this.drag.kind !== "tool") return;
    const kept = tool.down?.(pane.index, viewer.toFilm(pane.index, event.clientX, event.clientY), event);
    if (kept === false) this.drag.kind = plainKind(event);
    viewer.redraw();
  }

  /** While no tool is chosen: the one that has something to take hold of here, with the cursor that says so. */
  held(event, pane) {
    if (!pane?.film) return null;
    const point = this.viewer.toFilm(pane.index, event.clientX, event.clientY);
    for (const tool of this.viewer.tools.values()) {
      const cursor = tool.hit?.(pane.index, point, event);
      if (cursor) return { tool, cursor };
    }
    return null;
  }

  double(event) {
    const { viewer } = this;
    const pane = viewer.paneAt(event.clientX, event.clientY);
    const tool = viewer.chosen ?? this.held(event, pane)?.tool;
    if (pane?.film) tool?.double?.(pane.index, viewer.toFilm(pane.index, event.clientX, event.clientY), event);
  }

  kindOf(event, pane, tool) {
    const { viewer } = this;
    if (event.button === 0 && !event.shiftKey && viewer.nearDivider(pane, event.clientX, GRAB)) return "divider";
    return tool && event.button === 0 && !event.shiftKey ? "tool" : plainKind(event);
  }

  move(event) {
    const { viewer, drag } = this;
    if (this.fingers.has(event.pointerId) && this.fingers.size > 1) {
      this.pinch(event);
      return;
    }
    const [x, y] = [event.clientX, event.clientY];
    this.at = [x, y];
    if (viewer.state.common.lens) viewer.redraw();
    if (!drag) {
      this.hover(event);
      return;
    }
    const [dx, dy] = [x - drag.x, y - drag.y];
    const index = drag.pane.index;
    if (drag.kind === "tool") drag.tool.move?.(index, viewer.toFilm(index, x, y), event);
    else if (drag.kind === "divider") viewer.moveDivider(drag.pane, x);
    else if (drag.kind === "pan") viewer.pan(index, dx, dy);
    else if (drag.kind === "zoom") viewer.zoom(index, Math.exp(-dy * 0.01), drag.startX ?? drag.x, drag.startY ?? drag.y);
    else viewer.moveWindow(index, dx / PX_FOR_RANGE, dy / PX_FOR_RANGE);
    drag.startX ??= drag.x;
    drag.startY ??= drag.y;
    drag.x = x;
    drag.y = y;
    viewer.redraw();
  }

  hover(event) {
    const { viewer, root } = this;
    const pane = viewer.paneAt(event.clientX, event.clientY);
    root.style.cursor = pane && viewer.nearDivider(pane, event.clientX, GRAB) ? "ew-resize"
      : (!viewer.chosen && this.held(event, pane)?.cursor) || viewer.cursor;
    if (!pane?.film || !viewer.chosen?.move) return;
    viewer.chosen.move(pane.index, viewer.toFilm(pane.index, event.clientX, event.clientY), event);
    viewer.redraw();
  }

  up(event) {
    const { viewer, drag } = this;
    this.fingers.delete(event.pointerId);
    this.drag = null;
    if (drag?.kind === "tool") {
      const { index } = drag.pane;
      if (event.type === "pointercancel") drag.tool.cancel?.();
      else drag.tool.up?.(index, viewer.toFilm(index, event.clientX, event.clientY), event);
    }
    viewer.redraw();
  }

  /** Forget a drag whose pane is no longer there. */
  release() {
    this.drag = null;
  }

  leave() {
    this.at = null;
    this.viewer.redraw();
  }

  /** Two fingers: their middle pans, their distance zooms. */
  pinch(event) {
    const { viewer } = this;
    const before = spread(this.fingers);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    const after = spread(this.fingers);
    const { index, film } = viewer.panes[viewer.active];
    this.drag = null;
    if (!film) return;
    viewer.pan(index, after.x - before.x, after.y - before.y);
    if (before.distance > 0) viewer.zoom(index, after.distance / before.distance, after.x, after.y);
    viewer.redraw();
  }

  wheel(event) {
    const { viewer } = this;
    const pane = viewer.paneAt(event.clientX, event.clientY);
    event.preventDefault();
    if (!pane?.film) return;
    const pixels = event.deltaMode === 1 ? event.deltaY * LINE : event.deltaMode === 2 ? event.deltaY * 400 : event.deltaY;
    viewer.zoom(pane.index, Math.exp(-Math.max(-400, Math.min(400, pixels)) * WHEEL), event.clientX, event.clientY);
    viewer.redraw();
  }

  destroy() {
    this.ending.abort();
  }
}

function plainKind({ button, shiftKey }) {
  if (button === 1 || (button === 0 && shiftKey)) return "pan";
  return button === 2 ? "zoom" : "window";
}

function spread(fingers) {
  const [[ax, ay], [bx, by]] = [...fingers.values()];
  return { x: (ax + bx) / 2, y: (ay + by) / 2, distance: Math.hypot(ax - bx, ay - by) };
}
