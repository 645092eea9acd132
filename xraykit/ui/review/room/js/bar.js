/** The toolbar above the films: every control with its key, and the models and class that are laid over them. */

import { presetNames } from "../xraykit.viewer/window.js";
import { fill, h, say } from "./kit/dom.js";
import { icon } from "./kit/icons.js";
import { choices, segments, sheetOf, slider } from "./kit/menu.js";
import { MOST_PANES, contentsOf, earlier, mostPanes, olderOf, priorOf, whyAlone, whyBare } from "./panes.js";

const SHARPENED = [["off", "Off"], ["sharp", "Sharpened"], ["clahe", "CLAHE"]];
const HINTS = { Auto: "window-auto", "Full range": "window-full" };
const MODES = [["layer", "Layer"], ["blink", "Blink"], ["slider", "Slider"]];
const OF_HEATMAPS = ["overlay"]; // buttons that do nothing where no heatmap can be; a menu opens and says why
const ONE_MODEL = "Needs two models: only one is chosen.";

/** Groups of buttons: [command, drawing, label]. A command that nobody offers has no button. */
const GROUPS = [
  [["invert", "invert", "Invert"]],
  [["fit", "fit", "Fit"], ["true-pixels", "pixels", "1:1"], ["rotate", "rotate", "Rotate"], ["flip", "flip", "Flip"], ["lens", "lens", "Lens"], ["reset", "reset", "Reset"]],
  [["overlay", "heat", "Heatmap"]],
  [["probe", "probe", "Probe"], ["ruler", "ruler", "Length"], ["angle", "angle", "Angle"], ["ratio", "ratio", "CTR"], ["arrow", "mark", "Arrow"], ["text", "text", "Text"]],
  [["report", "report", "Report"], ["fullscreen", "full", "Full screen"], ["help", "help", "Keys"]],
];

/**
 * @param {{bar: HTMLElement, line: HTMLElement}} places the toolbar, and the line of models and classes below it
 * @param {any} room
 */
export function createBar({ bar, line }, room) {
  const buttons = new Map(); // command -> button
  const button = ([name, drawing, label]) => {
    const element = toolButton(drawing, label, () => (isOff(element) ? room.say(element.title) : room.command(name)?.run(true)));
    buttons.set(name, { element, label });
    return element;
  };
  const menus = { models: () => pills.querySelector("button")?.focus() };
  const menu = (name, drawing, label, build) => {
    const element = toolButton(drawing, label);
    element.append(icon("down", 9));
    buttons.set(`menu-${name}`, { element, label });
    menus[name] = () => element.click();
    return [element, sheetOf(element, label, build)];
  };
  const [windowButton, windowSheet] = menu("window", "window", "Window", (close) => windowChoices(room, close));
  const [overlayButton, overlaySheet] = menu("overlay", "layers", "Overlay", () => overlayForm(room, () => overlaySheet.refresh()));
  const [panesButton, panesSheet] = menu("panes", "three", "Panes", (close) => paneChoices(room, close));
  const panel = (name, drawing, label) => {
    const element = toolButton(drawing, label, () => room.togglePanel(name));
    buttons.set(`panel-${name}`, { element, label });
    return element;
  };
  const [first, view, heat, measure, last] = GROUPS.map((group) => group.map(button));
  const group = (label, ...children) => h("div", { class: "tools", role: "group", "aria-label": label }, ...children);
  fill(bar, group("Worklist panel", panel("films", "films", "Films")), group("Grey levels", windowButton, windowSheet.sheet, ...first),
    group("View", ...view), group("Heatmap", ...heat, overlayButton, overlaySheet.sheet), group("Measure and mark", ...measure),
    group("Panes", panesButton, panesSheet.sheet, ...last), group("Findings panel", panel("findings", "findings", "Findings")));
  const pills = h("div", { class: "pills", role: "group", "aria-label": "Models" });
  const labels = h("div", { class: "labels" });
  fill(line, pills, labels);
  let mark = "";
  return {
    show() {
      for (const [name, { element, label }] of buttons) showButton(room, name, element, label);
      const panes = contentsOf(room).length;
      say(panesButton.querySelector(".label"), panes === 1 ? "1 pane" : `${panes} panes`);
      const now = JSON.stringify([room.models(), room.store.get().label, room.state.models.map((model) => model.name), whyBare(room)]);
      if (now === mark) return;
      mark = now;
      refill(pills, modelPills(room));
      refill(labels, [classSegments(room)]);
    },
    /** Open the menu of a button, or go to the models. @param {string} name */
    open: (name) => menus[name](),
    refresh() {
      for (const sheet of [windowSheet, panesSheet]) sheet.refresh();
    },
  };
}

/** Buttons in place of those that were there; the focus stays on the one of the same place. */
function refill(group, children) {
  const at = [...group.querySelectorAll("button")].indexOf(group.getRootNode().activeElement);
  fill(group, ...children);
  if (at >= 0) group.querySelectorAll("button")[at]?.focus();
}

function toolButton(drawing, label, press) {
  return h("button", { type: "button", class: "tool", onclick: press, "aria-label": label }, icon(drawing), h("span", { class: "label" }, label));
}

const isOff = (element) => element.getAttribute("aria-disabled") === "true";

