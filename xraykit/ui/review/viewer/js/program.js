// A WebGL2 program with its uniforms by name, and which texture unit each of its samplers reads.

import { VERTEX } from "./shaders.js";

export const UNITS = { film: 0, table: 1, heat: 2, colours: 3, kept: 4 };

export class Program {
  constructor(gl, fragment) {
    this.gl = gl;
    this.program = gl.createProgram();
    for (const [type, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS) && !gl.isContextLost()) {
      throw new Error(gl.getProgramInfoLog(this.program));
    }
    gl.useProgram(this.program);
    this.places = new Map();
    for (const [name, unit] of Object.entries(UNITS)) this.set({ [name]: unit });
  }

  use() {
    this.gl.useProgram(this.program);
  }

  /** Whole numbers and booleans as int, `{name: {float: 1.5}}` as float, arrays of 2 or 4 as vectors. */
  set(values) {
    const { gl } = this;
    for (const [name, value] of Object.entries(values)) {
      const place = this.place(name);
      if (place === null) continue;
      if (Array.isArray(value)) gl[`uniform${value.length}fv`](place, value);
      else if (typeof value === "object") gl.uniform1f(place, value.float);
      else gl.uniform1i(place, Number(value));
    }
  }

  place(name) {
    if (!this.places.has(name)) this.places.set(name, this.gl.getUniformLocation(this.program, name));
    return this.places.get(name);
  }
}
