/**
 * The sheet of keys (`?`): every command with its key, searchable; a key is changed by clicking it and pressing the new one;
 * the whole is exported, imported, reset. A modal dialog: the focus stays inside and returns to where it was.
 */

import { keycapOf, spokenOf } from "./tools/keynames.js";
import { STYLE } from "./tools/helpstyle.js";

const FIND = "Find a command or a key";
const OTHER = "Other";
const UNUSABLE = "Keys with Ctrl, Alt or Command belong to the browser and the system. Choose another key.";

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * @param {HTMLElement|ShadowRoot} root where the dialog lives
 * @param {ReturnType<import("./keys.js").createKeys>} keys
 * @param {{title?: string, file?: string}} options file: the name of an exported file
 */
export function createHelp(root, keys, { title = "Keys", file = "xraykit-keys.json" } = {}) {
  const sheet = new HelpSheet(keys, title, file);
  root.append(sheet.dialog);
  return {
    open: () => sheet.open(),
    close: () => sheet.close(),
    toggle: () => (sheet.dialog.open ? sheet.close() : sheet.open()),
    remove: () => sheet.remove(),
    get isOpen() { return sheet.dialog.open; },
  };
}

class HelpSheet {
  constructor(keys, title, file) {
    this.keys = keys;
    this.file = file;
    this.asked = null; // {name, index}: which key is to be pressed
    this.search = make("input", { type: "search", "aria-label": FIND, placeholder: FIND });
    this.search.addEventListener("input", () => this.filter());
    this.word = make("p", { role: "status", "aria-live": "polite" });
    this.groups = make("div", { class: "groups" });
    this.picked = make("input", { type: "file", accept: ".json,application/json", hidden: "" });
    this.picked.addEventListener("change", () => this.take(this.picked.files[0]));
    this.dialog = this.build(title);
    this.stop = keys.onChange(() => this.dialog.open && this.render());
  }

  build(title) {
    const heading = make("h2", { id: "xk-help-title" }, title);
    const close = make("button", { type: "button", class: "close", onclick: () => this.close() }, "Close");
    const buttons = make("div", { class: "buttons" },
      make("button", { type: "button", onclick: () => this.save() }, "Export"),
      make("button", { type: "button", onclick: () => this.picked.click() }, "Import"),
      make("button", { type: "button", onclick: () => this.reset() }, "Reset all"),
      this.picked, this.word);
    const dialog = make("dialog", { class: "xk-help", "aria-labelledby": "xk-help-title" }, make("style", {}, STYLE),
      make("header", {}, heading, this.search, close), this.groups, make("footer", {}, buttons));
    dialog.addEventListener("keydown", (event) => this.pressed(event));
    dialog.addEventListener("cancel", () => this.close()); // Escape, and Back on a phone
    dialog.addEventListener("pointerdown", (event) => event.target === dialog && this.pressedBeside(event));
    return dialog;
  }

  open() {
    if (this.dialog.open) return;
    const home = this.dialog.getRootNode();
    this.back = home.activeElement ?? document.activeElement;
    this.search.value = "";
    this.say("Click a key to change it.");
    this.keys.paused = true;
    this.render();
    this.dialog.showModal();
    this.search.focus();
  }

  /** At once: the browser's `close` event comes a task later, after keys that were typed on and a focus that has moved. */
  close() {
    if (!this.dialog.open) return;
    this.dialog.close();
    this.ask(null);
    this.keys.paused = false;
    this.back?.focus?.({ preventScroll: true });
  }

  remove() {
    this.stop();
    this.close();
    this.dialog.remove();
  }

  /** A press on what is dimmed closes the sheet, as people expect. */
  pressedBeside({ clientX, clientY }) {
    const { left, top, right, bottom } = this.dialog.getBoundingClientRect();
    if (clientX < left || clientX > right || clientY < top || clientY > bottom) this.close();
  }

  /** Keys of the sheet itself: Tab goes round in it, `?` closes it as it opened it. */
  pressed(event) {
    event.stopPropagation();
    if (event.key === "?" && event.composedPath()[0] !== this.search) {
      event.preventDefault();
      this.close();
    }
    if (event.key !== "Tab") return;
    const stops = [...this.dialog.querySelectorAll("button, input:not([hidden])")].filter((stop) => stop.checkVisibility());
    const [first, last] = [stops[0], stops.at(-1)];
    const focused = event.composedPath()[0];
    if (focused !== (event.shiftKey ? first : last)) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }

  say(words, isRefusal = false) {
    this.word.textContent = words;
    this.word.toggleAttribute("data-refusal", isRefusal);
  }

