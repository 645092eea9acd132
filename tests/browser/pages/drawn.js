// A film and heatmaps drawn in the page: nobody's, and the same every time.

const bump = (x, y, cx, cy, rx, ry) => Math.exp(-(((x - cx) / rx) ** 4 + ((y - cy) / ry) ** 4));

/** A chest of a kind, 12 bit in 16: bright mediastinum, dark lungs, ribs, a heart. */
export function chest(changes = {}) {
  const { width = 1024, height = 1024 } = changes;
  const values = new Uint16Array(width * height);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const [x, y] = [column / width, row / height];
      const body = bump(x, y, 0.5, 0.62, 0.45, 0.6);
      const lungs = bump(x, y, 0.3, 0.45, 0.14, 0.3) + bump(x, y, 0.7, 0.45, 0.14, 0.3);
      const heart = bump(x, y, 0.54, 0.62, 0.15, 0.14);
      const ribs = 0.5 + 0.5 * Math.sin(60 * (y + 0.25 * (x - 0.5) ** 2));
      const light = body * (0.75 - 0.55 * lungs * (1 - 0.9 * heart) + 0.05 * ribs);
      values[row * width + column] = Math.max(0, Math.min(4095, 200 + 3600 * light));
    }
  }
  return {
    id: "drawn", name: "drawn-chest-0001-PA.dcm", width, height, channels: 1, bits: 12, dtype: "uint16", slope: 1, intercept: 0,
    units: null, inverted: false, spacing: { row: 0.35, column: 0.35, kind: "patient" },
    orientation: { left: "R", top: "H", right: "L", bottom: "F" }, laterality: null, view: "PA", values,
    windows: [{ name: "Standard", low: 0, high: 4096, function: "linear-exact", table: null },
      { name: "Lung", low: 200, high: 2600, function: "linear-exact", table: null }],
    ...changes,
  };
}

/** A film of one value everywhere. */
export function plain(value, changes = {}) {
  const film = chest({ width: 200, height: 200, id: `plain-${value}`, name: `plain-${value}.png`, bits: 8, ...changes });
  return { ...film, values: film.values.fill(value) };
}

export function heat({ id = "drawn", ...changes } = {}) {
  const [rows, columns] = [7, 7];
  const grid = Float32Array.from({ length: 49 }, (_, at) => Math.exp(-(((at % 7) - 4.4) ** 2 + (Math.floor(at / 7) - 3.6) ** 2) / 3));
  return {
    id, model: "MobileNetV2, from ImageNet", method: "Grad-CAM", label: "Viral Pneumonia", layer: "out_relu", rows, columns,
    maximum: 3.2, box: [0, 0, 1024, 1024], words: null, grid, ...changes,
  };
}

export const COLORMAPS = {
  ember: Array.from({ length: 256 }, (_, at) => [Math.min(255, at * 1.6), Math.max(0, at * 1.5 - 130), Math.max(0, at - 200) * 3]),
};
