/**
 * Impressions on their way to the server: what the reader said of each film, the seconds it was shown, and what is not
 * yet saved. Nothing is lost at a fast next film or a closed tab. Draws nothing.
 */

const DEBOUNCE = 400; // ms after the last change
const AGAIN = 2000; // ms until a server that did not answer is asked again
const UNSAVED = "xk-reading-unsaved"; // of sessionStorage: what was on its way as the page went, without a word of it
const MOST_KEEPALIVE = 60_000; // bytes that a browser still sends for a page that is gone

/**
 * @typedef {{finding: string|null, agrees: Object<string, "agree"|"disagree"|"unsure">, text: string, marks: any[], measurements: any[],
 *   seconds: number, flagged: boolean, before: string|null}} Draft
 */

/** What nobody has read yet. @returns {Draft} */
const empty = () => ({ finding: null, agrees: {}, text: "", marks: [], measurements: [], seconds: 0, flagged: false, before: null });

/** Has anything been said or measured but that the film was looked at? @param {Draft} draft */
const isEmpty = (draft) =>
  !(draft.finding || draft.text || draft.flagged || draft.marks.length || draft.measurements.length || Object.keys(draft.agrees).length);

/** What the page before a reload was still sending: {film id: the moment it was said}; asked once. */
export function takeUnsaved() {
  const kept = sessionStorage.getItem(UNSAVED);
  sessionStorage.removeItem(UNSAVED);
  return JSON.parse(kept ?? "{}");
}

/**
 * @param {(id: string, body: object, said: number, keepalive: boolean) => Promise<void>} send rejects with {status, words};
 *   said: when, in milliseconds, so that what comes late takes the place of nothing that was said after it
 * @param {() => void} tell called when something was saved or refused
 */
export function createRecorder(send, tell) {
  const drafts = new Map(); // id -> Draft
  const waiting = new Map(); // id -> [{body, said}] in order; the first may be on its way
  const going = new Set(); // ids whose first body is on its way
  let timer = 0;
  let moment = 0; // of what was said last
  let shown = null; // {id, since, blind}: since is null while nobody can see it
  let words = "";
  let covered = false; // by the summary: nobody reads the film behind it
  let session = null; // what the server calls the session that was begun here; null before the first

  const now = () => performance.now();
  /** Add the time that the film has been in sight since the last look at the clock. */
  function count() {
    if (!shown || shown.since === null) return;
    const moment = now();
    drafts.get(shown.id).seconds += (moment - shown.since) / 1000;
    shown.since = inSight() ? moment : null;
  }
  const inSight = () => !document.hidden && !covered;
  function onSight() {
    if (!shown) return;
    if (inSight()) shown.since ??= now();
    else {
      count();
      shown.since = null;
      leave();
    }
  }

  function bodyOf(id, blind) {
    const { before, ...said } = drafts.get(id);
    return { ...said, seconds: Math.round(said.seconds * 1000) / 1000, blind };
  }
  /** A later body takes the place of one that waits, but never of what was said before the models were shown. */
  function enqueue(id, blind) {
    const bodies = waiting.get(id) ?? [];
    const place = bodies.length - 1;
    const replaces = place >= (going.has(id) ? 1 : 0) && bodies[place].body.blind === blind;
    moment = Math.max(Date.now(), moment + 1);
    bodies.splice(replaces ? place : bodies.length, replaces ? 1 : 0, { body: bodyOf(id, blind), said: moment });
    waiting.set(id, bodies);
  }
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(flush, DEBOUNCE);
  }
  function flush() {
    clearTimeout(timer);
    for (const id of waiting.keys()) drain(id);
  }
  async function drain(id) {
    if (going.has(id)) return;
    going.add(id);
    const bodies = waiting.get(id);
    const done = () => waiting.get(id) === bodies && waiting.delete(id);
    try {
      while (bodies.length && waiting.get(id) === bodies) { // what waited in a session that has ended is not of the next
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
    if (!bodies.length && waiting.has(id)) drain(id); // said in the session that has begun meanwhile
  }
  const size = (body) => JSON.stringify(body).length * 3; // at most so many bytes as UTF-8
  /** What was said of the film that is left is sent with its last seconds. */
  function leave() {
    count();
    if (shown && !isEmpty(drafts.get(shown.id)) && shown.last !== drafts.get(shown.id).seconds) enqueue(shown.id, shown.blind());
    flush();
  }
  /**
   * The page goes: what waits behind a body on its way is sent beside it, for nobody will be there to send it after. The
   * page that comes waits for it, else what is said there would be said without it.
   */
  function part() {
    leave();
    const unsaved = {};
    for (const [id, bodies] of waiting) {
      for (const { body, said } of bodies.slice(1)) send(id, body, said, true).catch(() => {});
      unsaved[id] = bodies.at(-1).said;
    }
    sessionStorage.setItem(UNSAVED, JSON.stringify(unsaved));
  }
  document.addEventListener("visibilitychange", onSight);
  addEventListener("pagehide", part);

  return {
    /** What the server knows of a film, unless that is of the session before: rows come a moment later. */
    impression: (row) => (session === null || row.impression?.session === session ? row.impression : null),
    /** What was said of a film: here, else by the server, whose rows come a moment later. @returns {Draft} */
    draft(row) {
      const known = drafts.get(row.id);
      const impression = this.impression(row);
      if (!known || (impression && isEmpty(known))) {
        const { at, blind, session: _, ...said } = impression ?? {};
        drafts.set(row.id, { ...empty(), ...structuredClone(said), seconds: Math.max(said.seconds ?? 0, known?.seconds ?? 0) });
      }
      return drafts.get(row.id);
    },
    /**
     * The film that is in sight from now on; null for none. Gives whether it is another one than before.
     * @param {any} row
     * @param {() => boolean} blind are its models hidden at the time of asking?
     */
    show(row, blind) {
      if (shown?.id === row?.id) return false;
      leave();
      shown = null;
      if (!row) return false;
      const seconds = this.draft(row).seconds;
      shown = { id: row.id, since: inSight() ? now() : null, blind, last: seconds };
      return true;
    },
    /**
     * Record a change of a film.
     * @param {any} row @param {Partial<Draft>} partial @param {boolean} blind were the models hidden?
     * @param {boolean} atOnce without waiting for another change
     */
    change(row, partial, blind, atOnce = false) {
      const draft = this.draft(row);
      if (shown?.id === row.id) count();
      Object.assign(draft, partial);
      if (blind && partial.finding !== undefined) draft.before = partial.finding;
      if (shown?.id === row.id) shown.last = draft.seconds;
      enqueue(row.id, blind);
      if (atOnce) flush();
      else soon();
    },
    /** Something lies over the film, or no longer. */
    cover(over) {
      covered = over;
      onSight();
    },
    /** Everything that waits is sent now; resolves when it is saved. */
    async settle() {
      leave();
      while (going.size && !words) await new Promise((done) => setTimeout(done, 20));
    },
    /** Forget what was said: another session has begun. */
    forget(begun) {
      session = begun ?? null;
      drafts.clear();
      waiting.clear();
      shown = null;
    },
    get saved() {
      return waiting.size === 0;
    },
    /** Why something could not be saved; "" where it could. */
    get words() {
      return words;
    },
    destroy() {
      leave();
      document.removeEventListener("visibilitychange", onSight);
      removeEventListener("pagehide", part);
    },
  };
}
