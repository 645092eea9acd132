/** Of which films the reader has seen what the models say: kept by the tab, so that a reload makes nobody blind again. */

const PLACE = "xk-reading-shown";
const MOST = 20_000;

export function createSeen() {
  const seen = new Set(read());
  const write = () => sessionStorage.setItem(PLACE, JSON.stringify([...seen].slice(-MOST)));
  return {
    /** @param {any} row a film is the same wherever it lies: known by its hash */
    has: (row) => seen.has(row.sha),
    add(row) {
      if (!row.sha || seen.has(row.sha)) return;
      seen.add(row.sha);
      write();
    },
    clear() {
      seen.clear();
      write();
    },
  };
}

function read() {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
  } catch {
    return []; // not ours
  }
}
