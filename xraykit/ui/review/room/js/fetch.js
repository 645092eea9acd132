/** The room's routes, and what is fetched ahead: pixels and heatmaps of the next films, bounded by bytes. */

const GONE = "The films of this tab are gone: the server was started again, or the tab was closed for too long. Open them again.";
const SILENT = "The server does not answer. Is xraykit still running?";
const CANCELLED = "Cancelled: no heatmap was computed.";
const MOST_BYTES = 384 * 2 ** 20; // of decoded pixels in the browser
const MOST_HEATS = 600;
const MOST_THUMBS = 4000;
const MOST_WAITING = 128; // the rows in sight, and the films of a report
const AT_ONCE = 2; // films on their way
const RETRY = 3000; // ms before a film is asked for again where the server failed, not the film
const PAUSE = 400; // ms between two looks at what is still being computed

/** A request that was refused: `code` for programs, `words` for people. */
export class Refused extends Error {
  constructor(code, words, status = 0) {
    super(words);
    Object.assign(this, { code, words, status });
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function ask(address, options) {
  let answer;
  try {
    answer = await fetch(address, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("no-server", SILENT);
  }
  if (answer.ok) return answer;
  throw await refusal(answer);
}

async function refusal(answer) {
  let said = {};
  try {
    said = await answer.json();
  } catch {
    // not ours: a proxy, or the door in plain text
  }
  const words = said.words ?? (answer.status === 404 ? GONE : `The server answered ${answer.status}.`);
  return new Refused(said.code ?? (answer.status === 404 ? "gone" : "server"), words, answer.status);
}

/** The routes below /reading-room/{key}/. @param {string} base the address up to the key */
export function createRoutes(base) {
  const json = async (path, options) => {
    const answer = await ask(`${base}/${path}`, options);
    return answer.status === 204 ? null : answer.json();
  };
  const send = (method, path, body, options) =>
    json(path, { ...options, method, body: JSON.stringify(body ?? {}), headers: { "content-type": "application/json" } });
  return {
    base,
    adopt: (from, unsaved) => send("POST", "adopt", { from, unsaved }),
    state: (signal) => json("state", { signal }),
    rows: (since, signal) => json(`rows?since=${since}&wait=1`, { signal }),
    bytes: async (path, signal) => (await ask(`${base}/${path}`, { signal })).arrayBuffer(),
    heat: (id, query, signal) => ask(`${base}/heat/${id}?${new URLSearchParams(query)}`, { signal }),
    cancelHeat: (id, query) => json(`heat/${id}?${new URLSearchParams(query)}`, { method: "DELETE" }),
    seen: (id, model) => json(`seen/${id}?${new URLSearchParams({ model })}`),
    input: async (id, model) => addressOf(await (await ask(`${base}/input/${id}?${new URLSearchParams({ model })}`)).blob()),
    open: (path) => send("POST", "open", { path }),
    sample: (name) => send("POST", "samples", { name }),
    stop: () => send("POST", "stop"),
    look: (id, ahead) => send("POST", "look", { id, ahead }),
    remove: (id) => json(`film/${id}`, { method: "DELETE" }),
    closeAll: () => json("films", { method: "DELETE" }),
    takeAs: (id, way) => send("POST", `gate/${id}`, { take: way }),
    models: (names) => send("POST", "models", { names }),
    impression: (id, body, said, options) => send("PUT", `impression/${id}?said=${said}`, body, options),
    reading: () => json("reading"),
    setReading: (body) => send("POST", "reading", body),
    report: (body, signal) => send("POST", "report", body, { signal }),
    reportFile: async (body) => save(await ask(`${base}/report/file`, { method: "POST", body: JSON.stringify(body) })),
    work: () => json("report/work"),
    beginWork: (body) => send("POST", "report/work", body),
    stopWork: () => json("report/work", { method: "DELETE" }),
    upload: (file, name, progress) => upload(`${base}/films?${new URLSearchParams({ name })}`, file, progress),
  };
}

/** Put an answer into the reader's downloads, under the name that the server gave it; returns that. */
async function save(answer) {
  const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition"))?.[1] ?? "report";
  const href = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  Object.assign(link, { href, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(href), 60_000); // the browser may still be writing it
  return name;
}

/** One file's bytes on their way, with progress 0..1, which fetch does not tell. */
function upload(address, file, progress) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "json";
    request.upload.onprogress = (event) => event.lengthComputable && progress(event.loaded / event.total);
    request.onerror = () => fail(new Refused("no-server", SILENT));
    request.onload = () => {
      const said = request.response ?? {};
      if (request.status < 300) done(said);
      else fail(new Refused(said.code ?? "server", said.words ?? `The server answered ${request.status}.`, request.status));
    };
    request.setRequestHeader("content-type", "application/octet-stream");
    request.send(file);
  });
}

/**
 * Films, heatmaps and thumbnails at hand. What is no longer wanted is not fetched on.
 * @param {ReturnType<typeof createRoutes>} routes
 * @param {{parseFilm: (data: ArrayBuffer) => any, parseHeat: (data: ArrayBuffer) => any}} parse
 * @param {() => void} tell called when something has arrived, failed or gone on
 */
export function createShelf(routes, parse, tell) {
  const films = new Map(); // id -> {film} | {error}; the least recently used first
  const heats = new Map(); // key -> {heat} | {error} | {done, remaining}
  const going = new Map(); // key -> AbortController
  const thumb = createThumbs(routes);
  let held = 0;
  let wanted = [];

  const key = (id, query) => `${id}?${new URLSearchParams(query)}`;
  const isKey = (name, id) => name.startsWith(`${id}?`);
  const touch = (map, name) => {
    const entry = map.get(name);
    if (entry) map.delete(name), map.set(name, entry);
    return entry;
  };
  function hold(id, film) {
    drop(id);
    films.set(id, { film });
    held += film.values.byteLength;
    const keep = new Set(wanted.filter((want) => !want.query).map((want) => want.id));
    for (const [old, entry] of films) {
      if (held <= MOST_BYTES) break;
      if (!keep.has(old) && entry.film) drop(old);
    }
  }
  function drop(id) {
    held -= films.get(id)?.film?.values.byteLength ?? 0;
    films.delete(id);
  }
  function holdHeat(name, entry) {
    heats.delete(name);
    heats.set(name, entry);
    for (const old of heats.keys()) {
      if (heats.size <= MOST_HEATS) break;
      heats.delete(old);
    }
  }

  async function fetchFilm(id, signal) {
    const data = await routes.bytes(`film/${id}`, signal);
    signal.throwIfAborted(); // given up as its last bytes came: it may be another picture by now
    hold(id, parse.parseFilm(data));
  }
  async function fetchHeat(id, query, signal) {
    const name = key(id, query);
    for (;;) {
      const answer = await routes.heat(id, query, signal);
      if (answer.status !== 202) {
        const data = await answer.arrayBuffer();
        signal.throwIfAborted();
        holdHeat(name, { heat: parse.parseHeat(data) });
        return;
      }
      const far = await answer.json();
      signal.throwIfAborted();
      holdHeat(name, far);
      tell();
      await pause(PAUSE);
      signal.throwIfAborted();
    }
  }
  const nameOf = (want) => (want.query ? key(want.id, want.query) : want.id);
  const here = (want) => {
    const entry = want.query ? heats.get(nameOf(want)) : films.get(want.id);
    return Boolean(entry && !("done" in entry) && !(entry.at && performance.now() - entry.at > RETRY));
  };
  const failed = (error) => ({ error, at: error.status >= 500 || !error.status ? performance.now() : 0 });
  const computed = (name) => "done" in (heats.get(name) ?? {}); // the server works on it: nothing is on its way
  const busy = () => [...going.keys()].filter((name) => !computed(name)).length;
  /** Start what is wanted first, as many as may be on their way; each that ends starts the next. */
  function go() {
    for (const want of wanted) {
      if (busy() >= AT_ONCE) return;
      const name = nameOf(want);
      if (here(want) || going.has(name)) continue;
      const way = new AbortController();
      going.set(name, way);
      const fetching = want.query ? fetchHeat(want.id, want.query, way.signal) : fetchFilm(want.id, way.signal);
      fetching.catch((error) => {
        if (error.name === "AbortError") return;
        if (want.query) holdHeat(name, failed(error));
        else drop(want.id), films.set(want.id, failed(error));
      }).finally(() => {
        if (going.get(name) === way) going.delete(name);
        if (!way.signal.aborted) tell();
        go();
      });
    }
  }
  function giveUp(name, way) {
    way.abort();
    going.delete(name);
    if (!computed(name)) return;
    heats.delete(name);
    const at = name.indexOf("?"); // an id holds none
    routes.cancelHeat(name.slice(0, at), name.slice(at + 1)).catch(() => {}); // it had ended by itself
  }
  return {
    film: (id) => touch(films, id),
    heat: (id, query) => touch(heats, key(id, query)),
    /** The wanted films and heatmaps, first first; everything else on its way is given up. */
    want(list) {
      wanted = list;
      const names = new Set(list.map(nameOf));
      for (const [name, way] of going) {
        if (names.has(name)) continue;
        giveUp(name, way);
      }
      go();
    },
    /** What is kept of a film, and what is still on its way, is of another picture than the film is from now on. */
    forget(id) {
      for (const [name, way] of [...going]) if (name === id || isKey(name, id)) way.abort(), going.delete(name);
      drop(id);
      for (const name of [...heats.keys()]) if (isKey(name, id)) heats.delete(name);
    },
    /** A heatmap's or film's failure is forgotten, so that it is asked for again. */
    again(id) {
      if (films.get(id)?.error) films.delete(id);
      for (const [name, entry] of heats) if (isKey(name, id) && !entry.heat) heats.delete(name);
      tell();
    },
    thumb,
    /** End what the server computes for a film; said where its heatmap would be. */
    cancel(id) {
      for (const [name, way] of [...going]) {
        if (!isKey(name, id) || !computed(name)) continue;
        giveUp(name, way);
        holdHeat(name, { error: new Refused("cancelled", CANCELLED) });
      }
      tell();
    },
    destroy: () => going.forEach((way) => way.abort()),
  };
}

/** Small pictures as data addresses: two at a time, so that films are never held up. */
function createThumbs(routes) {
  const known = new Map(); // key -> address
  const waiting = new Map(); // key -> {id, asking}; the last asked for first
  let going = 0;
  async function next() {
    const [key, { id, asking }] = [...waiting].at(-1) ?? ["", {}];
    if (!id || going >= AT_ONCE) return;
    waiting.delete(key);
    going += 1;
    try {
      const answer = await ask(`${routes.base}/thumb/${id}`);
      known.set(key, await addressOf(await answer.blob()));
      if (known.size > MOST_THUMBS) known.delete(known.keys().next().value);
      asking.forEach((done) => done(known.get(key)));
    } catch {
      // a picture is missing: the row says the rest
    } finally {
      going -= 1;
      next();
    }
  }
  return (row, done) => {
    const key = JSON.stringify([row.id, row.gate?.laid]); // turned or inverted it is another picture
    if (known.has(key)) return done(known.get(key));
    const asking = waiting.get(key)?.asking ?? [];
    waiting.delete(key);
    if (waiting.size > MOST_WAITING) waiting.delete(waiting.keys().next().value);
    waiting.set(key, { id: row.id, asking: [...asking, done] });
    next();
  };
}

/** A picture as a data address: the policy of the page allows no other. */
const addressOf = (blob) => new Promise((done) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.readAsDataURL(blob);
});
