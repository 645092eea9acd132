// Three small programs from the same parts. GATHER reads film and heat at each pixel's place, and is run when that place
// changes; SHADE makes grey and colour of what was gathered, and is all that a window, an opacity or an inversion costs;
// DIRECT does both at once. flat.js does the same in JavaScript.

const HEAD = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
precision highp sampler2D;
`;

export const VERTEX = `#version 300 es
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

const PLACE = `
uniform usampler2D film;
uniform sampler2D heat;
uniform vec2 corner;        // of the pane: window x of its left edge, y of its upper one
uniform vec4 turn;          // film steps for one device pixel across and one down
uniform vec2 origin;
uniform vec2 size;          // of the film in its own pixels
uniform float reduced;      // film pixels a texel
uniform bool nearest;
uniform bool heated;
uniform vec4 box;

vec3 texel(ivec2 at, ivec2 last) {
  return vec3(texelFetch(film, clamp(at, ivec2(0), last), 0).rgb);
}

vec3 storedAt(vec2 at) {
  ivec2 last = textureSize(film, 0) - 1;
  vec2 place = at / reduced;
  if (nearest) return texel(ivec2(floor(place)), last);
  vec2 base = floor(place - 0.5);
  vec2 part = place - 0.5 - base;
  ivec2 i = ivec2(base);
  vec3 upper = mix(texel(i, last), texel(i + ivec2(1, 0), last), part.x);
  vec3 lower = mix(texel(i + ivec2(0, 1), last), texel(i + ivec2(1, 1), last), part.x);
  return mix(upper, lower, part.y);
}

float heatAt(vec2 at) {
  if (!heated || at.x < box.x || at.y < box.y || at.x >= box.z || at.y >= box.w) return 0.0;
  ivec2 last = textureSize(heat, 0) - 1;
  vec2 place = clamp((at - box.xy) / (box.zw - box.xy) * vec2(last + 1) - 0.5, vec2(0.0), vec2(last));
  ivec2 i = ivec2(floor(place));
  ivec2 j = min(i + 1, last);
  vec2 part = place - vec2(i);
  float upper = mix(texelFetch(heat, i, 0).r, texelFetch(heat, ivec2(j.x, i.y), 0).r, part.x);
  float lower = mix(texelFetch(heat, ivec2(i.x, j.y), 0).r, texelFetch(heat, j, 0).r, part.x);
  return mix(upper, lower, part.y);
}

/** Stored values and heat at this pixel; heat below 0 outside the film. */
vec4 gathered() {
  vec2 device = vec2(gl_FragCoord.x - corner.x, corner.y - gl_FragCoord.y);
  vec2 at = origin + turn.xz * device.x + turn.yw * device.y;
  if (at.x < 0.0 || at.y < 0.0 || at.x >= size.x || at.y >= size.y) return vec4(0.0, 0.0, 0.0, -1.0);
  return vec4(storedAt(at), heatAt(at));
}
`;

const LOOK = `
uniform usampler2D table;
uniform sampler2D colours;
uniform bool coloured;
uniform int kind;           // 0 linear, 1 sigmoid, 2 table
uniform float from;
uniform float by;
uniform int entries;
uniform bool inverted;
uniform float opacity;      // 0: no overlay
uniform float gain;

float grey(float value) {
  float t = (value - from) * by;
  if (kind == 0) return clamp(t, 0.0, 1.0);
  if (kind == 1) return 1.0 / (1.0 + exp(-4.0 * t));
  int entry = int(clamp(floor(t + 0.5), 0.0, float(entries - 1)));
  return float(texelFetch(table, ivec2(entry & 1023, entry >> 10), 0).r) / 65535.0;
}

vec4 shaded(vec4 film) {
  if (film.a < 0.0) return vec4(0.0, 0.0, 0.0, 1.0);
  vec3 shade = coloured ? vec3(grey(film.r), grey(film.g), grey(film.b)) : vec3(grey(film.r));
  shade = floor(shade * 255.0 + 0.5);
  if (inverted) shade = 255.0 - shade;
  if (opacity > 0.0 && film.a > 0.0) {
    float h = min(film.a * gain, 1.0);
    int first = int(h * 255.0);
    vec3 low = texelFetch(colours, ivec2(first, 0), 0).rgb;
    vec3 high = texelFetch(colours, ivec2(min(first + 1, 255), 0), 0).rgb;
    vec3 colour = mix(low, high, fract(h * 255.0)) * 255.0;
    shade = floor(shade + opacity * h * (colour - shade) + 0.5);
  }
  return vec4(shade / 255.0, 1.0);
}
`;

export const GATHER = `${HEAD}${PLACE}
out uvec2 result;
void main() {
  vec4 film = gathered();
  result = floatBitsToUint(vec2(film.r, film.a));
}`;

export const SHADE = `${HEAD}${LOOK}
uniform usampler2D kept;
out vec4 result;
void main() {
  vec2 film = uintBitsToFloat(texelFetch(kept, ivec2(gl_FragCoord.xy), 0).rg);
  result = shaded(vec4(film.r, film.r, film.r, film.g));
}`;

export const DIRECT = `${HEAD}${PLACE}${LOOK}
out vec4 result;
void main() {
  result = shaded(gathered());
}`;
