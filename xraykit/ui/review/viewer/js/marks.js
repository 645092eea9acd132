/** A reader's marks on a film: arrows, circles, words. They lie in film pixels and belong to the reader's impression. */

import { editing } from "./measure.js";
import { editorOf } from "./tools/editor.js";

const GROUP = "marks";
const COLOURS = ["#7FC8F8", "#C6E7FF"];
const LONGEST = 80; // characters of a label
const TOOLS = [
  { name: "arrow", label: "Arrow", key: "Shift+A" },
  { name: "circle", label: "Circle", key: "Shift+E" },
  { name: "text", label: "Text", key: "Shift+T" },
];

/**
 * Adds the marking tools to a viewer. A mark is {kind: "arrow"|"circle"|"text", points: [[x, y]...] in film pixels, label}: an
 * arrow has its tip first, a circle its centre, then a point of its edge.
 * @param {object} viewer
 * @param {{onChange?: (film: string, marks: object[]) => void}} options
 */
export function addMarks(viewer, { onChange } = {}) {
  const editor = editorOf(viewer);
  const field = new LabelField(viewer, editor);
  editor.register(GROUP, COLOURS, onChange, (pane, film, shape) => field.open(pane, film, shape));
  for (const tool of TOOLS) viewer.addTool(editor.tool({ ...tool, kind: tool.name, group: GROUP, heading: "Tools" }));
  viewer.addTool({ name: "mark-label", draw: (_, pane) => field.follow(pane) });
  return {
    commands: editing(editor),
    get: (film) => editor.get(film, GROUP),
    set: (film, list) => editor.set(film, GROUP, list),
  };
}

/** The field in which a mark's words are typed, on the film where they will stand. */
class LabelField {
  constructor(viewer, editor) {
    this.viewer = viewer;
    this.editor = editor;
    this.open_ = null;
  }

  open(pane, film, shape) {
    this.close(true);
    const input = document.createElement("input");
    Object.assign(input, { type: "text", maxLength: LONGEST, value: shape.label, placeholder: "Words of this mark" });
    input.setAttribute("aria-label", "Words of this mark");
    Object.assign(input.style, {
      position: "absolute", pointerEvents: "auto", width: "11rem", font: "13px system-ui, sans-serif", color: "#E8EDF1",
      background: "#0B0E11", border: "1px solid #3D8BC4", borderRadius: "3px", padding: "3px 6px", zIndex: "3",
    });
    for (const type of ["pointerdown", "dblclick", "wheel"]) input.addEventListener(type, (event) => event.stopPropagation());
    input.addEventListener("keydown", (event) => this.pressed(event));
    input.addEventListener("blur", () => this.close(true));
    const { activeElement } = this.viewer.panes[pane].element.getRootNode();
    this.open_ = { input, pane, film, shape, back: activeElement };
    this.viewer.panes[pane].element.append(input);
    this.follow(pane);
    input.focus({ preventScroll: true });
  }

  pressed(event) {
    event.stopPropagation();
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    this.close(event.key === "Enter");
  }

  /** Keeps beside its mark while the film moves under it. */
  follow(pane) {
    if (this.open_?.pane !== pane) return;
    const { input, film, shape } = this.open_;
    const shown = this.viewer.panes[pane];
    if (shown.film?.id !== film) return void this.close(true);
    const place = this.viewer.toPane(pane, shape.points.at(-1).x, shape.points.at(-1).y);
    input.style.left = `${Math.max(0, Math.min(place.x + 8, shown.rect.width - 190))}px`;
    input.style.top = `${Math.max(0, Math.min(place.y - 14, shown.rect.height - 32))}px`;
  }

  /** @param {boolean} keep whether what was typed counts */
  close(keep) {
    if (!this.open_) return;
    const { input, film, shape, back } = this.open_;
    this.open_ = null;
    const typed = input.value.trim();
    input.remove();
    back?.focus?.({ preventScroll: true });
    if (keep) shape.label = typed;
    if (shape.kind === "text" && !shape.label) this.editor.remove({ film, shape });
    else this.editor.changed(film, GROUP);
  }
}
