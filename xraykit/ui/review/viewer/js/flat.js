// Canvas 2D, where there is no WebGL2: the arithmetic of shaders.js in JavaScript, one pass for each part of a pane.

import { heatAt } from "./film.js";
import { levelFor, levelOf } from "./levels.js";
import { level as greyOf } from "./window.js";

export function createFlat(canvas) {
  return new FlatRenderer(canvas);
}

class FlatRenderer {
  constructor(canvas) {
    this.kind = "canvas";
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
    this.ready = true;
  }

  reduction() {
    return 1;
  }

  draw(parts, background) {
    const { context, canvas } = this;
    context.fillStyle = `rgb(${background.join(" ")})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    for (const part of parts) {
      const { left, top, width, height } = part.clip;
      if (width <= 0 || height <= 0) continue;
      const image = context.createImageData(width, height);
      const pixels = new Uint32Array(image.data.buffer);
      pixels.fill(0xff000000);
      if (part.picture) paint(pixels, part);
      context.putImageData(image, left, top);
    }
  }

  preload(picture, scales) {
    for (const scale of scales) levelOf(picture, levelFor(scale));
  }

  read({ left, top, width, height }) {
    return this.context.getImageData(left, top, width, height);
  }

  destroy() {}
}

function paint(pixels, { clip, pane, picture, placement, transfer, inverted, overlay }) {
  const { originX, originY, xx, xy, yx, yy, scale } = placement;
  const level = levelFor(scale);
  const source = levelOf(picture, level);
  const sample = sampler(source, 2 ** level, level === 0 && scale === 1);
  const shade = shader(source, transfer, inverted);
  const colour = source.channels === 3;
  let place = 0;
  for (let row = 0; row < clip.height; row += 1) {
    const down = clip.top - pane.top + row + 0.5;
    for (let column = 0; column < clip.width; column += 1, place += 1) {
      const across = clip.left - pane.left + column + 0.5;
      const x = originX + xx * across + xy * down;
      const y = originY + yx * across + yy * down;
      if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) continue;
      const red = shade(sample(x, y, 0));
      const green = colour ? shade(sample(x, y, 1)) : red;
      const blue = colour ? shade(sample(x, y, 2)) : red;
      pixels[place] = overlay ? heated(overlay, x, y, red, green, blue) : rgb(red, green, blue);
    }
  }
}

function rgb(red, green, blue) {
  return 0xff000000 | (blue << 16) | (green << 8) | red;
}

function heated({ heat, opacity, gain, colours }, x, y, red, green, blue) {
  const amount = Math.min((heatAt(heat, x, y) ?? 0) * gain, 1);
  if (!(amount > 0) || !(opacity > 0)) return rgb(red, green, blue);
  const colour = colours[Math.floor(amount * 255 + 0.5)];
  const mix = (shade, to) => Math.floor(shade + opacity * amount * (to - shade) + 0.5);
  return rgb(mix(red, colour[0]), mix(green, colour[1]), mix(blue, colour[2]));
}

/** Grey 0..255 of a stored value; whole values are looked up. */
function shader({ values }, transfer, inverted) {
  const grey = (value) => {
    const shade = Math.floor(greyOf(transfer, value) * 255 + 0.5);
    return inverted ? 255 - shade : shade;
  };
  const known = new Int16Array(values.BYTES_PER_ELEMENT === 1 ? 256 : 65536).fill(-1);
  return (value) => {
    if (!Number.isInteger(value)) return grey(value);
    if (known[value] < 0) known[value] = grey(value);
    return known[value];
  };
}

function sampler({ width, height, channels, values }, reduced, nearest) {
  const line = width * channels;
  const [right, bottom] = [width - 1, height - 1];
  const held = (value, most) => (value < 0 ? 0 : value > most ? most : value);
  if (nearest) return (x, y, c) => values[Math.floor(y) * line + Math.floor(x) * channels + c];
  return (x, y, c) => {
    const [across, down] = [x / reduced - 0.5, y / reduced - 0.5];
    const [i, j] = [Math.floor(across), Math.floor(down)];
    const [left, upper] = [held(i, right) * channels + c, held(j, bottom) * line];
    const [next, lower] = [held(i + 1, right) * channels + c, held(j + 1, bottom) * line];
    const above = values[upper + left] + (values[upper + next] - values[upper + left]) * (across - i);
    const below = values[lower + left] + (values[lower + next] - values[lower + left]) * (across - i);
    return above + (below - above) * (down - j);
  };
}