/** A button of a command shows whether it is on, what its key is, and whether it can be pressed at all. */
function showButton(room, name, element, label) {
  const command = room.command(name);
  element.hidden = !command && !name.startsWith("panel-");
  const keys = room.keysOf(name);
  const why = OF_HEATMAPS.includes(name) ? whyBare(room) : "";
  const title = why || (keys.length ? `${command?.label ?? label} (${keys.join(", ")})` : command?.label ?? label);
  if (why) element.setAttribute("aria-disabled", "true");
  else element.removeAttribute("aria-disabled");
  if (element.title !== title) element.title = title;
  const on = name.startsWith("panel-") ? room.panelIsOpen(name.slice("panel-".length)) : command?.pressed ? Boolean(command.pressed()) : null;
  if (on === null) element.removeAttribute("aria-pressed");
  else element.setAttribute("aria-pressed", String(on));
}

/** The film's own windows by name, an automatic one, and the sharpened views. */
function windowChoices(room, close) {
  const film = room.film();
  const view = room.viewer.view ?? {};
  const set = (partial) => {
    room.viewer.set(partial);
    close();
  };
  const items = film ? presetNames(film).map((name, place) => ({ value: name, label: name, hint: HINTS[name] ? room.keysOf(HINTS[name]).join(", ") : place ? "" : "default" })) : [];
  return [
    choices("Windows of this film", items, view.window?.title ?? view.window?.name, (name) => set({ window: { name } })),
    choices("Sharpened view", SHARPENED.map(([value, label]) => ({ value, label })), view.sharpened ?? "off", (sharpened) => set({ sharpened })),
  ];
}

/** Which class, by which method, in which colours, how strong, on whose scale, and how two models share a pane. */
function overlayForm(room, again) {
  const { state, store } = room;
  const why = whyBare(room);
  if (why) return [h("p", { class: "sheet-title" }, "Heatmap over the film"), h("p", { class: "why" }, why)];
  const overlay = room.viewer.view?.overlay ?? {};
  const set = (partial) => {
    room.viewer.set({ overlay: partial });
    again();
  };
  const select = (label, names, chosen, change) => h("label", { class: "field" }, h("span", {}, label),
    h("select", { data: { item: label, ownKeys: "ArrowDown ArrowUp Space Enter" }, onchange: (event) => change(event.target.value) },
      names.map((name) => h("option", { value: name, selected: name === chosen }, name))));
  return [
    h("p", { class: "sheet-title" }, "Heatmap over the film"),
    select("Class", ["Predicted", ...room.classes()], store.get().label ?? "Predicted", (label) => {
      room.setLabel(label === "Predicted" ? null : label);
      again();
    }),
    select("Method", state.methods ?? [], room.method(), (method) => {
      store.set({ method });
      again();
    }),
    select("Colour map", Object.keys(state.colormaps ?? {}), overlay.colormap, (colormap) => set({ colormap })),
    slider("Opacity", Math.round(100 * (overlay.opacity ?? 0.4)), (value) => `${value} %`,
      (value) => room.viewer.set({ overlay: { opacity: value / 100 } })),
    segments("Scale", [[true, "Shared"], [false, "Own"]], Boolean(overlay.shared), (shared) => set({ shared })),
    segments("Two models", MODES.map(([mode, words]) => [mode, words, mode !== "layer" && room.models().length < 2 ? ONE_MODEL : ""]), overlay.mode, (mode) => {
      set({ mode });
      if (mode !== "layer") room.showBoth();
    }),
  ];
}

/** One, two or three panes; which prior lies beside the film. */
function paneChoices(room, close) {
  const row = room.row();
  const set = (partial) => {
    room.store.set(partial);
    close();
  };
  const most = mostPanes(room);
  const layouts = Array.from({ length: MOST_PANES }, (_, place) => ({ value: place + 1, label: ["One pane", "Two panes", "Three panes"][place], disabled: place >= most }));
  const parts = [choices("Panes", layouts, contentsOf(room).length, (layout) => set({ layout })), most < MOST_PANES ? h("p", { class: "why" }, whyAlone(room)) : null];
  if (!row || row.state !== "ready") return parts;
  const older = olderOf(room, row);
  const chosen = priorOf(room, row)?.id ?? null;
  const others = [...older, ...(chosen && !older.some((other) => other.id === chosen) ? [room.row(chosen)] : [])];
  const items = [{ value: null, label: "None" }, ...others.slice(0, 12).map((other) => ({ value: other.id, label: other.name, hint: earlier(row, other) }))];
  parts.push(choices("Prior beside this film", items, chosen, (id) => set({ prior: true, priors: { ...room.store.get().priors, [row.id]: id } })));
  parts.push(h("button", { type: "button", class: "text", onclick: () => (room.pickPrior(), close()) }, "Choose a prior from the list…"));
  return parts;
}

function modelPills(room) {
  const on = new Set(room.models());
  return room.state.models.map((model) => h("button", {
    type: "button", class: "pill", "aria-pressed": String(on.has(model.name)), title: `${on.has(model.name) ? "Put away" : "Show"} ${model.title}`,
    "aria-label": room.titleOf(model.name), onclick: () => room.toggleModel(model.name),
  }, h("i", { "aria-hidden": "true" }), h("span", {}, room.shortOf(model.name))));
}

function classSegments(room) {
  if (whyBare(room)) return null;
  const items = [[null, "Predicted"], ...room.classes().map((label) => [label, label])];
  return segments("Heatmap of", items, room.store.get().label, (label) => room.setLabel(label));
}
