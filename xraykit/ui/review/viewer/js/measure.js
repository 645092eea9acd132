/** Measuring on a film: probe, ruler, angles, cardiothoracic ratio. In millimetres only where the film says how large it is. */

import { editorOf } from "./tools/editor.js";

export * from "./tools/geometry.js";

const GROUP = "measures";
const COLOURS = ["#F2D16B", "#FFEFB0"];
const TOOLS = [
  { name: "probe", label: "Probe", key: "Q" },
  { name: "ruler", label: "Ruler", key: "M" },
  { name: "angle", label: "Angle", key: "A" },
  { name: "cobb", label: "Cobb angle (two lines)", key: "Shift+Q" },
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
      ...editing(editor),
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

/** The commands for what is drawn by any tool, once for each viewer. */
export function editing(editor) {
  if (editor.hasCommands) return [];
  editor.hasCommands = true;
  return [
    {
      name: "put-down", label: "Put the tool's points on the film; Tab and arrows move them", group: "Tools", key: "Shift+Space",
      enabled: () => editor.kinds.has(editor.viewer.tool), run: () => editor.putInMiddle(),
    },
    {
      name: "delete-chosen", label: "Delete measurement or mark", group: "Tools", key: ["Delete", "Backspace"],
      enabled: () => editor.chosen !== null, run: () => editor.remove(),
    },
  ];
}
