// Everything a viewer can do by name, with the key it has at first; keys.js binds them, a toolbar may show them.

import { presetNames } from "./window.js";

/**
 * @typedef {{name: string, label: string, group: string, key: string, hold?: boolean, run: (down?: boolean) => void,
 *   repeat?: boolean, pressed?: () => boolean}} Command
 * `hold`: run(true) when the key goes down, run(false) when it comes up. `repeat`: a key held down runs it again.
 */

const STEP = 1 / 20; // of the film's range or of the pane, for a press of an arrow
const ZOOM = 1.25;

/** @returns {Command[]} */
export function commandsOf(viewer) {
  return [...windows(viewer), ...looks(viewer), ...places(viewer), ...overlays(viewer), ...tools(viewer)];
}

function windows(viewer) {
  const move = (width, level) => () => viewer.moveWindow(viewer.active, width * STEP, level * STEP);
  const choose = (name) => () => viewer.set({ window: { name } });
  return [
    command("window-previous", "Previous window", "Window", "[", () => stepPreset(viewer, -1)),
    command("window-next", "Next window", "Window", "]", () => stepPreset(viewer, 1)),
    command("window-auto", "Automatic window", "Window", "W", choose("Auto")),
    command("window-full", "Full range", "Window", "Shift+W", choose("Full range")),
    repeated("window-wider", "Wider window", "Window", "}", move(1, 0)),
    repeated("window-narrower", "Narrower window", "Window", "{", move(-1, 0)),
    repeated("window-higher", "Higher level", "Window", ">", move(0, -1)),
    repeated("window-lower", "Lower level", "Window", "<", move(0, 1)),
  ];
}

function stepPreset(viewer, step) {
  const { film, window } = viewer.panes[viewer.active];
  if (!film) return;
  const names = presetNames(film);
  const place = names.indexOf(window.name);
  viewer.set({ window: { name: names[(place + step + names.length) % names.length] } });
}

function looks(viewer) {
  const view = () => viewer.view;
  const sharpen = (kind) => () => viewer.set({ sharpened: view().sharpened === kind ? "off" : kind });
  return [
    command("invert", "Invert", "Film", "I", () => viewer.set({ invert: !view().invert }), () => view().invert),
    command("sharp", "Sharpened view", "Film", "C", sharpen("sharp"), () => view().sharpened === "sharp"),
    command("clahe", "CLAHE view", "Film", "Shift+C", sharpen("clahe"), () => view().sharpened === "clahe"),
    command("rotate", "Rotate right", "Film", "R", () => viewer.set({ rotation: (view().rotation + 90) % 360 })),
    command("rotate-left", "Rotate left", "Film", "Shift+R", () => viewer.set({ rotation: (view().rotation + 270) % 360 })),
    command("flip", "Flip left and right", "Film", "X", () => viewer.set({ flipped: !view().flipped }), () => view().flipped),
  ];
}

function places(viewer) {
  const pan = (x, y) => () => viewer.pan(viewer.active, ...viewer.share(x * STEP, y * STEP));
  const zoom = (factor) => () => viewer.zoomHere(factor);
  const toggle = (key) => () => viewer.set({ [key]: !viewer.view[key] });
  return [
    command("fit", "Fit", "Zoom", "F", () => viewer.fit(), () => viewer.view.zoom === 1 && !viewer.view.pixels),
    command("true-pixels", "True pixels (1:1)", "Zoom", "Z", () => viewer.truePixels(), () => viewer.view.pixels),
    repeated("zoom-in", "Zoom in", "Zoom", "+", zoom(ZOOM)),
    repeated("zoom-out", "Zoom out", "Zoom", "-", zoom(1 / ZOOM)),
    repeated("pan-left", "Move left", "Zoom", "Shift+ArrowLeft", pan(1, 0)),
    repeated("pan-right", "Move right", "Zoom", "Shift+ArrowRight", pan(-1, 0)),
    repeated("pan-up", "Move up", "Zoom", "Shift+ArrowUp", pan(0, 1)),
    repeated("pan-down", "Move down", "Zoom", "Shift+ArrowDown", pan(0, -1)),
    command("lens", "Lens", "Zoom", "L", toggle("lens"), () => viewer.view.lens),
    command("link", "Link the panes", "Zoom", "Y", toggle("linked"), () => viewer.view.linked),
    command("reset", "Reset", "Zoom", "Space", () => viewer.reset()),
    command("fullscreen", "Full screen", "Zoom", "U", toggle("fullscreen"), () => viewer.view.fullscreen),
  ];
}

function overlays(viewer) {
  const overlay = () => viewer.view.overlay;
  const change = (changes) => viewer.set({ overlay: changes });
  const mode = (name) => () => change({ shown: true, mode: overlay().mode === name ? "layer" : name });
  const opacity = (step) => () => change({ shown: true, opacity: Math.min(Math.max(overlay().opacity + step, 0), 1) });
  const colormap = () => {
    const names = Object.keys(viewer.colormaps);
    change({ colormap: names[(names.indexOf(overlay().colormap) + 1) % names.length] });
  };
  return [
    command("overlay", "Overlay", "Overlay", "O", () => change({ shown: !overlay().shown }), () => overlay().shown),
    {
      ...command("overlay-hide", "Hide the overlay while held", "Overlay", "H", (down = true) => viewer.hide(down)),
      hold: true,
    },
    command("overlay-blink", "Blink between two overlays", "Overlay", "B", mode("blink"), () => overlay().mode === "blink"),
    command("overlay-slider", "Slider between two overlays", "Overlay", "Shift+B", mode("slider"),
      () => overlay().mode === "slider"),
    repeated("overlay-stronger", "Stronger overlay", "Overlay", ".", opacity(0.1)),
    repeated("overlay-weaker", "Weaker overlay", "Overlay", ",", opacity(-0.1)),
    command("overlay-colormap", "Next colour map", "Overlay", "Shift+O", colormap),
    command("overlay-shared", "One scale for all overlays", "Overlay", "Shift+H",
      () => change({ shared: !overlay().shared }), () => overlay().shared),
  ];
}

function tools(viewer) {
  return [...viewer.tools.values()].filter((tool) => tool.key !== undefined).map(({ name, label, key }) => (
    command(name, label, "Tools", key, () => {
      viewer.tool = viewer.tool === name ? null : name;
    }, () => viewer.tool === name)
  ));
}

function command(name, label, group, key, run, pressed) {
  return { name, label, group, key, run, ...(pressed && { pressed }) };
}

function repeated(...parts) {
  return { ...command(...parts), repeat: true };
}
