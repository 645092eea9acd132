// The viewer mounted by Streamlit on its own: one message with all films in, a viewer with its tools and keys on the page.

import { messageOf, parseFilm, parseHeat } from "./film.js";
import { createViewer } from "./viewer.js";

const mounted = new WeakMap();

/** Called by Streamlit at each run of its script; films come anew only when they changed. */
export default function mount({ data, parentElement }) {
  const root = parentElement.querySelector(".viewer");
  const { header, start, bytes } = messageOf(data);
  const viewer = mounted.get(root) ?? createViewer(root, { colormaps: header.colormaps });
  mounted.set(root, viewer);
  const part = ([begin, length]) => bytes.slice(start + begin, start + begin + length);
  viewer.show(header.panes.map((pane) => ({
    ...pane,
    film: pane.film && parseFilm(part(pane.film)),
    heats: pane.heats.map((place) => parseHeat(part(place))),
  })));
  return () => {
    mounted.delete(root);
    viewer.destroy();
  };
}
