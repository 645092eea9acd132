/** What the server knows of the films, kept up to date: rows that change arrive as they do, never all of them again. */

const AGAIN = [500, 1000, 2000, 5000]; // ms before the next try where the server does not answer
const BETWEEN = 1000; // ms between two looks at the state while films are being read
const QUICK = 250; // ms: an answer that came sooner with nothing new was not held open

const pause = (milliseconds, signal) => new Promise((done) => {
  const timer = setTimeout(done, milliseconds);
  signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
});

/**
 * @param {any} routes
 * @param {{changed: (what: string) => void, arrived: (ids: string[]) => void, removed: (ids: string[]) => void,
 *   silent: (error: Error|null) => void, gone: (error: Error) => void}} tell
 */
export function createRows(routes, tell) {
  const rows = new Map();
  const ended = new AbortController();
  let arrival = [];
  let version = 0;
  let state = { films: { total: 0, done: 0, refused: 0, waiting: 0, eta_seconds: null, listing: false, more: false },
    models: [], broken: [], methods: [], colormaps: {}, reading: null, restarted: 0 };
  let looking = null; // the look at the state that is going on
  let again = false; // whether another was asked for meanwhile
  let lookedAt = 0;
  let known = false; // whether the server has answered at all
  const choosing = []; // what holds meanwhile of each choice of the session that is on its way, in order
  let chosen = 0; // choices that the server has taken or refused
  let last = Promise.resolve(); // the choice made last: the next is sent after it, so that the server takes them in order

  function take(answer) {
    version = answer.version;
    const fresh = [];
    for (const row of answer.rows ?? []) {
      if (!rows.has(row.id)) fresh.push(row.id);
      rows.set(row.id, row);
    }
    for (const id of answer.removed ?? []) rows.delete(id);
    if (answer.order) arrival = [...answer.order, ...locals()];
    else if (answer.removed?.length) arrival = arrival.filter((id) => rows.has(id));
    if (answer.removed?.length) tell.removed(answer.removed);
    if (fresh.length) tell.arrived(fresh);
    return Boolean(answer.rows?.length || answer.removed?.length || answer.order);
  }
  const locals = () => [...rows.values()].filter((row) => row.local).map((row) => row.id);
  const isBusy = () => state.films.listing || state.films.waiting > 0;

  async function look() {
    lookedAt = performance.now();
    const before = chosen;
    const answer = await routes.state(ended.signal);
    const overtaken = choosing.length > 0 || chosen !== before; // by a choice that this answer may not know of
    state = overtaken ? { ...answer, reading: state.reading } : answer;
    known = true;
    tell.changed("state");
  }
  /** Look at the state, soon and never twice at once; what happens during a look may be missing from its answer. */
  function lookSoon() {
    again = looking !== null;
    looking ??= pause(Math.max(0, lookedAt + BETWEEN - performance.now()), ended.signal)
      .then(() => {
        again = false;
        return !ended.signal.aborted && look();
      })
      .catch(failed)
      .finally(() => {
        looking = null;
        if ((again || isBusy()) && !ended.signal.aborted) lookSoon();
      });
  }
  function failed(error) {
    if (error.name === "AbortError" || ended.signal.aborted) return;
    if (error.status === 404) {
      ended.abort();
      tell.gone(error);
    } else tell.silent(error);
  }
  async function watch() {
    let tries = 0;
    while (!ended.signal.aborted) {
      const began = performance.now();
      try {
        const answer = await routes.rows(version, ended.signal);
        tell.silent(null);
        tries = 0;
        if (take(answer)) {
          tell.changed("rows");
          lookSoon();
        } else if (performance.now() - began < QUICK) await pause(QUICK, ended.signal);
      } catch (error) {
        failed(error);
        await pause(AGAIN[Math.min(tries, AGAIN.length - 1)], ended.signal);
        tries += 1;
      }
    }
  }
  return {
    rows,
    arrival: () => arrival,
    state: () => state,
    isKnown: () => known,
    /** The first answer, before anything is drawn; then what changes. */
    async start() {
      await look();
      watch();
    },
    look: lookSoon,
    /** A row the server does not know: a file that never reached it. */
    addLocal(row) {
      rows.set(row.id, { ...row, local: true });
      arrival = [...arrival, row.id];
      tell.changed("rows");
    },
    /**
     * Ask the server to choose something of the reading session; what it knows then is the state at once.
     * @param {object} asked
     * @param {object} meanwhile what holds until it has answered
     */
    async choose(asked, meanwhile = {}) {
      choosing.push(meanwhile);
      state = { ...state, reading: { ...state.reading, ...meanwhile } };
      const sent = last.then(() => routes.setReading(asked));
      last = sent.catch(() => {});
      try {
        const reading = await sent;
        state = { ...state, reading: Object.assign({}, reading, ...choosing.slice(1)) }; // what was chosen since holds
        return reading;
      } finally {
        choosing.shift(); // they are answered in order
        chosen += 1;
      }
    },
    drop(id) {
      rows.delete(id);
      arrival = arrival.filter((other) => other !== id);
      tell.changed("rows");
    },
    clear() {
      rows.clear();
      arrival = [];
      tell.changed("rows");
    },
    end: () => ended.abort(),
  };
}
