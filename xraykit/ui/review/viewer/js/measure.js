/** Measuring on a film: probe, ruler, angles, cardiothoracic ratio. In millimetres only where the film says how large it is. */

import { editorOf } from "./tools/editor.js";

export * from "./tools/geometry.js";

const GROUP = "measures";
const COLOURS = ["#F2D16B", "#FFEFB0"];
const TOOLS = [
  { name: "probe", label: "Probe", key: "Q" },
  { name: "ruler", label: "Ruler", key: "M" },
  { name: "angle", label: "Angle", key: "A" },
  { name: "cobb", label: "Cobb angle (two lines)", key: "Shift+M" },
  { name: "ratio", label: "Cardiothoracic ratio", key: "T" },
];

/**
 * Adds the measuring tools to a viewer. A measurement is {kind, points: [[x, y]...] in film pixels, label, axis?}.
 * @param {object} viewer
 * @param {{onChange?: (film: string, measurements: object[]) => void}} options
 */
export function addMeasuring(viewer, { onChange } = {}) {
  const editor = editorOf(viewer);
  editor.register(GROUP, COLOURS, onChange);
  for (const tool of TOOLS) viewer.addTool(editor.tool({ ...tool, kind: tool.name, group: GROUP, heading: "Tools" }));
  const clear = (film) => {
    editor.set(film, GROUP, []);
    editor.changed(film, GROUP);
  };
  const shown = () => viewer.panes[viewer.active ?? 0]?.film?.id;
  return {
    commands: [
      ...deleting(editor),
      {
        name: "clear-measures", label: "Delete all measurements", group: "Tools", key: "Shift+Delete",
        run: () => shown() !== undefined && clear(shown()),
      },
    ],
    get: (film) => editor.get(film, GROUP),
    set: (film, list) => editor.set(film, GROUP, list),
    clear,
  };
}

/** The command that deletes what was drawn or touched last, once for each viewer. */
export function deleting(editor) {
  if (editor.deletes) return [];
  editor.deletes = true;
  const label = "Delete measurement or mark";
  const key = ["Delete", "Backspace"];
  const enabled = () => editor.chosen !== null;
  return [{ name: "delete-chosen", label, group: "Tools", key, enabled, run: () => editor.remove() }];
}
