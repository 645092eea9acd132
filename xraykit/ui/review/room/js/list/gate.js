/** What the gate made of a film: why the models did not read it, and the one click or key that changes that. */

import { h } from "../kit/dom.js";
import { icon } from "../kit/icons.js";

/** Whether nobody reads a row: its file could not be opened, or the gate refused it. */
export const isRefused = (row) => row.state === "refused" || isStopped(row);

/** Whether the gate refused a film that can be shown. */
export const isStopped = (row) => row.gate?.state === "refused" && row.state !== "waiting";

/** What can be done about the gate's answer: [way, key, name in the help sheet]. */
const WAYS = [
  ["turn", "Shift+G", "Turn or invert the film as proposed"],
  ["read", "Shift+Y", "Read it anyway, though the gate refused it"],
  ["as-it-is", "Shift+Z", "Undo: take the film as it is"],
];
const asked = new WeakSet(); // rows that the server is asked to take in another way

/** Each of the ways by key. @param {any} room @returns {any[]} as keys.js takes them */
export const gateCommands = (room) => WAYS.map(([way, key, label]) => ({
  name: `gate-${way}`, label, group: "Gate", key, enabled: () => waysOf(room.row()).includes(way), run: () => take(room, room.row(), way),
}));

/** The ways that are open for a film. */
function waysOf(row) {
  if (!row?.gate || row.state === "waiting") return [];
  const { state, turn, inverted, laid } = row.gate;
  const undo = state === "overridden" || laidWords(laid);
  return [state === "refused" && (turn || inverted) && "turn", state === "refused" && "read", undo && "as-it-is"].filter(Boolean);
}

/** What to know of the gate's doing before any prediction; null where the film simply passed. */
export function gateBox(room, row) {
  const { gate } = row;
  if (!gate || row.state === "waiting") return null;
  const laid = laidWords(gate.laid);
  const open = waysOf(row);
  const words = { turn: doWords(gate), read: "Read it anyway", "as-it-is": "Undo" };
  const buttons = open.map((way, place) => button(room, row, way, words[way], way === "as-it-is" ? "text" : place ? null : "primary"));
  if (gate.state === "refused") {
    return box("stopped", "Not read", [h("p", {}, gate.words), h("p", { class: "code" }, gate.code), h("div", { class: "ways" }, buttons)]);
  }
  if (gate.state === "overridden") {
    return box("overridden", "Read although the gate refused it", [h("p", {}, gate.words), laid && h("p", {}, laid), buttons]);
  }
  return laid ? box("laid", laid, buttons) : null;
}

const box = (state, title, parts) =>
  h("section", { class: `warnings gate ${state}`, role: state === "laid" ? "status" : "alert", data: { gate: state } }, h("h3", {}, icon("warning"), title), parts);

function button(room, row, way, words, kind) {
  const keys = room.keysOf(`gate-${way}`).join(", ");
  return h("button", { type: "button", class: kind, data: { take: way }, title: keys && `${words} (${keys})`, onclick: () => take(room, row, way) }, words,
    keys && kind !== "text" && h("kbd", { "aria-hidden": "true" }, keys));
}

/** Have the film taken in another way: what was fetched of it is of the way before. */
async function take(room, row, way) {
  if (asked.has(row)) return; // a changed row is another object
  asked.add(row);
  try {
    await room.routes.takeAs(row.id, way);
    room.shelf.forget(row.id);
    room.changed("shelf");
    room.poke();
  } catch (error) {
    asked.delete(row);
    room.tell(error);
  }
}

/** What one click does: "Turn it 90° clockwise", "Change black and white round". */
function doWords({ turn, inverted }) {
  const words = { 0: "", 90: "Turn it 90° clockwise", 180: "Turn it by 180°", 270: "Turn it 90° counter-clockwise" }[turn];
  if (!inverted) return words;
  return words ? `${words}, invert it` : "Invert it";
}

/** What was done with the film before it was shown and read. */
function laidWords({ turn, inverted }) {
  const words = { 0: "", 90: "Turned 90° clockwise", 180: "Turned by 180°", 270: "Turned 90° counter-clockwise" }[turn];
  if (!inverted) return words;
  return words ? `${words}, inverted` : "Inverted";
}
