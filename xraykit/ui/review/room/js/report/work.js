/** The work on many films that the server does for this tab: begun, watched until it ends, stopped. */

const PAUSE = 500; // ms between two looks at how far it is

/**
 * @param {any} routes
 * @param {(state: any) => void} tell called with every state, and once more when the work has ended
 */
export function createWork(routes, tell) {
  let state = null;
  let timer = 0;
  let ended = false;
  let asking = 0; // questions that begin or stop something, on their way
  let asked = 0; // those that were answered
  function take(now) {
    if (ended) return;
    state = now;
    clearTimeout(timer);
    if (!state) return;
    tell(state);
    if (state.state === "running") again(PAUSE);
  }
  function again(pause) {
    clearTimeout(timer);
    if (!ended) timer = setTimeout(look, pause);
  }
  async function look() {
    const before = asked;
    try {
      const answer = await routes.work();
      if (asking === 0 && asked === before) take(answer); // else it may be of before what was begun or stopped
    } catch {
      again(4 * PAUSE); // the watch of the list says that the server does not answer
    }
  }
  async function ask(question) {
    asking += 1;
    try {
      take(await question());
    } catch (error) {
      again(0); // what was going on goes on
      throw error;
    } finally {
      asking -= 1;
      asked += 1;
    }
  }
  return {
    state: () => state,
    look,
    begin: (body) => ask(() => routes.beginWork(body)),
    stop: () => ask(routes.stopWork).catch(() => {}),
    end: () => {
      ended = true;
      clearTimeout(timer);
    },
  };
}
