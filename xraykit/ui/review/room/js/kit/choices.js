/** What the reader chooses in a room: models, class, panes, panels; and the words that answer it. */

import { layoutOf, mostPanes, olderOf, priorOf, whyAlone } from "../panes.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";

const FIRST_MODELS = 2; // that are on where the address names one
const NARROW = 1100; // px: where room.css lays the list over the film

const placeOf = (name) => (innerWidth > NARROW ? name : `${name}, narrow`);

/** The base of `Room`, which has the store, the routes and the state. */
export class Choices {
  /** What was chosen before a reload, and the model that the address names, are on. */
  begin(model) {
    const chosen = this.store.get().models;
    if (chosen) this.readWith(chosen);
    this.showModel(model);
  }

  showModel(name) {
    if (!name || sessionStorage.getItem("xk-room-model") === name || !this.state.models.some((model) => model.name === name)) return;
    sessionStorage.setItem("xk-room-model", name); // once: it can be put away again
    this.chooseModels([name, ...this.models().filter((other) => other !== name)].slice(0, FIRST_MODELS));
  }

  toggleModel(name) {
    const on = new Set(this.models());
    if (!on.delete(name)) on.add(name);
    this.chooseModels([...on]);
  }

  chooseModels(names) {
    this.store.set({ models: names, layout: null });
    this.readWith(names);
  }

  /** Tell the server which models read; one after the other, so that what was chosen last holds. */
  readWith(names) {
    this.reads = Promise.resolve(this.reads).then(() => this.routes.models(names)).then(this.poke, this.tell);
  }

  setLabel(label) { this.store.set({ label }); }

  nextLabel() {
    const labels = [null, ...this.classes()];
    this.setLabel(labels[(labels.indexOf(this.store.get().label) + 1) % labels.length]);
  }

  setFilter(partial) { this.store.set({ filter: { ...this.store.get().filter, ...partial } }); }

  /** One pane more, then one again; where there can be no more it is said why. */
  nextLayout() {
    const most = mostPanes(this);
    if (most === 1) this.say(whyAlone(this));
    else this.store.set({ layout: (Math.min(layoutOf(this), most) % most) + 1 });
  }

  /** The prior beside the film, or not; where none is known it is said how to choose one. */
  togglePrior() {
    const row = this.row();
    const known = row && (priorOf(this, row) || olderOf(this, row).length);
    if (row && !known) this.say("No earlier film of this patient is open. Choose a prior from the list under Panes.");
    else this.store.set({ prior: !this.store.get().prior });
  }

  /** Blink and slider need two heatmaps in a pane. */
  showBoth() {
    if (this.models().length < 2 || this.panes?.some((pane) => pane.content === "both")) return;
    const layout = layoutOf(this);
    const assigned = [...(this.panes ?? []).map((pane) => pane.content)];
    assigned[layout - 1] = "both";
    this.store.set({ assigned: { ...this.store.get().assigned, [layout]: assigned } });
  }

  sawView(view) {
    this.store.set({ view: structuredClone(view) }, true);
    if (["blink", "slider"].includes(view.overlay?.mode)) this.showBoth();
    this.changed("view");
  }

  filter() {
    if (!this.panelIsOpen("films")) this.togglePanel("films");
    this.side.search.focus();
    this.side.search.select();
  }

  choose() { this.opening.choose(); }

  // panels, words

  /** Narrow pages have their own choice: there the list lies over the film. */
  panelIsOpen(name) { return this.store.get().panels[placeOf(name)] ?? (name === "findings" || innerWidth > NARROW); }

  togglePanel(name) {
    this.store.set({ panels: { ...this.store.get().panels, [placeOf(name)]: !this.panelIsOpen(name) } });
    this.showPanels();
  }

  showPanels() {
    for (const name of ["films", "findings"]) this.root.dataset[`${name}Panel`] = this.panelIsOpen(name) ? "open" : "closed";
  }

  say(words) {
    const word = this.at("word");
    word.hidden = !words;
    fill(word, words && h("span", {}, words), words && h("button", { type: "button", class: "text", onclick: () => this.say("") }, "Dismiss"));
  }

  /**
   * A dialog over the room. It is gone, and what `undo` does is done, in the step that closes it: the browser's `close`
   * event comes a task later, after keys that were typed on.
   */
  dialog(title, content, undo = () => {}) {
    const close = () => {
      if (!dialog.isConnected) return;
      dialog.close();
      dialog.remove();
      undo();
    };
    const dialog = h("dialog", { "aria-label": title, oncancel: close }, h("header", {}, h("h2", {}, title),
      h("button", { type: "button", class: "icon-button", "aria-label": "Close", onclick: close }, icon("close"))), content);
    this.root.append(dialog);
    dialog.showModal(); // the browser gives the focus back to where it was
    return dialog;
  }

  command(name) { return this.commands?.().find((command) => command.name === name); }
  keysOf(name) { return this.keys?.labelsOf(name) ?? []; }
}
