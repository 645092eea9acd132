// The state of the view: what is kept for all panes, what for each; serialisable, and relative to whatever film comes.

/**
 * @typedef {{window: {name: string|null, relative: number[]}, invert: boolean, zoom: number, pixels: boolean, x: number,
 *   y: number, rotation: 0|90|180|270, flipped: boolean, sharpened: "off"|"sharp"|"clahe"}} PaneView
 * @typedef {{overlay: {shown: boolean, opacity: number, colormap: string, shared: boolean,
 *   mode: "layer"|"blink"|"slider", divider: number}, linked: boolean, lens: boolean, fullscreen: boolean}} CommonView
 */

export const MOST_PANES = 3;
const OPACITY = 0.4; // no more than this at first: the film is what is read

/** @returns {PaneView} */
export function startOfPane() {
  return {
    window: { name: null, relative: [0, 1] },
    invert: false,
    zoom: 1,
    pixels: false,
    x: 0.5,
    y: 0.5,
    rotation: 0,
    flipped: false,
    sharpened: "off",
  };
}

/** @returns {CommonView} */
export function startOfAll(colormap) {
  return {
    overlay: { shown: true, opacity: OPACITY, colormap, shared: false, mode: "layer", divider: 0.5 },
    linked: true,
    lens: false,
    fullscreen: false,
  };
}

export class ViewState {
  /** @param {string} colormap @param {object} [start] a part of a view that is there at first */
  constructor(colormap, start = {}) {
    this.colormap = colormap;
    this.start = start;
    this.common = startOfAll(colormap);
    this.reset();
  }

  /** Back to how films are first shown; linking and the full screen stay as they are. */
  reset() {
    const { linked, fullscreen } = this.common;
    this.common = { ...startOfAll(this.colormap), linked, fullscreen };
    this.panes = Array.from({ length: MOST_PANES }, startOfPane);
    for (const pane of this.panes.keys()) this.merge(this.start, pane);
  }

  /** Take over a part of a view, for one pane or, where they are linked, for all. Unknown entries are left out. */
  merge(partial, pane) {
    const { common } = this;
    const linking = partial.linked === true && !common.linked;
    for (const key of ["linked", "lens", "fullscreen"]) {
      if (typeof partial[key] === "boolean") common[key] = partial[key];
    }
    if (partial.overlay) common.overlay = { ...common.overlay, ...known(partial.overlay, common.overlay) };
    const own = ownOf(partial);
    const model = linking ? { ...this.panes[pane], ...own } : own;
    const chosen = common.linked ? [...this.panes.keys()] : [pane];
    for (const i of chosen) this.panes[i] = { ...this.panes[i], ...model };
    if (!common.linked) partial.panes?.forEach((view, i) => this.mergeOne(view, i));
  }

  mergeOne(view, pane) {
    if (pane < MOST_PANES) this.panes[pane] = { ...this.panes[pane], ...ownOf(view) };
  }
}

function ownOf(partial) {
  const own = known(partial, startOfPane());
  if (own.window) own.window = { name: own.window.name ?? null, relative: own.window.relative ?? [0, 1] };
  return own;
}

function known(partial, model) {
  const same = ([key, value]) => key in model && typeof value === typeof model[key];
  return Object.fromEntries(Object.entries(partial).filter(same));
}
