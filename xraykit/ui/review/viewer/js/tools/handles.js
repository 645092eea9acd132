/**
 * Measuring without a mouse: over each point of what is drawn in the active pane lies an element that Tab reaches and arrow
 * keys move. A mouse passes through them to the shapes themselves.
 */

const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FAR = 10; // film pixels for a press with Shift; one without
const OWN = Object.keys(WAYS).flatMap((key) => [key, `Shift+${key}`]).join(" ");
const SIZE = 20; // CSS pixels
const LOOK = {
  position: "absolute", width: `${SIZE}px`, height: `${SIZE}px`, padding: 0, border: 0, borderRadius: "50%", background: "none",
  pointerEvents: "none", outlineOffset: "0px",
};

export class Handles {
  /** @param {import("./editor.js").Editor} editor */
  constructor(editor) {
    this.editor = editor;
    this.elements = [];
    this.wanted = null; // the shape whose first point takes the focus once it is there
  }

  /**
   * Lays an element over each point, as the film stands now.
   * @param {number} pane @param {import("./editor.js").Drawn[]} shapes @param {(point: object) => {x: number, y: number}} at
   */
  follow(pane, shapes, at) {
    const { element: place, film } = this.editor.viewer.panes[pane];
    const points = shapes.flatMap((shape) => shape.points.map((point, index) => ({ shape, index, point })));
    while (this.elements.length > points.length) this.leave(this.elements.pop());
    points.forEach(({ shape, index, point }, order) => {
      const { x, y } = at(point);
      const element = (this.elements[order] ??= this.make());
      if (element.parentNode !== place) place.append(element);
      element.shown = { pane, film, shape, index };
      const label = `${this.editor.labels.get(shape.kind)}, point ${index + 1} of ${shape.points.length}: arrow keys move it`;
      if (element.ariaLabel !== label) element.ariaLabel = label;
      element.style.transform = `translate(${x - SIZE / 2}px, ${y - SIZE / 2}px)`;
      if (this.wanted === shape && index === 0) {
        this.wanted = null;
        element.focus({ preventScroll: true });
      }
    });
  }

  /** An element goes; the focus that it had stays with the film. */
  leave(element) {
    const focused = element.getRootNode().activeElement === element;
    element.remove();
    if (focused) this.editor.viewer.root.focus({ preventScroll: true });
  }

  make() {
    const element = document.createElement("button");
    element.type = "button";
    element.dataset.ownKeys = OWN;
    Object.assign(element.style, LOOK);
    element.addEventListener("focus", () => {
      const { film, shape } = element.shown;
      this.editor.choose(film.id, shape);
    });
    element.addEventListener("keydown", (event) => this.press(event, element.shown));
    return element;
  }

  /** Moves a point the way that the arrow shows on screen, however the film is turned or flipped. */
  press(event, { pane, film, shape, index }) {
    const way = WAYS[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.editor.at(pane);
    const [origin, right, down] = [[0, 0], [1, 0], [0, 1]].map(([x, y]) => at({ x, y }));
    const along = (to) => {
      const [x, y] = [to.x - origin.x, to.y - origin.y];
      return Math.round((x * way[0] + y * way[1]) / Math.hypot(x, y)) * (event.shiftKey ? FAR : 1);
    };
    this.editor.shift(film, shape, index, { x: along(right), y: along(down) });
  }
}
