// The viewer mounted by Streamlit on its own: one message with all films in, a viewer with its tools and keys on the page.

import { addCorners } from "./corners.js";
import { messageOf, parseFilm, parseHeat } from "./film.js";
import { createHelp } from "./help.js";
import { createKeys } from "./keys.js";
import { addMarks } from "./marks.js";
import { addMeasuring } from "./measure.js";
import { createViewer } from "./viewer.js";

const mounted = new WeakMap();

/** Called by Streamlit at each run of its script; films come anew only when they changed. */
export default function mount({ data, parentElement }) {
  const root = parentElement.querySelector(".viewer");
  const { header, start, bytes } = messageOf(data);
  root.style.height = `${header.height}px`;
  if (!mounted.has(root)) mounted.set(root, equip(root, parentElement, header.colormaps));
  const { viewer, stop } = mounted.get(root);
  const part = ([begin, length]) => bytes.slice(start + begin, start + begin + length);
  viewer.show(header.panes.map((pane) => ({
    ...pane,
    film: pane.film && parseFilm(part(pane.film)),
    heats: pane.heats.map((place) => parseHeat(part(place))),
  })));
  return () => {
    mounted.delete(root);
    stop();
  };
}

/** A viewer with everything; its keys count while it has the focus, as the page around it has keys of its own. */
function equip(root, around, colormaps) {
  const viewer = createViewer(root, { colormaps });
  const parts = [viewer, addMeasuring(viewer), addMarks(viewer)];
  addCorners(viewer);
  const keys = createKeys(() => [
    ...parts.flatMap(({ commands }) => commands),
    { name: "help", label: "Keys", group: "Page", key: "?", run: () => help.toggle() },
    { name: "end-tool", label: "End the tool", group: "Page", key: "Escape", fixed: true, run: () => { viewer.tool = null; } },
  ]);
  const help = createHelp(around, keys);
  keys.bind(root);
  const stop = () => {
    keys.unbind();
    help.remove();
    viewer.destroy();
  };
  return { viewer, stop };
}
