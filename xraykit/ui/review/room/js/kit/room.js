/** One room: its films, what the reader chose, and who has to draw anew when something changed. */

import { choose, isRead, step } from "../list/choose.js";
import { isRefused } from "../list/gate.js";
import { panesOf, wishes } from "../panes.js";
import { Choices } from "./choices.js";
import { askStage, followStage } from "./stage.js";

const AHEAD = 2; // films fetched before they are looked at
const RUSH = 120; // ms between two steps below which only the last is fetched
const RESTARTED = "The inference service stopped and was restarted. Your films are still open.";

export class Room extends Choices {
  constructor(root, routes) {
    super();
    Object.assign(this, { root, routes, ids: [], stale: new Set(["rows"]), frame: 0, stepped: 0, rush: 0, ended: false, jump: false, pictures: [] });
    this.seen = new Set(JSON.parse(sessionStorage.getItem("xk-room-seen") ?? "[]"));
    this.picking = null; // the film that a prior is chosen for from the list
    this.resize = new ResizeObserver(() => {
      this.showPanels();
      this.changed("choice");
    });
    this.resize.observe(this.at("viewport"));
    this.leaveStage = followStage(this);
    this.poke = () => this.table.look();
    this.tell = (error) => {
      if (!error.words) console.error(error); // nobody foresaw it: where it happened belongs in the console
      this.say(error.words ?? "That did not work. Reload the page.");
    };
    this.closeAll = () => this.empty();
    this.removeRefused = () => this.refused().forEach((row) => this.remove(row.id));
    this.titleOf = (name) => titleIn(this.state.models, name);
    this.shortOf = (name) => shortIn(this.state.models, name);
    this.pickPrior = () => this.beginPicking();
  }

  get isDestroyed() { return this.ended; }
  get rows() { return this.table.rows; }
  get state() { return this.table.state(); }
  at(name) { return this.root.querySelector(`.${name}`); }

  /** A film's name; in blind mode without its folders, which may be named after what was found. */
  nameOf(row) { return this.blind() ? row.name.slice(row.name.lastIndexOf("/") + 1) : row.name; }

  row(id = this.store.get().current) { return this.rows.get(id) ?? null; }
  film() { return this.shelf.film(this.store.get().current)?.film ?? null; }
  width() { return this.at("viewport").clientWidth; }
  refused() { return [...this.rows.values()].filter(isRefused); }

  /** Names of the models that are on: those that read the films. */
  models() {
    const { models } = this.state;
    const chosen = this.store.get().models;
    return models.filter((model) => (chosen ? chosen.includes(model.name) : model.on)).map((model) => model.name);
  }

  /** Every class of the models that are on. */
  classes() {
    const on = new Set(this.models());
    return [...new Set(this.state.models.filter((model) => on.has(model.name)).flatMap((model) => model.classes))];
  }

  method() {
    const { method } = this.store.get();
    const { methods } = this.state;
    return methods.includes(method) ? method : methods[0] ?? "Grad-CAM";
  }

  blind() { return Boolean(this.state.reading?.blind); }

  /** Whether what the models make of a film is still hidden from the reader. */
  hidden(row) { return this.reading ? this.reading.hidden(row) : this.blind() && row?.state === "ready"; }

  /** The largest raw maximum of the heatmaps in sight, where they share a scale; 0 otherwise. */
  sharedMaximum() {
    if (!this.viewer?.view.overlay.shared) return 0;
    return Math.max(0, ...(this.panes ?? []).flatMap((pane) => pane.heats.map((heat) => heat?.maximum ?? 0)));
  }

  // what is looked at

  step(by) {
    this.goTo(step(this.ids, this.rows, this.store.get().current, Number.isFinite(by) ? by : Math.sign(by) * this.ids.length));
  }

  nextUnread() {
    const at = this.ids.indexOf(this.store.get().current);
    const ring = [...this.ids.slice(at + 1), ...this.ids.slice(0, at + 1)];
    const next = ring.find((id) => this.row(id).state === "ready" && !isRead(this.row(id)));
    if (next) this.goTo(next);
    else this.say("Every film of the list is read.");
  }

  goTo(id) {
    if (!id || !this.rows.has(id)) return;
    this.jump = false;
    this.byHand = true;
    if (this.picking) return this.choosePrior(id);
    this.store.set({ current: id }, true);
    this.root.dataset.current = id;
    this.changed("current");
  }

