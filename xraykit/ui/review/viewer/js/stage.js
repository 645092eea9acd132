// The elements of a viewer: the canvas of the films, a canvas of lines above it, and for each pane a place for words.

const STYLE = `
.xv { position: relative; overflow: hidden; background: #000; color: #d6dde3; outline: none; user-select: none;
  touch-action: none; width: 100%; height: 100%; font: 14px/1.35 var(--st-font, system-ui, sans-serif);
  font-variant-numeric: tabular-nums; contain: strict; }
.xv:focus-visible { outline: 1px solid #3d8bc4; outline-offset: -1px; }
.xv > canvas { position: absolute; inset: 0; width: 100%; height: 100%; display: block; }
.xv > canvas.xv-lines { pointer-events: none; }
.xv-pane { position: absolute; pointer-events: none; overflow: hidden; }
.xv-pane[data-active="true"] { box-shadow: inset 0 0 0 1px #3d8bc4; }
.xv-words { position: absolute; inset: 0; display: grid; place-items: center; text-align: center; padding: 1rem;
  color: #aeb9c2; }
.xv-pane[data-film="true"] .xv-words { inset: auto 0 2rem; display: block; color: #e8c27a; text-shadow: 0 0 3px #000; }
.xv-note { position: absolute; inset: auto 0 .5rem; text-align: center; color: #e8c27a; text-shadow: 0 0 3px #000; }
.xv-words:empty, .xv-note:empty { display: none; }
`;
let sheet;

export class Stage {
  constructor(root) {
    this.root = root;
    root.classList.add("xv");
    root.tabIndex = 0;
    root.setAttribute("role", "group");
    this.canvas = this.element("canvas", "xv-films");
    this.canvas.setAttribute("role", "img");
    this.lines = this.element("canvas", "xv-lines");
    this.lines.setAttribute("aria-hidden", "true");
    this.context = noted(this.lines.getContext("2d"), () => {
      this.lined = true;
    });
    this.places = [];
    this.size = null;
    this.observer = new ResizeObserver((entries) => this.measured(entries.at(-1)));
  }

  /** Call back whenever the canvas has other device pixels: a new size, zoom of the page, another screen. */
  watch(onResize) {
    this.onResize = onResize;
    try {
      this.observer.observe(this.canvas, { box: "device-pixel-content-box" });
    } catch {
      this.observer.observe(this.canvas); // Safari
    }
  }

  /** The browser's own count of device pixels; where it speaks of another scale than the page's, what the page says. */
  measured(entry) {
    const exact = entry.devicePixelContentBoxSize?.[0];
    const side = (css, counted) => {
      const device = css * devicePixelRatio;
      return counted !== undefined && Math.abs(counted - device) <= 1 ? counted : Math.round(device);
    };
    this.size = {
      width: side(entry.contentRect.width, exact?.inlineSize),
      height: side(entry.contentRect.height, exact?.blockSize),
    };
    this.onResize();
  }

  /** Give both canvases the device pixels they cover; false while the viewer has no size. */
  fit() {
    const box = this.canvas.getBoundingClientRect();
    const size = this.size ?? {
      width: Math.round(box.width * devicePixelRatio),
      height: Math.round(box.height * devicePixelRatio),
    };
    if (!size.width || !size.height || !box.width) return false;
    adopt(this.root.getRootNode());
    this.ratio = size.width / box.width;
    for (const canvas of [this.canvas, this.lines]) {
      if (canvas.width !== size.width) canvas.width = size.width;
      if (canvas.height !== size.height) canvas.height = size.height;
    }
    return true;
  }

  /** A place above each pane, in css pixels. */
  arrange(panes, active) {
    while (this.places.length > panes.length) this.places.pop().element.remove();
    panes.forEach((pane, i) => {
      this.places[i] ??= this.newPlace();
      const { element, words, note } = this.places[i];
      for (const [side, length] of Object.entries(pane.rect)) element.style[side] = `${length}px`;
      element.dataset.film = Boolean(pane.film);
      element.dataset.active = panes.length > 1 && i === active;
      pane.element = element;
      write(words, pane.words ?? "");
      write(note, pane.note ?? "");
    });
  }

  /** What is shown, for those who hear it. */
  name(words) {
    if (this.canvas.getAttribute("aria-label") === words) return;
    this.canvas.setAttribute("aria-label", words);
    this.root.setAttribute("aria-label", words);
  }

  newPlace() {
    const element = this.element("div", "xv-pane");
    const [words, note] = ["xv-words", "xv-note"].map((name) => {
      const child = document.createElement("div");
      child.className = name;
      element.append(child);
      return child;
    });
    return { element, words, note };
  }

  /** Away with the lines of the last drawing; a canvas without any is not touched, as it would be composed anew. */
  clearLines() {
    if (!this.lined) return;
    this.lined = false;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.lines.width, this.lines.height);
  }

  /** Draw lines in a pane in css pixels from its corner; nothing leaves the pane. */
  within(rect, draw) {
    const { context, ratio } = this;
    context.save();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    context.rect(rect.left, rect.top, rect.width, rect.height);
    context.clip();
    context.setTransform(ratio, 0, 0, ratio, rect.left, rect.top);
    draw(context);
    context.restore();
  }

  element(tag, name) {
    const element = document.createElement(tag);
    element.className = name;
    this.root.append(element);
    return element;
  }

  destroy() {
    this.observer.disconnect();
    for (const child of [this.canvas, this.lines, ...this.places.map((place) => place.element)]) child.remove();
    this.root.classList.remove("xv");
  }
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Styles as a sheet of the page's own: no rule of its content security policy is touched. */
function adopt(node) {
  sheet ??= new CSSStyleSheet();
  if (!sheet.cssRules.length) sheet.replaceSync(STYLE);
  if (!node.adoptedStyleSheets.includes(sheet)) node.adoptedStyleSheets = [...node.adoptedStyleSheets, sheet];
}

/** A context that says when something is drawn on it. */
function noted(context, note) {
  for (const name of ["fill", "stroke", "fillRect", "strokeRect", "fillText", "strokeText", "drawImage", "putImageData"]) {
    context[name] = (...parts) => {
      note();
      return CanvasRenderingContext2D.prototype[name].apply(context, parts);
    };
  }
  return context;
}
