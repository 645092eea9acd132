// WebGL2: films lie in integer textures at full depth. What a pane shows is gathered once for each placement and shaded
// in every drawing. Says nothing about when.

import { levelFor, levelOf, levelWithin } from "./levels.js";
import { Program, UNITS } from "./program.js";
import { DIRECT, GATHER, SHADE } from "./shaders.js";
import { TextureCache } from "./textures.js";

const KINDS = { linear: 0, sigmoid: 1, table: 2 };

/** A renderer on this canvas, or null where the browser has no WebGL2. */
export function createGl(canvas, options) {
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, stencil: false });
  return gl && new GlRenderer(gl, canvas, options);
}

let emulated = null;

/** Whether this browser's WebGL runs on the processor, where canvas 2D is several times as fast; true without any. */
export function isEmulated() {
  if (emulated !== null) return emulated;
  const gl = document.createElement("canvas").getContext("webgl2");
  const named = gl?.getExtension("WEBGL_debug_renderer_info");
  const name = gl ? String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER)) : "software";
  emulated = /swiftshader|llvmpipe|softpipe|software|basic render/i.test(name);
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  return emulated;
}

class GlRenderer {
  constructor(gl, canvas, { textureBytes, maxTextureSize, redraw }) {
    this.kind = "webgl2";
    this.gl = gl;
    this.canvas = canvas;
    this.textures = new TextureCache(gl, textureBytes);
    this.lost = (event) => {
      event.preventDefault(); // without this the browser never gives the context back
      redraw();
    };
    this.restored = () => {
      this.build();
      redraw();
    };
    this.wantedLimit = maxTextureSize ?? Infinity;
    canvas.addEventListener("webglcontextlost", this.lost);
    canvas.addEventListener("webglcontextrestored", this.restored);
    this.build();
  }

  build() {
    const { gl } = this;
    this.textures.forget();
    this.kept = null;
    this.limit = Math.min(gl.getParameter(gl.MAX_TEXTURE_SIZE), this.wantedLimit);
    gl.bindVertexArray(gl.createVertexArray());
    gl.enable(gl.SCISSOR_TEST);
    [this.gather, this.shade, this.direct] = [GATHER, SHADE, DIRECT].map((text) => new Program(gl, text));
  }

  get ready() {
    return !this.gl.isContextLost();
  }

  /** By how much a picture is reduced because the graphics hold no larger one; 1: not at all. */
  reduction(picture) {
    return 2 ** levelWithin(picture, this.limit);
  }

  /** Draw the parts of all panes. @param {import("./scene.js").Part[]} parts */
  draw(parts, background) {
    const { gl, canvas } = this;
    this.textures.begin();
    this.keep();
    gl.viewport(0, 0, canvas.width, canvas.height);
    if (parts.length !== 1) this.clear({ left: 0, top: 0, width: canvas.width, height: canvas.height }, background);
    parts.forEach((part, i) => {
      if (!part.picture) this.clear(part.clip, [0, 0, 0]);
      else if (part.picture.channels === 3 || part.magnified) this.drawAtOnce(part);
      else this.drawKept(part, i);
    });
    this.textures.end();
  }

