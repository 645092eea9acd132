/** What the gate made of a film: why the models did not read it, and the one click that changes that. */

import { h } from "../kit/dom.js";
import { icon } from "../kit/icons.js";

/** Whether nobody reads a row: its file could not be opened, or the gate refused it. */
export const isRefused = (row) => row.state === "refused" || isStopped(row);

/** Whether the gate refused a film that can be shown. */
export const isStopped = (row) => row.gate?.state === "refused" && row.state !== "waiting";

/** What to know of the gate's doing before any prediction; null where the film simply passed. */
export function gateBox(room, row) {
  const { gate } = row;
  if (!gate || row.state === "waiting") return null;
  const laid = laidWords(gate.laid);
  const undo = () => button(room, row, "as-it-is", "Undo", "text");
  if (gate.state === "refused") return stopped(room, row, laid && undo());
  if (gate.state === "overridden") {
    return box("overridden", "Read although the gate refused it", [h("p", {}, gate.words), laid && h("p", {}, laid), undo()]);
  }
  return laid ? box("laid", laid, [undo()]) : null;
}

function stopped(room, row, undo) {
  const { gate } = row;
  const turn = (gate.turn || gate.inverted) && button(room, row, "turn", doWords(gate), "primary");
  return box("stopped", gate.title, [h("p", {}, gate.words), h("p", { class: "code" }, gate.code),
    h("div", { class: "ways" }, turn, button(room, row, "read", "Read it anyway", turn ? null : "primary"), undo)]);
}

const box = (state, title, parts) =>
  h("section", { class: `warnings gate ${state}`, role: state === "laid" ? "status" : "alert", data: { gate: state } }, h("h3", {}, icon("warning"), title), parts);

function button(room, row, way, words, kind) {
  return h("button", { type: "button", class: kind, data: { take: way }, onclick: (event) => take(room, row, way, event.currentTarget) }, words);
}

/** Have the film taken in another way: what was fetched of it is of the way before. */
async function take(room, row, way, pressed) {
  pressed.disabled = true;
  try {
    await room.routes.takeAs(row.id, way);
    room.shelf.forget(row.id);
    room.changed("shelf");
    room.poke();
  } catch (error) {
    pressed.disabled = false;
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
