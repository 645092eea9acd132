// WebGL2: films lie in integer textures at full depth, one draw call for each part of a pane. Says nothing about when.

import { levelFor, levelOf, levelWithin } from "./levels.js";
import { FRAGMENT, VERTEX } from "./shaders.js";
import { TextureCache } from "./textures.js";

const UNIFORMS = ["film", "table", "heat", "colours", "corner", "turn", "origin", "size", "reduced", "nearest",
  "coloured", "kind", "from", "by", "entries", "inverted", "opacity", "gain", "box"];
const KINDS = { linear: 0, sigmoid: 1, table: 2 };

/** A renderer on this canvas, or null where the browser has no WebGL2. */
export function createGl(canvas, options) {
  const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false, stencil: false });
  return gl && new GlRenderer(gl, canvas, options);
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
    this.limit = Math.min(gl.getParameter(gl.MAX_TEXTURE_SIZE), this.wantedLimit);
    const program = gl.createProgram();
    for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getProgramInfoLog(program));
    }
    gl.useProgram(program);
    gl.bindVertexArray(gl.createVertexArray());
    this.at = Object.fromEntries(UNIFORMS.map((name) => [name, gl.getUniformLocation(program, name)]));
    ["film", "table", "heat", "colours"].forEach((name, unit) => gl.uniform1i(this.at[name], unit));
    gl.enable(gl.SCISSOR_TEST);
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
    gl.scissor(0, 0, canvas.width, canvas.height);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(...background.map((level) => level / 255), 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    for (const part of parts) this.part(part);
    this.textures.end();
  }

  part({ clip, pane, picture, placement, transfer, inverted, overlay }) {
    const { gl, at, canvas } = this;
    gl.scissor(clip.left, canvas.height - clip.top - clip.height, clip.width, clip.height);
    if (!picture) {
      gl.clearColor(0, 0, 0, 1);
      gl.clear(gl.COLOR_BUFFER_BIT);
      return;
    }
    const level = Math.max(levelFor(placement.scale), levelWithin(picture, this.limit));
    this.textures.bind(0, `${picture.key}@${level}`, () => levelOf(picture, level));
    gl.uniform2f(at.corner, pane.left, canvas.height - pane.top);
    gl.uniform4f(at.turn, placement.xx, placement.xy, placement.yx, placement.yy);
    gl.uniform2f(at.origin, placement.originX, placement.originY);
    gl.uniform2f(at.size, picture.width, picture.height);
    gl.uniform1f(at.reduced, 2 ** level);
    gl.uniform1i(at.nearest, level === 0 && placement.scale === 1 ? 1 : 0);
    gl.uniform1i(at.coloured, picture.channels === 3 ? 1 : 0);
    gl.uniform1i(at.inverted, inverted ? 1 : 0);
    this.window(transfer);
    this.overlay(overlay);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  window({ kind, from, step, table }) {
    const { gl, at } = this;
    gl.uniform1i(at.kind, KINDS[kind]);
    gl.uniform1f(at.from, from);
    gl.uniform1f(at.by, step);
    gl.uniform1i(at.entries, table ? table.length : 1);
    this.textures.bindTable(1, table);
  }

  overlay(overlay) {
    const { gl, at } = this;
    gl.uniform1f(at.opacity, overlay ? overlay.opacity : 0);
    this.textures.bindHeat(2, overlay?.heat ?? null);
    this.textures.bindColours(3, overlay?.colours ?? null);
    if (!overlay) return;
    gl.uniform1f(at.gain, overlay.gain);
    gl.uniform4f(at.box, ...overlay.heat.box);
  }

  /** Put a picture's textures where they are drawn from at once, at these scales. */
  preload(picture, scales) {
    const least = levelWithin(picture, this.limit);
    for (const level of new Set(scales.map((scale) => Math.max(levelFor(scale), least)))) {
      this.textures.bind(0, `${picture.key}@${level}`, () => levelOf(picture, level));
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
