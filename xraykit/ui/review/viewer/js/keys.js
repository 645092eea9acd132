/**
 * The reader's keys: one listener on the window, in the capture phase, so that no key is dead because something else has the
 * focus, inside a shadow root or out; not while words are typed. Keys can be changed, kept, and taken along as a file.
 * Runs commands; draws nothing.
 */

import { isInModal, isInSight, isKept, isTextField } from "./tools/focus.js";
import { isReserved, keycapOf, latinNameOf, nameOf, spelled } from "./tools/keynames.js";

/**
 * @typedef {{name: string, label: string, group?: string, key?: string|string[], run: (pressed: boolean) => void,
 *   hold?: boolean, repeat?: boolean, fixed?: boolean, focuses?: boolean, enabled?: () => boolean}} Command
 *   hold: run(true) at the press, run(false) at the release. repeat: the keyboard's own repeating counts as presses.
 *   fixed: its key cannot be changed. focuses: it moves the focus, and Space presses what has it then.
 * @typedef {{code: "unknown command"|"fixed"|"no key"|"reserved"|"taken"|"no file"|"too many", words: string}} Refusal
 */

const FILE = { kind: "xraykit keys", version: 1 };
const MODIFIERS = ["Shift", "Control", "Alt", "AltGraph", "Meta", "CapsLock", "Dead"];
const MOST = 4; // keys of one command
const refuse = (code, words) => ({ code, words });
const quoted = (text) => `“${text}”`;

/** The keys of each command: its own, or the reader's. */
export class Bindings {
  /** @param {() => Command[]} commands */
  constructor(commands) {
    this.commands = commands;
    /** @type {Map<string, string[]>} */
    this.changed = new Map();
  }

  /** @param {string} name @returns {Command|undefined} */
  command(name) {
    return this.commands().find((command) => command.name === name);
  }

  /** Which command each key runs: the reader's own choice comes before a default. @returns {Map<string, Command>} */
  owners() {
    const owners = new Map();
    const give = (command, keys) => keys.forEach((key) => owners.has(key) || owners.set(key, command));
    const commands = this.commands();
    for (const command of commands) if (command.fixed) give(command, defaultsOf(command));
    for (const command of commands) give(command, this.changed.get(command.name) ?? []);
    for (const command of commands) if (!this.changed.has(command.name)) give(command, defaultsOf(command));
    return owners;
  }

  /** @param {string} name @returns {string[]} */
  keysOf(name) {
    return [...this.owners()].filter(([, command]) => command.name === name).map(([key]) => key);
  }

  /** Why this key cannot be given to this command. @param {Command} command @param {string} key @returns {Refusal|null} */
  refusal(command, key) {
    if (command.fixed) return refuse("fixed", `The key of ${quoted(command.label)} cannot be changed.`);
    if (isReserved(key)) {
      return refuse("reserved", `The browser needs ${quoted(keycapOf(key))} for itself. Choose another key.`);
    }
    const owner = this.owners().get(key);
    if (!owner || owner.name === command.name) return null;
    const words = `${quoted(keycapOf(key))} already belongs to ${quoted(owner.label)}.`;
    return refuse("taken", `${words} ${owner.fixed ? "Choose another key." : "Give that another key first."}`);
  }

  /**
   * Give a command a key in place of its index-th one (beyond the last: one more); null as key takes it away.
   * @param {string} name @param {string|null} key @param {number} index @returns {Refusal|null}
   */
  rebind(name, key, index) {
    const command = this.command(name);
    if (!command) return refuse("unknown command", `There is no command ${quoted(name)}.`);
    const written = key === null ? null : spelled(key);
    if (key !== null && !written) return refuse("no key", `${quoted(String(key))} is no key that can be used alone.`);
    const refused = written ? this.refusal(command, written) : command.fixed ? this.refusal(command, "") : null;
    if (refused) return refused;
    const keys = this.keysOf(name);
    keys.splice(index, 1, ...(written ? [written] : []));
    if (new Set(keys).size > MOST) return refuse("too many", `${quoted(command.label)} has ${MOST} keys already.`);
    this.changed.set(name, [...new Set(keys)]);
    return null;
  }

