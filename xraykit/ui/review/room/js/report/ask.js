/** What a report is asked for: the film, models, overlay and window as they are in sight, and which films are shown. */

import { resolve } from "../../xraykit.viewer/window.js";

/** The window that the reader chose for the film in sight; null where it is the film's own. */
function greyOf(room) {
  const film = room.film();
  const view = room.viewer?.view;
  if (!film || !view) return null;
  const place = Math.max(0, (room.panes ?? []).findIndex((pane) => pane.film?.id === film.id));
  const own = view.panes?.[place] ?? view; // panes that are not linked have a view each
  const [low, high] = own.window.relative;
  const isFirst = own.window.name === null || own.window.name === film.windows[0]?.name;
  if (isFirst && low === 0 && high === 1 && !own.invert) return null;
  const window = resolve(film, own.window);
  return { name: window.name, low: window.low, high: window.high, inverted: Boolean(own.invert) };
}

function viewOf(room) {
  const overlay = room.viewer?.view.overlay ?? {};
  return {
    models: room.models(), label: room.store.get().label, method: room.method(), opacity: overlay.opacity ?? 0.4,
    colormap: overlay.colormap ?? "inferno", heatmaps: overlay.shown ?? true,
  };
}

/** The film that is looked at, as it is in sight. */
export function filmOf(room) {
  const row = room.row();
  return { what: "film", film: row.id, hidden: room.hidden(row) ? [row.id] : [], view: { ...viewOf(room), grey: greyOf(room) } };
}

/** The films that the list shows, in its order; each in its own window. */
export function listOf(room) {
  const rows = shownOf(room);
  return { films: rows.map((row) => row.id), hidden: rows.filter((row) => room.hidden(row)).map((row) => row.id), view: viewOf(room) };
}

/** The films of the list that came to the server. */
export const shownOf = (room) => room.ids.map((id) => room.row(id)).filter((row) => row && !row.local);