  beginPicking() {
    this.picking = this.store.get().current;
    this.say("Choose the prior in the list. Escape keeps it as it is.");
    if (!this.panelIsOpen("films")) this.togglePanel("films");
  }

  choosePrior(id) {
    const { priors, current } = this.store.get();
    this.picking = null;
    this.say("");
    if (id !== current) this.store.set({ prior: true, priors: { ...priors, [current]: id } });
  }

  /** End what was begun: a tool, the choice of a prior, or else the presentation. */
  escape() {
    if (!this.picking && !this.viewer.tool) askStage("end");
    if (this.picking) this.say("");
    this.picking = null;
    this.viewer.tool = null;
    this.changed("view");
  }

  // films that come and go

  forList() {
    return {
      row: (id) => this.row(id), models: () => this.models(), hidden: (row) => this.hidden(row), seen: this.seen,
      thumb: (row, done) => this.shelf.thumb(row, done), nameOf: (row) => this.nameOf(row), choose: (id) => this.goTo(id), remove: (id) => this.remove(id),
    };
  }

  forRows() {
    return {
      changed: (what) => this.changed(what),
      arrived: (ids) => this.arrived(ids),
      removed: (ids) => ids.forEach((id) => this.shelf.forget(id)),
      silent: (error) => this.silent(error),
      gone: (error) => this.gone(error),
    };
  }

  arrived(ids) {
    const first = ids.find((id) => this.row(id).state === "ready") ?? ids[0];
    if (this.picking || (!this.jump && this.row())) return; // what arrives is nobody's choice of a prior
    this.goTo(first);
    this.byHand = false;
  }

  /** A file that never became a film of the server's: a row with words. */
  failed(name, error) {
    this.failures = (this.failures ?? 0) + 1;
    this.table.addLocal({ id: `local-${this.failures}`, name, state: "refused", refused: { code: error.code ?? "failed", words: error.words ?? "The file could not be sent." } });
  }

  silent(error) {
    if (Boolean(error) === Boolean(this.isSilent)) return;
    this.isSilent = Boolean(error);
    this.say(error ? error.words : "");
  }

  gone(error) {
    this.table.clear();
    this.store.set({ current: null }, true);
    this.tell(error);
  }

  remove(id) {
    const row = this.row(id);
    if (!row) return;
    if (id === this.store.get().current) {
      const next = step(this.ids, this.rows, id, 1);
      this.store.set({ current: next === id ? step(this.ids, this.rows, id, -1) : next }, true);
      if (this.store.get().current === id) this.store.set({ current: null }, true);
    }
    this.shelf.forget(id);
    this.table.drop(id);
    if (!row.local) this.routes.remove(id).then(this.poke, this.tell);
  }

  empty() {
    this.table.clear();
    this.store.set({ current: null, priors: {} }, true);
    this.seen.clear();
    this.routes.closeAll().then(this.poke, this.tell);
  }

  cancelHeats() { this.shelf.cancel(this.store.get().current); }
  retryHeats() { this.shelf.again(this.store.get().current); }

  // drawing

  /** Something has changed: "rows", "state", "choice", "current", "shelf", "view" or "uploads". Drawn once a frame. */
  changed(what) {
    this.stale.add(what);
    if (!this.frame && !this.ended) this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.frame = 0;
    const stale = this.stale;
    this.stale = new Set();
    if (stale.has("rows") || stale.has("choice") || stale.has("state")) this.order();
    const row = this.row();
    this.root.dataset.films = this.rows.size;
    this.at("start").hidden = this.rows.size > 0 || !this.isOpen;
    this.list.show(this.ids, this.store.get().current);
    this.side.show(this.ids);
    if (!this.isOpen) return;
    this.showPanes(row);
    this.findings.show(row);
    this.given.show(row);
    this.reading.show?.(row);
    this.bar.show();
    if (stale.has("state")) this.watchRestarts();
    this.fetchSoon(stale.has("current"));
  }

  order() {
    const { order, filter, current } = this.store.get();
    this.ids = choose(this.rows, this.table.arrival(), {
      order, filter, current, models: this.models(), seen: this.seen, hidden: (row) => this.hidden(row),
    });
    this.lookAtSomething();
    this.root.dataset.current = this.store.get().current ?? "";
  }

  /** Where nothing is looked at, or only a file that turned out to be none: the first film that there is. */
  lookAtSomething() {
    const row = this.row();
    if (row && (row.state !== "refused" || this.byHand)) return;
    const ready = this.ids.find((id) => this.row(id).state === "ready");
    const first = ready ?? (row ? row.id : this.ids[0]);
    if (first) this.store.set({ current: first }, true);
  }

