/** The work on many films that the server does for this tab: begun, watched until it ends, stopped. */

const PAUSE = 500; // ms between two looks at how far it is

/**
 * @param {any} routes
 * @param {(state: any) => void} tell called with every state, and once more when the work has ended
 */
export function createWork(routes, tell) {
  let state = null;
  let timer = 0;
  function take(now) {
    state = now;
    if (!state) return;
    tell(state);
    clearTimeout(timer);
    if (state.state === "running") timer = setTimeout(look, PAUSE);
  }
  async function look() {
    try {
      take(await routes.work());
    } catch {
      clearTimeout(timer);
      timer = setTimeout(look, 4 * PAUSE); // the watch of the list says that the server does not answer
    }
  }
  return {
    state: () => state,
    look,
    begin: async (body) => take(await routes.beginWork(body)),
    stop: () => routes.stopWork().then(take, () => {}),
    end: () => clearTimeout(timer),
  };
}
