// Sharpened and CLAHE copies of films: computed once for each in a worker, kept within a limit of bytes.

import { equalised } from "./clahe.js";
import { keyOf } from "./film.js";
import { sharpened } from "./sharpen.js";
import { level, preset, transferOf } from "./window.js";

export const MARKS = { sharp: "SHARPENED", clahe: "CLAHE" };

/** The values of an enhanced copy. */
export function enhance({ kind, picture, levels }) {
  return kind === "clahe" ? equalised(picture, levels) : sharpened(picture);
}

export class Enhanced {
  /** @param {number} bytes kept at most @param {() => void} onDone after each copy that was computed */
  constructor(bytes, onDone) {
    this.limit = bytes;
    this.onDone = onDone;
    this.copies = new Map();
    this.pending = new Set();
  }

  /** Whether there is such a view of a film. */
  static possible(film, kind) {
    return kind !== "clahe" || film.channels === 1;
  }

  /** The copy, or null while it is being computed. CLAHE is of what the chosen preset shows. */
  of(film, kind, name) {
    const key = kind === "clahe" ? `${keyOf(film)}:clahe:${preset(film, name).name}` : `${keyOf(film)}:sharp`;
    const copy = this.copies.get(key);
    if (copy) {
      this.copies.delete(key);
      this.copies.set(key, copy);
      return copy;
    }
    if (!this.pending.has(key)) this.start(key, film, kind, name);
    return null;
  }

  start(key, film, kind, name) {
    const { width, height, channels, values } = film;
    this.pending.add(key);
    const levels = kind === "clahe" ? levelsOf(film, preset(film, name)) : null;
    const task = { key, kind, picture: { width, height, channels, values }, levels };
    const finish = (result) => {
      this.pending.delete(key);
      this.copies.set(key, { key, width, height, channels, values: result });
      this.trim();
      this.onDone();
    };
    this.compute(task, finish);
  }

  compute(task, finish) {
    this.waiting ??= new Map();
    this.waiting.set(task.key, { task, finish });
    if (this.worker === undefined) this.worker = this.hire();
    if (this.worker) this.worker.postMessage(task);
    else setTimeout(() => this.settle(task.key, enhance(task)));
  }

  hire() {
    try {
      const worker = new Worker(new URL("./enhance-worker.js", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }) => this.settle(data.key, data.values);
      worker.onerror = () => { // a browser without module workers: the page computes it itself
        this.worker = null;
        for (const { task } of [...this.waiting.values()]) this.settle(task.key, enhance(task));
      };
      return worker;
    } catch {
      return null;
    }
  }

  settle(key, values) {
    const waiting = this.waiting.get(key);
    this.waiting.delete(key);
    waiting?.finish(values);
  }

  trim() {
    let bytes = 0;
    for (const [key, copy] of [...this.copies].reverse()) {
      bytes += copy.values.byteLength;
      if (bytes > this.limit && bytes > copy.values.byteLength) this.copies.delete(key);
    }
  }

  destroy() {
    this.worker?.terminate();
    this.waiting?.clear();
    this.copies.clear();
  }
}

/** Grey 0..65535 of every stored value under a window. */
function levelsOf(film, window) {
  const transfer = transferOf(film, window);
  const count = film.values.BYTES_PER_ELEMENT === 1 ? 256 : 65536;
  return Uint16Array.from({ length: count }, (_, value) => Math.round(level(transfer, value) * 65535));
}