  showPanes(row) {
    this.panes = this.rows.size ? panesOf(this) : [];
    this.heads.show(this.panes);
    const mark = JSON.stringify(this.panes.map((pane) => [pane.content, pane.title, pane.corners, pane.words]));
    const pictures = this.panes.flatMap(({ film, heats }) => [film, heats.length, ...heats]); // themselves: an id does not say which way up
    if (mark !== this.drawn || pictures.length !== this.pictures.length || pictures.some((picture, place) => picture !== this.pictures[place])) {
      Object.assign(this, { drawn: mark, pictures });
      this.viewer.show(this.panes.length ? this.panes : [{ film: null }]);
    }
    this.root.dataset.laid = this.panes.reduce((sum, pane) => sum + pane.heats.length, 0);
    this.root.dataset.warned = String(Boolean(row?.warnings?.length || row?.gate?.code));
    if (row && this.panes.some((pane) => pane.film?.id === row.id)) this.saw(row.id);
  }

  saw(id) {
    if (this.seen.has(id)) return;
    this.seen.add(id);
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => sessionStorage.setItem("xk-room-seen", JSON.stringify([...this.seen])), 500);
  }

  /** Fetch at once what is looked at; where the reader runs through the list, only what they stop at. */
  fetchSoon(moved) {
    clearTimeout(this.rush);
    const now = performance.now();
    const quick = moved && now - this.stepped < RUSH;
    if (moved) this.stepped = now;
    if (quick) this.rush = setTimeout(() => this.fetch(), RUSH);
    else this.fetch();
  }

  fetch() {
    const { current } = this.store.get();
    if (!current) return this.shelf.want([]);
    const at = this.ids.indexOf(current);
    const ahead = [...this.readyFrom(at, 1, AHEAD), ...this.readyFrom(at, -1, 1)];
    this.shelf.want(wishes(this, ahead.map((id) => this.row(id))));
    const next = this.shelf.film(ahead[0])?.film;
    if (next && this.preloaded !== next.id) {
      this.preloaded = next.id;
      setTimeout(() => this.viewer?.preload?.(next)); // after what is looked at was drawn
    }
    this.look(current, ahead);
  }

  /** The next films that can be shown, from a place of the list on. */
  readyFrom(place, way, most) {
    const ready = [];
    for (let at = place + way; at >= 0 && at < this.ids.length && ready.length < most; at += way) {
      if (this.row(this.ids[at])?.state === "ready") ready.push(this.ids[at]);
    }
    return ready;
  }

  /** Tell the server which films come first. */
  look(id, ahead) {
    const mark = [id, ...ahead].join();
    if (mark === this.told) return;
    this.told = mark;
    if (!this.row(id)?.local) this.routes.look(id, ahead).catch(() => {}); // a wish: the watch of the rows tells of a fault
  }

  watchRestarts() {
    const { restarted } = this.state;
    if (restarted > (this.restarts ?? restarted)) this.say(RESTARTED);
    this.restarts = restarted;
  }

  destroy() {
    this.ended = true;
    cancelAnimationFrame(this.frame);
    clearTimeout(this.rush);
    this.resize.disconnect();
    this.leaveStage();
    this.table.end();
    this.shelf.destroy();
    this.opening.destroy();
    this.list.destroy();
    this.keys?.unbind();
    this.reading?.destroy?.();
    this.report?.destroy();
    this.viewer?.destroy();
    this.store.destroy();
  }
}

/** A model's title, with its name where two have the same. */
function titleIn(models, name) {
  const title = models.find((model) => model.name === name)?.title ?? name;
  return models.filter((model) => model.title === title).length > 1 ? `${title} (${name})` : title;
}

/** What tells a model from the others, where there is little room: its title without the words that all begin with. */
function shortIn(models, name) {
  const title = titleIn(models, name);
  const titles = models.map((model) => model.title.split(/\s+/));
  const [first = [], ...others] = titles;
  const isShared = (word, place) => others.every((words) => words[place] === word && words.length > place + 1);
  const differs = first.findIndex((word, place) => !isShared(word, place) || place + 1 === first.length);
  if (others.length === 0 || differs < 1) return title;
  const rest = title.split(/\s+/).slice(differs).join(" ");
  return /^\p{Ll}+(?:\P{L}|$)/u.test(rest) ? `${rest[0].toUpperCase()}${rest.slice(1)}` : rest;
}
