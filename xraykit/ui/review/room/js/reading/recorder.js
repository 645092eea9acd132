/** What the reader said of each film and the seconds it was shown, handed to the queue that saves it. Draws nothing. */

import { createQueue } from "./queue.js";

/**
 * @typedef {{finding: string|null, agrees: Object<string, "agree"|"disagree"|"unsure">, text: string, marks: any[], measurements: any[],
 *   seconds: number, flagged: boolean, before: string|null}} Draft
 */

/** What nobody has read yet. @returns {Draft} */
const empty = () => ({ finding: null, agrees: {}, text: "", marks: [], measurements: [], seconds: 0, flagged: false, before: null });

/** Has anything been said or measured but that the film was looked at? @param {Draft} draft */
const isEmpty = (draft) =>
  !(draft.finding || draft.text || draft.flagged || draft.marks.length || draft.measurements.length || Object.keys(draft.agrees).length);

/**
 * @param {(id: string, body: object, said: number, keepalive: boolean) => Promise<void>} send rejects with {status, words};
 *   said: when, in milliseconds, so that what comes late takes the place of nothing that was said after it
 * @param {() => void} tell called when something was saved or refused
 */
export function createRecorder(send, tell) {
  const drafts = new Map(); // id -> Draft
  const queue = createQueue(send, tell);
  let shown = null; // {id, since, blind}: since is null while nobody can see it
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
  /** What was said of the film that is left is sent with its last seconds. */
  function leave() {
    count();
    if (shown && !isEmpty(drafts.get(shown.id)) && shown.last !== drafts.get(shown.id).seconds) queue.add(shown.id, bodyOf(shown.id, shown.blind()));
    queue.flush();
  }
  function part() {
    leave();
    queue.part();
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
      queue.add(row.id, bodyOf(row.id, blind));
      if (atOnce) queue.flush();
      else queue.soon();
    },
    /** Something lies over the film, or no longer. */
    cover(over) {
      covered = over;
      onSight();
    },
    /** Everything that waits is sent now; resolves when it is saved. */
    async settle() {
      leave();
      await queue.settled();
    },
    /** Forget what was said: another session has begun. */
    forget(begun) {
      session = begun ?? null;
      drafts.clear();
      queue.clear();
      shown = null;
    },
    get saved() {
      return queue.saved;
    },
    /** Why something could not be saved; "" where it could. */
    get words() {
      return queue.words;
    },
    destroy() {
      leave();
      document.removeEventListener("visibilitychange", onSight);
      removeEventListener("pagehide", part);
    },
  };
}
