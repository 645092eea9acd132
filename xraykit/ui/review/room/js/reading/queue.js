/**
 * Impressions on their way to the server, and what is not yet saved, in the order in which it was said. Nothing is lost
 * at a fast next film or a closed tab.
 */

const DEBOUNCE = 400; // ms after the last change
const AGAIN = 2000; // ms until a server that did not answer is asked again
const LOOK = 20; // ms between two looks at what is on its way
const UNSAVED = "xk-reading-unsaved"; // of sessionStorage: what was on its way as the page went, without a word of it
const MOST_KEEPALIVE = 60_000; // bytes that a browser still sends for a page that is gone

/** What the page before a reload was still sending: {film id: the moment it was said}; asked once. */
export function takeUnsaved() {
  const kept = sessionStorage.getItem(UNSAVED);
  sessionStorage.removeItem(UNSAVED);
  return JSON.parse(kept ?? "{}");
}

/** @param {object} body @returns {number} at most so many bytes as UTF-8 */
const size = (body) => JSON.stringify(body).length * 3;

/**
 * @param {(id: string, body: object, said: number, keepalive: boolean) => Promise<void>} send rejects with {status, words};
 *   said: when, in milliseconds, so that what comes late takes the place of nothing that was said after it
 * @param {() => void} tell called when something was saved or refused
 */
export function createQueue(send, tell) {
  const waiting = new Map(); // id -> [{body, said}] in order; the first may be on its way
  const going = new Set(); // ids whose first body is on its way
  let timer = 0;
  let moment = 0; // of what was said last
  let words = "";

  function flush() {
    clearTimeout(timer);
    for (const id of waiting.keys()) drain(id);
  }
  async function drain(id) {
    if (going.has(id)) return;
    going.add(id);
    const bodies = waiting.get(id);
    const isOurs = () => waiting.get(id) === bodies; // what waited in a session that has ended is not of the next
    const done = () => isOurs() && waiting.delete(id);
    try {
      while (bodies.length && isOurs()) {
        const [{ body, said }] = bodies;
        await send(id, body, said, size(body) < MOST_KEEPALIVE);
        bodies.shift();
        words = "";
      }
      done();
    } catch (error) {
      words = error.words ?? String(error);
      const refused = error.status >= 400 && error.status < 500;
      if (refused) done(); // asked again it would be refused again; the words say why
      else setTimeout(() => waiting.has(id) && drain(id), AGAIN);
    } finally {
      going.delete(id);
      tell();
    }
    if (waiting.has(id) && !isOurs()) drain(id); // said in the session that has begun meanwhile
  }
  return {
    /** A later body takes the place of one that waits, but never of what was said before the models were shown. */
    add(id, body) {
      const bodies = waiting.get(id) ?? [];
      const place = bodies.length - 1;
      const replaces = place >= (going.has(id) ? 1 : 0) && bodies[place].body.blind === body.blind;
      moment = Math.max(Date.now(), moment + 1);
      bodies.splice(replaces ? place : bodies.length, replaces ? 1 : 0, { body, said: moment });
      waiting.set(id, bodies);
    },
    /** Send all that waits once nothing more has been said for a moment. */
    soon() {
      clearTimeout(timer);
      timer = setTimeout(flush, DEBOUNCE);
    },
    /** Send all that waits now. */
    flush,
    /** Resolves when nothing is on its way, or something could not be saved. */
    async settled() {
      while (going.size && !words) await new Promise((done) => setTimeout(done, LOOK));
    },
    /**
     * The page goes: what waits behind a body on its way is sent beside it, for nobody will be there to send it after. The
     * page that comes waits for it, else what is said there would be said without it.
     */
    part() {
      const unsaved = {};
      for (const [id, bodies] of waiting) {
        for (const { body, said } of bodies.slice(1)) send(id, body, said, true).catch(() => {});
        unsaved[id] = bodies.at(-1).said;
      }
      sessionStorage.setItem(UNSAVED, JSON.stringify(unsaved));
    },
    clear: () => waiting.clear(),
    get saved() {
      return waiting.size === 0;
    },
    /** Why something could not be saved; "" where it could. */
    get words() {
      return words;
    },
  };
}
