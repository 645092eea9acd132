// Textures of films, heatmaps, tables and colour maps; those of films bounded by their bytes, the longest unused go.

const FORMATS = {
  "1x1": ["R8UI", "RED_INTEGER", "UNSIGNED_BYTE"],
  "1x2": ["R16UI", "RED_INTEGER", "UNSIGNED_SHORT"],
  "3x1": ["RGB8UI", "RGB_INTEGER", "UNSIGNED_BYTE"],
  "3x2": ["RGB16UI", "RGB_INTEGER", "UNSIGNED_SHORT"],
};
const ROW = 1024; // entries of a table in a row of its texture
const FEW = 64; // heatmaps and tables kept

export class TextureCache {
  constructor(gl, bytes) {
    this.gl = gl;
    this.limit = bytes;
    this.forget();
  }

  /** Start anew after the context was lost with all textures. */
  forget() {
    this.films = new Map();
    this.small = new Map();
    this.bytes = 0;
    this.drawn = new Set();
  }

  begin() {
    this.drawn.clear();
  }

  /** Drop what was not drawn just now, longest unused first, until the rest is within the limit. */
  end() {
    for (const [key, { texture, bytes }] of this.films) {
      if (this.bytes <= this.limit) return;
      if (this.drawn.has(key)) continue;
      this.gl.deleteTexture(texture);
      this.films.delete(key);
      this.bytes -= bytes;
    }
  }

  /** Bind the film's texture of that key; `make` gives its values where it is not there. */
  bind(unit, key, make) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    this.drawn.add(key);
    const kept = this.films.get(key);
    if (kept) {
      this.films.delete(key); // to the end: used last
      this.films.set(key, kept);
      gl.bindTexture(gl.TEXTURE_2D, kept.texture);
      return;
    }
    const { width, height, channels, values } = make();
    const texture = this.create(FORMATS[`${channels}x${values.BYTES_PER_ELEMENT}`], width, height, values);
    this.films.set(key, { texture, bytes: values.byteLength });
    this.bytes += values.byteLength;
  }

  bindTable(unit, table) {
    this.bindSmall(unit, table, () => {
      const rows = Math.ceil((table?.length ?? 1) / ROW);
      const padded = new Uint16Array(rows * ROW);
      if (table) padded.set(table);
      return [FORMATS["1x2"], ROW, rows, padded];
    }, "table");
  }

  bindHeat(unit, heat) {
    this.bindSmall(unit, heat?.grid ?? null, () => (
      [["R32F", "RED", "FLOAT"], heat?.columns ?? 1, heat?.rows ?? 1, heat?.grid ?? new Float32Array(1)]
    ), "heat");
  }

  bindColours(unit, colours) {
    this.bindSmall(unit, colours, () => {
      const bytes = new Uint8Array(256 * 3);
      colours?.forEach((colour, i) => bytes.set(colour, 3 * i));
      return [["RGB8", "RGB", "UNSIGNED_BYTE"], 256, 1, bytes];
    }, "colours");
  }

  bindSmall(unit, key, make, nothing) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    const place = key ?? nothing;
    let texture = this.small.get(place);
    if (texture) {
      gl.bindTexture(gl.TEXTURE_2D, texture);
    } else {
      texture = this.create(...make());
      if (this.small.size >= FEW) {
        const [oldest, dropped] = this.small.entries().next().value;
        gl.deleteTexture(dropped);
        this.small.delete(oldest);
      }
    }
    this.small.delete(place);
    this.small.set(place, texture);
  }

  create([internal, format, type], width, height, values) {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl[internal], width, height, 0, gl[format], gl[type], values);
    for (const parameter of ["TEXTURE_MIN_FILTER", "TEXTURE_MAG_FILTER"]) {
      gl.texParameteri(gl.TEXTURE_2D, gl[parameter], gl.NEAREST);
    }
    for (const parameter of ["TEXTURE_WRAP_S", "TEXTURE_WRAP_T"]) {
      gl.texParameteri(gl.TEXTURE_2D, gl[parameter], gl.CLAMP_TO_EDGE);
    }
    return texture;
  }

  clear() {
    for (const { texture } of this.films.values()) this.gl.deleteTexture(texture);
    for (const texture of this.small.values()) this.gl.deleteTexture(texture);
    this.forget();
  }
}
