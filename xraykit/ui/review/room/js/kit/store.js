/** What the reader chose, kept by the tab for a reload: nothing of it leaves the browser. */

const PLACE = "xk-room-view";

/** What is chosen before anybody chose. */
export const DEFAULTS = {
  current: null, // id of the film
  layout: null, // panes; null: as many as there is something to show in
  assigned: {}, // layout -> what each pane shows
  models: null, // names of the models that are on; null: the first two
  label: null, // class of the heatmaps; null: what each model predicts
  method: null,
  prior: true, // whether an older film of the same patient is laid beside the current one
  priors: {}, // film id -> id of the prior chosen by hand, or null for none
  order: { by: "arrival", down: false },
  filter: { text: "", finding: null, least: 0, models: "all", state: "all" },
  view: null, // of the viewer
  saw: { open: false, model: null }, // what a model saw: whether it is shown, and of which model
  panels: {}, // name -> open; null: as the width allows
};

/**
 * Keeps an object of choices; `set` merges, tells and remembers.
 * @param {(changed: string[]) => void} tell
 */
export function createStore(tell) {
  const kept = structuredClone(DEFAULTS);
  try {
    Object.assign(kept, JSON.parse(sessionStorage.getItem(PLACE) ?? "{}"));
  } catch {
    sessionStorage.removeItem(PLACE); // not ours: begin anew
  }
  let waiting = 0;
  const write = () => {
    waiting = 0;
    sessionStorage.setItem(PLACE, JSON.stringify(kept));
  };
  const keep = () => {
    waiting ||= setTimeout(write, 200);
  };
  addEventListener("pagehide", write);
  return {
    get: () => kept,
    set(partial, quietly = false) {
      Object.assign(kept, partial);
      keep();
      if (!quietly) tell(Object.keys(partial));
    },
    destroy() {
      clearTimeout(waiting);
      write();
      removeEventListener("pagehide", write);
    },
  };
}