  /** Draw all commands anew; the focus stays on the key it was on. */
  render() {
    const focused = this.dialog.getRootNode().activeElement?.dataset?.chip;
    const groups = Map.groupBy(this.keys.commands, ({ group = OTHER }) => group);
    this.groups.replaceChildren(...[...groups].map(([name, commands]) => this.section(name, commands)));
    this.filter();
    if (focused) this.groups.querySelector(`[data-chip="${CSS.escape(focused)}"]`)?.focus();
  }

  section(name, commands) {
    const rows = commands.map((command) => this.row(command));
    return make("section", { "aria-label": name }, make("h3", {}, name), make("ul", {}, ...rows));
  }

  row(command) {
    const names = this.keys.keysOf(command.name);
    const asked = this.asked?.name === command.name ? this.asked.index : null;
    const chips = names.map((key, index) => this.chip(command, key, index, asked === index));
    const more = command.fixed || names.length > 3 ? null : this.more(command, names, asked);
    const held = command.hold && !/held/.test(command.label) ? make("small", {}, " (while held)") : null;
    const row = make("li", { "data-command": command.name }, make("span", {}, command.label, ...(held ? [held] : [])),
      make("span", { class: "keys" }, ...chips, ...(more ? [more] : [])));
    row.dataset.words = [command.label, command.group ?? "", ...names, ...names.map(keycapOf)].join("\n").toLowerCase();
    return row;
  }

  chip(command, key, index, isAsked) {
    if (command.fixed) return make("kbd", { "aria-label": spokenOf(key) }, keycapOf(key));
    const label = isAsked ? `Press the new key for ${command.label}` : `${spokenOf(key)}: change the key of ${command.label}`;
    const button = make("button", {
      type: "button", class: "key", "aria-label": label, "data-chip": `${command.name} ${index}`,
      onclick: () => this.ask({ name: command.name, index, label: command.label, key }),
    }, isAsked ? "Press a key" : keycapOf(key));
    button.toggleAttribute("data-asked", isAsked);
    return button;
  }

  /** A place for one key more, or for the first. */
  more(command, names, asked) {
    const isAsked = asked === names.length;
    const given = `Give ${command.label} ${names.length ? "another" : "a"} key`;
    const label = isAsked ? `Press the new key for ${command.label}` : given;
    const button = make("button", {
      type: "button", class: "more", "aria-label": label, title: label, "data-chip": `${command.name} ${names.length}`,
      onclick: () => this.ask({ name: command.name, index: names.length, label: command.label, key: null }),
    }, isAsked ? "Press a key" : names.length ? "+" : "none");
    button.toggleAttribute("data-asked", isAsked);
    button.toggleAttribute("data-first", !names.length);
    return button;
  }

  /** Wait for the new key of a command; null: wait no more. */
  ask(asked) {
    this.asked = asked;
    this.keys.capture(asked && ((key, unusable) => this.answer(key, unusable)));
    if (!this.dialog.open) return;
    const without = asked?.key ? ", Del takes it away" : "";
    if (asked) this.say(`Press the new key for “${asked.label}”. Esc leaves it as it is${without}.`);
    this.render();
  }

  /** @param {string|null} key @param {boolean} unusable a key with Ctrl, Alt or Command */
  answer(key, unusable) {
    const { name, index, label, key: old } = this.asked;
    this.asked = null;
    const removed = key === "Delete" && old !== null;
    const refused = key === null ? null : unusable ? { words: UNUSABLE } : this.keys.rebind(name, removed ? null : key, index);
    if (key === null) this.say("Nothing was changed.");
    else if (refused) this.say(refused.words, true);
    else this.say(removed ? `“${label}” lost the key ${keycapOf(old)}.` : `“${label}” now has the key ${keycapOf(key)}.`);
    this.render();
  }

  filter() {
    const wanted = this.search.value.trim().toLowerCase();
    for (const section of this.groups.children) {
      const rows = [...section.querySelectorAll("li")];
      for (const row of rows) row.hidden = !row.dataset.words.includes(wanted);
      section.hidden = rows.every((row) => row.hidden);
    }
    const isEmpty = [...this.groups.children].every((section) => section.hidden);
    this.groups.dataset.empty = isEmpty ? "Nothing has that name or key." : "";
  }

  /** A file of all keys, made in the browser: nothing is sent. */
  save() {
    const href = `data:application/json;charset=utf-8,${encodeURIComponent(this.keys.export())}`;
    make("a", { href, download: this.file }).click();
    this.say(`Saved as ${this.file}.`);
  }

  async take(file) {
    this.picked.value = "";
    if (!file) return;
    const refused = file.size > 100_000
      ? { words: `${file.name} is no file of keys: it has ${Math.round(file.size / 1000)} kB.` }
      : this.keys.import(await file.text());
    this.say(refused ? `${file.name}: ${refused.words}` : `The keys of ${file.name} are in use.`, Boolean(refused));
  }

  reset() {
    this.keys.reset();
    this.say("All keys are as they came.");
  }
}
