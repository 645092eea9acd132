/** What the room itself does by key; the viewer, its tools and the reader's panel bring theirs. */

import { askStage, isPresented } from "./stage.js";

/** @param {any} room @returns {any[]} as keys.js takes them */
export function commandsOf(room) {
  const { store } = room;
  const command = (name, label, key, run, more = {}) => ({ name, label, group: "Worklist", key, run, ...more });
  const films = () => room.rows.size > 0;
  const inSight = () => !room.viewer?.view.fullscreen;
  return [
    command("next", "Next film", ["N", "ArrowDown"], () => room.step(1), { repeat: true, enabled: films }),
    command("previous", "Previous film", ["P", "ArrowUp"], () => room.step(-1), { repeat: true, enabled: films }),
    command("page-down", "A page down the list", "PageDown", () => room.step(room.list.page()), { repeat: true, enabled: films }),
    command("page-up", "A page up the list", "PageUp", () => room.step(-room.list.page()), { repeat: true, enabled: films }),
    command("first", "First film", "Home", () => room.step(-Infinity), { enabled: films }),
    command("last", "Last film", "End", () => room.step(Infinity), { enabled: films }),
    command("unread", "Next film not read", "E", () => room.nextUnread(), { enabled: films }),
    command("filter", "Filter the list", "/", () => room.filter()),
    command("remove", "Remove this film from the list", "Shift+X", () => room.remove(store.get().current), { enabled: films }),
    command("open", "Open films", "Shift+F", () => room.choose()),
    command("help", "Keys", "?", () => room.help.toggle()),
    command("escape", "End the tool, or the choice of a prior", "Escape", () => room.escape(), { fixed: true }),
    command("present", "Present this page, or end it", "Shift+U", () => askStage("toggle"), { group: "Page" }),
    command("present-look", "Presented: dark or light", "Shift+V", () => askStage("turn"), { group: "Page", enabled: isPresented }),
    command("layout", "One, two or three panes", "G", () => room.nextLayout(), { group: "Panes" }),
    command("label", "Heatmap of the next class", ";", () => room.nextLabel(), { group: "Overlay" }),
    command("prior", "Prior beside the film, or not", "Shift+P", () => room.togglePrior(), { group: "Panes" }),
    command("menu-window", "Windows of the film, sharpened views", "\\", () => room.bar.open("window"), { group: "Window", enabled: inSight }),
    command("menu-overlay", "Class, method, colours and opacity of the heatmap", ":", () => room.bar.open("overlay"), { group: "Overlay", enabled: inSight }),
    command("menu-panes", "Number of panes, choice of a prior", "|", () => room.bar.open("panes"), { group: "Panes", enabled: inSight }),
    command("menu-models", "Go to the models; Space puts one on or away", "Shift+K", () => room.bar.open("models"), { group: "Overlay", focuses: true, enabled: inSight }),
    command("panel-films", "Show or hide the worklist", "Shift+L", () => room.togglePanel("films"), { group: "Panes" }),
    command("panel-findings", "Show or hide the findings", "Shift+I", () => room.togglePanel("findings"), { group: "Panes" }),
  ];
}