  /**
   * Take over what a file says, all of it or nothing: every value is checked. Commands it does not name keep their keys.
   * @param {unknown} keys {command: [keys]} @returns {Refusal|null}
   */
  replace(keys) {
    if (!keys || typeof keys !== "object" || Array.isArray(keys)) return refuse("no file", "The file holds no list of keys.");
    const next = new Bindings(this.commands);
    next.changed = new Map(this.changed);
    for (const name of Object.keys(keys)) {
      const command = this.command(name);
      if (!command) return refuse("unknown command", `The file names the command ${quoted(name)}, which does not exist here.`);
      if (command.fixed) return refuse("fixed", `The key of ${quoted(command.label)} cannot be changed.`);
      next.changed.set(name, []);
    }
    for (const [name, written] of Object.entries(keys)) {
      const refused = next.take(this.command(name), written);
      if (refused) return refused;
    }
    this.changed = next.changed;
    return null;
  }

  /** @param {Command} command @param {unknown} written @returns {Refusal|null} */
  take(command, written) {
    if (!Array.isArray(written)) {
      return refuse("no file", `The keys of ${quoted(command.label)} must be a list, such as ["N"].`);
    }
    if (written.length > MOST) return refuse("too many", `${quoted(command.label)} has more than ${MOST} keys in the file.`);
    for (const value of written) {
      const key = spelled(value);
      if (!key) return refuse("no key", `${quoted(String(value))}, given to ${quoted(command.label)}, is no key.`);
      const refused = this.refusal(command, key);
      if (refused) return refused;
      this.changed.set(command.name, [...new Set([...this.changed.get(command.name), key])]);
    }
    return null;
  }
}

/** @param {Command} command @returns {string[]} */
function defaultsOf(command) {
  return [command.key ?? []].flat().map(spelled).filter(Boolean);
}

/** The page's own store, or none where the browser keeps nothing. */
function localStore() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** Reads and writes bindings; a store that is full, closed or spoilt never stops the reader. */
class Kept {
  constructor(storage, place) {
    this.storage = storage;
    this.place = place;
  }

  /** What was kept by an older version counts as far as it is understood: the reader's choice goes before new defaults. */
  read(bindings) {
    try {
      const kept = JSON.parse(this.storage?.getItem(this.place) ?? "null");
      for (const [name, keys] of Object.entries(kept?.keys ?? {})) {
        const sound = [keys].flat().map(spelled).filter((key) => key && !isReserved(key));
        if (kept.version === FILE.version && Array.isArray(keys)) bindings.changed.set(name, sound.slice(0, MOST));
      }
    } catch {
      // nothing kept that can be read: the keys are those that ship
    }
  }

  write(bindings) {
    try {
      if (bindings.changed.size) this.storage?.setItem(this.place, text(Object.fromEntries(bindings.changed)));
      else this.storage?.removeItem(this.place);
    } catch {
      // the keys last as long as the page
    }
  }
}

const text = (keys) => JSON.stringify({ ...FILE, keys }, null, 2);

/** Finds what a press runs, and lets go what is held. */
class Listener {
  constructor(bindings) {
    this.bindings = bindings;
    this.held = new Map(); // event.code -> command
    this.clicked = false;
    this.paused = false;
    this.taking = null;
    this.ending = null;
  }

  /** @param {EventTarget} target window, or an element whose keys alone count */
  bind(target) {
    this.unbind();
    this.ending = new AbortController();
    const options = { capture: true, signal: this.ending.signal };
    target.addEventListener("keydown", (event) => this.down(event), options);
    target.addEventListener("pointerdown", () => { this.clicked = true; }, options);
    window.addEventListener("keyup", (event) => this.up(event), options);
    window.addEventListener("blur", (event) => event.target === window && this.letGo(), options);
  }

  unbind() {
    this.letGo();
    this.ending?.abort();
  }

