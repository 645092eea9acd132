/** Which films the list shows, and in which order: rows in, ids out. Touches no page. */

import { isRefused } from "./gate.js";

/** The states a film is filtered by; a film is `new` until it was looked at, `read` once an impression is recorded. */
export const STATES = { all: "All", new: "New", unread: "Not read", read: "Read", flagged: "Flagged", refused: "Refused" };
export const ORDERS = {
  arrival: "Order of arrival", name: "Name", probability: "Model probability", disagreement: "Disagreement",
  state: "State", warnings: "Warnings",
};

/** Whether a reader has said anything of a film. */
export function isRead(row) {
  const { finding, agrees, text, marks } = row.impression ?? {};
  return Boolean(finding || text || marks?.length || Object.keys(agrees ?? {}).length);
}

/** What the models that are on predict for a row: `[{name, top, probability}]`, none where it is not read yet. */
export function predicted(row, models) {
  return models.flatMap((name) => {
    const reading = row.models?.[name];
    return reading?.top ? [{ name, top: reading.top, probability: reading.probabilities[reading.top] }] : [];
  });
}

/** The largest model probability of a finding among the models that are on; of what each predicts where none is named. */
export function probability(row, models, finding) {
  const values = finding
    ? models.map((name) => row.models?.[name]?.probabilities?.[finding] ?? -1)
    : predicted(row, models).map((reading) => reading.probability);
  return Math.max(-1, ...values);
}

/** How far the models that are on lie apart: the largest difference of their probabilities of a class, 1 more where their predictions differ. */
export function disagreement(row, models) {
  const read = models.map((name) => row.models?.[name]).filter((reading) => reading?.top);
  if (read.length < 2) return -1;
  const classes = new Set(read.flatMap((reading) => Object.keys(reading.probabilities)));
  let apart = 0;
  for (const label of classes) {
    const values = read.map((reading) => reading.probabilities[label] ?? 0);
    apart = Math.max(apart, Math.max(...values) - Math.min(...values));
  }
  return apart + (new Set(read.map((reading) => reading.top)).size > 1 ? 1 : 0);
}

const RANK = { ready: 0, waiting: 1, refused: 2 };
const KEYS = {
  name: (row) => row.name.toLowerCase(),
  probability: (row, models, finding) => -probability(row, models, finding),
  disagreement: (row, models) => -disagreement(row, models),
  state: (row) => 4 * RANK[row.state] + (isRead(row) ? 2 : 0) + (row.flagged ? 0 : 1),
  warnings: (row) => -(row.warnings?.length ?? 0),
};

/** Whether a row passes a filter. `seen` tells which films were looked at; `hidden` which predictions the reader may not see yet. */
export function passes(row, filter, models, seen, hidden = () => false) {
  if (filter.text && !row.name.toLowerCase().includes(filter.text.toLowerCase())) return false;
  if (filter.state !== "all" && !inState(row, filter.state, seen)) return false;
  if ((filter.finding || filter.least > 0 || filter.models !== "all") && hidden(row)) return false;
  if (filter.finding && !predicted(row, models).some((reading) => reading.top === filter.finding)) return false;
  if (filter.least > 0 && probability(row, models, filter.finding) < filter.least) return false;
  return filter.models === "all" || disagreement(row, models) >= 0 && disagreement(row, models) >= 1 === (filter.models === "disagree");
}

function inState(row, state, seen) {
  if (state === "refused") return isRefused(row);
  if (isRefused(row)) return false;
  if (state === "flagged") return Boolean(row.flagged);
  if (state === "read") return isRead(row);
  return !isRead(row) && (state === "unread" || !seen.has(row.id));
}

/**
 * The ids to show, in order.
 * @param {Map<string, any>} rows by id
 * @param {string[]} arrival ids in order of arrival
 * @param {{order: any, filter: any, models: string[], seen: Set<string>, current: string|null, hidden: (row: any) => boolean}} wish
 */
export function choose(rows, arrival, { order, filter, models, seen, current, hidden }) {
  const passing = arrival.filter((id) => {
    const row = rows.get(id);
    // what is looked at stays in the list, though what was just said of it moved it out of the filter
    return row && (id === current && row.state !== "refused" || passes(row, filter, models, seen, hidden));
  });
  const key = KEYS[order.by];
  if (key) {
    const keys = new Map(passing.map((id) => {
      const row = rows.get(id);
      return [id, key === KEYS.name || key === KEYS.state || !hidden(row) ? key(row, models, filter.finding) : 0];
    }));
    const way = order.down ? -1 : 1;
    const compare = (a, b) => (keys.get(a) < keys.get(b) ? -way : keys.get(a) > keys.get(b) ? way : 0);
    passing.sort(compare); // stable: equal ones keep their order of arrival
  } else if (order.down) passing.reverse();
  return passing;
}

/** The id `by` places further among those that can be read; the ends stay. From a film that is not listed: the first. */
export function step(ids, rows, current, by) {
  let at = ids.indexOf(current);
  const way = Math.sign(by);
  let left = Math.abs(by);
  let last = current;
  while (left > 0) {
    at += way;
    const row = rows.get(ids[at]);
    if (!row) break;
    if (row.state === "refused") continue;
    last = row.id;
    left -= 1;
  }
  return last;
}
