// Canvas 2D, for computers without graphics hardware: the arithmetic of shaders.js in JavaScript, faster there than
// WebGL on the processor. What lies under each pixel is gathered once for each placement (gather.js) and looked up after.

import { gather, HEATS } from "./gather.js";
import { levelFor, levelOf } from "./levels.js";
import { level as greyOf } from "./window.js";

const BLACK = 0xff000000;

export function createFlat(canvas) {
  return new FlatRenderer(canvas);
}

class FlatRenderer {
  constructor(canvas) {
    this.kind = "canvas";
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.ready = true;
    this.kept = [];
  }

  reduction() {
    return 1;
  }

  draw(parts, background) {
    const { context, canvas } = this;
    if (parts.length !== 1) {
      context.fillStyle = `rgb(${background.join(" ")})`;
      context.fillRect(0, 0, canvas.width, canvas.height);
    }
    this.kept.length = parts.length;
    parts.forEach((part, i) => {
      const { left, top, width, height } = part.clip;
      if (!part.picture) {
        context.fillStyle = "#000";
        context.fillRect(left, top, width, height);
        this.kept[i] = null;
        return;
      }
      this.kept[i] = this.gathered(part, this.kept[i]);
      shade(this.kept[i], part);
      context.putImageData(this.kept[i].image, left, top);
    });
  }

  /** What lies under a part's pixels, kept until it is placed elsewhere. */
  gathered(part, before) {
    const { clip, pane, placement, picture, overlay } = part;
    const words = JSON.stringify({ clip, pane, placement, key: picture.key });
    const heat = overlay?.heat ?? null;
    if (before?.words === words && (!heat || before.heat === heat)) return before;
    const level = levelFor(placement.scale);
    const source = levelOf(picture, level);
    const gathered = gather(part, source, 2 ** level, level === 0 && placement.scale === 1);
    const same = before?.image.width === clip.width && before.image.height === clip.height;
    const image = same ? before.image : this.context.createImageData(clip.width, clip.height);
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(BLACK);
    return { ...gathered, words, heat, image, pixels };
  }

  preload(picture, scales) {
    for (const scale of scales) levelOf(picture, levelFor(scale));
  }

  read({ left, top, width, height }) {
    return this.context.getImageData(left, top, width, height);
  }

  destroy() {
    this.kept.length = 0;
  }
}

const shades = new Uint8Array(65536); // grey 0..255 of each value that a gathered pixel can have
const greys = new Uint32Array(65536); // the same as a pixel

function lookUp(transfer, inverted, factor) {
  const linear = transfer.kind === "linear";
  const step = (transfer.step / factor) * 255;
  const start = 0.5 - transfer.from * transfer.step * 255;
  for (let i = 0; i < 65536; i += 1) {
    const grey = linear
      ? Math.min(Math.max(start + i * step, 0), 255) | 0
      : Math.floor(greyOf(transfer, i / factor) * 255 + 0.5);
    const shade = inverted ? 255 - grey : grey;
    shades[i] = shade;
    greys[i] = BLACK | (shade * 0x010101);
  }
}

// The loops below run a million times for each drawing: plain numbers, nothing made.

function shade({ planes, heats, factor, inside, pixels }, { clip, transfer, inverted, overlay }) {
  lookUp(transfer, inverted, factor);
  const heated = overlay ? heats : null;
  const mix = heated && mixing(overlay);
  for (let row = inside.top; row < inside.bottom; row += 1) {
    const [begin, end] = [row * clip.width + inside.left, row * clip.width + inside.right];
    if (planes.length === 3) colourRow(pixels, planes, begin, end);
    else greyRow(pixels, planes[0], begin, end);
    if (heated) heatRow(pixels, heated, mix, begin, end);
  }
}

function greyRow(pixels, plane, begin, end) {
  for (let i = begin; i < end; i += 1) pixels[i] = greys[plane[i]];
}

function colourRow(pixels, [red, green, blue], begin, end) {
  for (let i = begin; i < end; i += 1) {
    pixels[i] = BLACK | (shades[blue[i]] << 16) | (shades[green[i]] << 8) | shades[red[i]];
  }
}

/** Lay the heat's colours over pixels; where it is zero, the pixel is left as it is. In whole numbers, which are fast. */
function heatRow(pixels, heats, { left, red, green, blue }, begin, end) {
  for (let i = begin; i < end; i += 1) {
    const heat = heats[i];
    if (heat !== 0) {
      const pixel = pixels[i];
      const share = left[heat];
      const r = ((pixel & 255) * share + red[heat]) >> 16;
      const g = (((pixel >> 8) & 255) * share + green[heat]) >> 16;
      const b = (((pixel >> 16) & 255) * share + blue[heat]) >> 16;
      pixels[i] = BLACK | (b << 16) | (g << 8) | r;
    }
  }
}

/** For each gathered heat, times 65536: the share of the film that is left, and what the colour adds, with a half. */
function mixing({ opacity, gain, colours }) {
  const table = () => new Int32Array(HEATS + 1);
  const mix = { left: table(), red: table(), green: table(), blue: table() };
  for (let i = 0; i <= HEATS; i += 1) {
    const heat = Math.min((i / HEATS) * gain, 1);
    const weight = opacity * heat * 65536;
    const [first, part] = [Math.floor(heat * 255), (heat * 255) % 1];
    const [low, high] = [colours[first], colours[Math.min(first + 1, 255)]];
    mix.left[i] = 65536 - Math.round(weight);
    ["red", "green", "blue"].forEach((name, c) => {
      mix[name][i] = Math.round(weight * (low[c] + (high[c] - low[c]) * part)) + 32768;
    });
  }
  return mix;
}