  down(event) {
    if (event.key === "Tab") this.clicked = false;
    if (this.taking) return;
    const pressed = event.composedPath();
    const path = isInSight(pressed[0]) ? pressed : [];
    if (this.paused || isTextField(path[0]) || isInModal(path)) return;
    const owners = this.bindings.owners();
    const name = [nameOf(event), latinNameOf(event)].find((spelling) => spelling && owners.has(spelling));
    const command = name && owners.get(name);
    if (!command || isKept(name, path, this.clicked) || command.enabled?.() === false) return;
    event.preventDefault();
    event.stopPropagation(); // neither Streamlit's own keys (R, C) nor a list hears it as well
    if (event.repeat && (command.hold || !command.repeat)) return;
    if (command.hold) this.held.set(event.code, command);
    if (command.focuses) this.clicked = false;
    command.run(true);
  }

  up(event) {
    const command = this.held.get(event.code);
    if (!command) return;
    this.held.delete(event.code);
    command.run(false);
  }

  letGo() {
    const held = [...this.held.values()];
    this.held.clear();
    for (const command of held) command.run(false);
  }

  /** The next key, wherever the focus is, goes to a taker and to nothing else; Escape and Tab give it none. */
  take(taker) {
    this.taking?.abort();
    this.taking = taker ? new AbortController() : null;
    if (!taker) return;
    const options = { capture: true, signal: this.taking.signal };
    window.addEventListener("keydown", (event) => this.give(event, taker), options);
  }

  give(event, taker) {
    const name = nameOf(event);
    if (!name && MODIFIERS.includes(event.key)) return;
    if (event.key !== "Tab") event.preventDefault();
    event.stopImmediatePropagation();
    this.take(null);
    taker(["Escape", "Tab", "Shift+Tab"].includes(name) ? null : name ?? event.key, !name);
  }
}

/**
 * @param {Command[]|(() => Command[])} commands
 * @param {{storage?: Storage|null, place?: string}} options storage: where changed keys last; null: nowhere
 */
export function createKeys(commands, { storage = localStore(), place = "xk-keys" } = {}) {
  const list = typeof commands === "function" ? commands : () => commands;
  const bindings = new Bindings(list);
  const kept = new Kept(storage, place);
  const listener = new Listener(bindings);
  const watchers = new Set();
  const settle = (refused) => {
    if (refused) return refused;
    kept.write(bindings);
    for (const watcher of watchers) watcher();
    return null;
  };
  kept.read(bindings);
  return {
    get commands() { return list(); },
    get paused() { return listener.paused; },
    set paused(value) { listener.paused = value; if (value) listener.letGo(); },
    bind: (target = window) => listener.bind(target),
    unbind: () => listener.unbind(),
    keysOf: (name) => bindings.keysOf(name),
    labelsOf: (name) => bindings.keysOf(name).map(keycapOf),
    rebind: (name, key, index = 0) => settle(bindings.rebind(name, key, index)),
    export: () => text(allKeys(bindings)),
    import: (written) => settle(fromFile(bindings, written)),
    reset: () => { bindings.changed.clear(); settle(null); },
    onChange: (watcher) => { watchers.add(watcher); return () => watchers.delete(watcher); },
    /** The next key pressed goes to taker(name | null, unusable) and to nothing else. */
    capture: (taker) => listener.take(taker),
    /** Keys that two commands claim by default. */
    clashes: () => clashesOf(list()),
  };
}

/** @returns {Refusal|null} */
function fromFile(bindings, written) {
  let file;
  try {
    file = JSON.parse(written);
  } catch {
    return refuse("no file", "This is no file of keys: it is not JSON. Choose one that was exported here.");
  }
  if (file?.kind !== FILE.kind) return refuse("no file", "This is no file of keys. Choose one that was exported here.");
  if (file.version !== FILE.version) {
    return refuse("no file", `This file of keys has version ${file.version}; version ${FILE.version} was expected.`);
  }
  return bindings.replace(file.keys);
}

/** The keys of all commands that can be changed, so that a file says the same whatever ships later. */
function allKeys(bindings) {
  const free = bindings.commands().filter((command) => !command.fixed);
  return Object.fromEntries(free.map((command) => [command.name, bindings.keysOf(command.name)]));
}

function clashesOf(commands) {
  const names = new Map();
  for (const command of commands) {
    for (const key of defaultsOf(command)) names.set(key, [...(names.get(key) ?? []), command.name]);
  }
  return [...names].filter(([, owners]) => owners.length > 1).map(([key, owners]) => ({ key, names: owners }));
}