  clear(clip, colour) {
    const { gl } = this;
    this.clip(clip);
    gl.clearColor(...colour.map((level) => level / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  clip({ left, top, width, height }) {
    this.gl.scissor(left, this.canvas.height - top - height, width, height);
  }

  /** A texture of the canvas's size for what was gathered: stored value and heat, the bits of two floats. */
  keep() {
    const { gl, canvas, kept } = this;
    if (kept && kept.width === canvas.width && kept.height === canvas.height) return;
    if (kept) {
      gl.deleteTexture(kept.texture);
      gl.deleteFramebuffer(kept.buffer);
    }
    gl.activeTexture(gl.TEXTURE0 + UNITS.kept);
    const texture = this.textures.create(["RG32UI", "RG_INTEGER", "UNSIGNED_INT"], canvas.width, canvas.height, null);
    const buffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, buffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    this.kept = { texture, buffer, width: canvas.width, height: canvas.height, parts: [] };
  }

  drawKept(part, i) {
    const { gl, kept } = this;
    const wanted = { clip: part.clip, pane: part.pane, placement: part.placement, key: part.picture.key };
    const words = JSON.stringify(wanted);
    const heat = part.overlay?.heat ?? null;
    this.clip(part.clip);
    const before = kept.parts[i];
    if (before?.words !== words || (heat && before.heat !== heat)) {
      kept.parts[i] = { words, heat };
      gl.activeTexture(gl.TEXTURE0 + UNITS.kept);
      gl.bindTexture(gl.TEXTURE_2D, null); // it is written now
      gl.bindFramebuffer(gl.FRAMEBUFFER, kept.buffer);
      this.gather.use();
      this.gather.set(this.placing(part));
      gl.drawArrays(gl.TRIANGLES, 0, 3);
      gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    }
    gl.activeTexture(gl.TEXTURE0 + UNITS.kept);
    gl.bindTexture(gl.TEXTURE_2D, kept.texture);
    this.shade.use();
    this.shade.set(this.looking(part));
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  drawAtOnce(part) {
    this.clip(part.clip);
    this.direct.use();
    this.direct.set({ ...this.placing(part), ...this.looking(part) });
    this.gl.drawArrays(this.gl.TRIANGLES, 0, 3);
  }

  /** The uniforms that say where the film lies; its textures are bound. */
  placing({ pane, picture, placement, overlay }) {
    const level = Math.max(levelFor(placement.scale), levelWithin(picture, this.limit));
    this.textures.bind(UNITS.film, `${picture.key}@${level}`, () => levelOf(picture, level));
    this.textures.bindHeat(UNITS.heat, overlay?.heat ?? null);
    return {
      corner: [pane.left, this.canvas.height - pane.top],
      turn: [placement.xx, placement.xy, placement.yx, placement.yy],
      origin: [placement.originX, placement.originY],
      size: [picture.width, picture.height],
      reduced: { float: 2 ** level },
      nearest: level === 0 && placement.scale === 1,
      heated: Boolean(overlay),
      box: overlay?.heat.box ?? [0, 0, 0, 0],
    };
  }

  /** The uniforms that say how values look; the table and the colours are bound. */
  looking({ picture, transfer, inverted, overlay }) {
    const { kind, from, step, table } = transfer;
    this.textures.bindTable(UNITS.table, table);
    this.textures.bindColours(UNITS.colours, overlay?.colours ?? null);
    return {
      kind: KINDS[kind],
      from: { float: from },
      by: { float: step },
      entries: table ? table.length : 1,
      coloured: picture.channels === 3,
      inverted,
      opacity: { float: overlay?.opacity ?? 0 },
      gain: { float: overlay?.gain ?? 1 },
    };
  }

  /** Put a picture's textures where they are drawn from at once, at these scales. */
  preload(picture, scales) {
    const least = levelWithin(picture, this.limit);
    for (const level of new Set(scales.map((scale) => Math.max(levelFor(scale), least)))) {
      this.textures.bind(UNITS.film, `${picture.key}@${level}`, () => levelOf(picture, level));
    }
    this.textures.end();
  }

  /** The pixels of a rectangle as they were drawn in this turn of the event loop. @returns {ImageData} */
  read({ left, top, width, height }) {
    const { gl, canvas } = this;
    const bytes = new Uint8ClampedArray(width * height * 4);
    gl.readPixels(left, canvas.height - top - height, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    const upright = new Uint8ClampedArray(bytes.length);
    const line = width * 4;
    for (let row = 0; row < height; row += 1) {
      upright.set(bytes.subarray(row * line, (row + 1) * line), (height - 1 - row) * line);
    }
    return new ImageData(upright, width, height);
  }

  destroy() {
    this.canvas.removeEventListener("webglcontextlost", this.lost);
    this.canvas.removeEventListener("webglcontextrestored", this.restored);
    this.textures.clear();
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}
