/** The reading room: mounts once, talks to its own routes, and never makes the page run again. */

import { addCorners } from "../xraykit.viewer/corners.js";
import { parseFilm, parseHeat } from "../xraykit.viewer/film.js";
import { createHelp } from "../xraykit.viewer/help.js";
import { createKeys } from "../xraykit.viewer/keys.js";
import { addMarks } from "../xraykit.viewer/marks.js";
import { addMeasuring } from "../xraykit.viewer/measure.js";
import { createViewer } from "../xraykit.viewer/viewer.js";
import { createBar } from "./bar.js";
import { createRoutes, createShelf } from "./fetch.js";
import { createFindings } from "./findings.js";
import { commandsOf } from "./kit/commands.js";
import { Room } from "./kit/room.js";
import { createStore } from "./kit/store.js";
import { gateCommands } from "./list/gate.js";
import { createList } from "./list/list.js";
import { createRows } from "./list/rows.js";
import { createSide } from "./list/side.js";
import { createOpening } from "./open.js";
import { createHeads } from "./panes.js";
import { createReading } from "./reading/reading.js";
import { takeUnsaved } from "./reading/queue.js";
import { createReport } from "./report/report.js";
import { createSeen, seenCommand } from "./seen.js";

const mounted = new WeakMap(); // the element of Streamlit -> {key, room, skeleton}
const KEY = "xk-room"; // of sessionStorage: the address of this tab's films

/** @param {{data: {key: string, model: string|null, film: string|null}, parentElement: Element|ShadowRoot}} component of Streamlit */
export default function mount({ data, parentElement }) {
  let entry = mounted.get(parentElement);
  if (entry?.key === data.key) entry.room.showModel(data.model);
  else {
    entry = enter(parentElement, data, entry);
    mounted.set(parentElement, entry);
  }
  return () => {
    mounted.delete(parentElement);
    entry.room.destroy();
  };
}

/** A room in the skeleton; where another stood (the server was started again, the key is new), in a fresh one. */
function enter(parentElement, data, before) {
  before?.room.destroy();
  const root = parentElement.querySelector(".room");
  const skeleton = before?.skeleton ?? root.cloneNode(true);
  if (before) root.replaceWith(skeleton.cloneNode(true));
  const room = build(parentElement.querySelector(".room"), data);
  begin(room, data).catch((error) => room.isDestroyed || room.tell(error));
  return { key: data.key, room, skeleton };
}

function build(root, data) {
  const at = (name) => root.querySelector(`.${name}`);
  const base = `${import.meta.url.split("/_stcore/")[0]}/reading-room/${data.key}`; // whatever lies before the app's paths
  const room = new Room(root, createRoutes(base));
  room.store = createStore(() => room.changed("choice"));
  room.shelf = createShelf(room.routes, { parseFilm, parseHeat }, () => room.changed("shelf"));
  room.list = createList(at("list"), room.forList());
  room.table = createRows(room.routes, room.forRows());
  room.opening = createOpening({ drop: root, start: at("start") }, room);
  room.side = createSide(at("films"), room, room.opening);
  room.heads = createHeads(at("heads"), room);
  room.findings = createFindings(at("findings"), room);
  room.given = createSeen(at("saw"), room);
  room.showPanels();
  return room;
}

/** What waits for the server: the colour maps come with its first answer, and the films of before a reload. */
async function begin(room, { key, model, film }) {
  const before = sessionStorage.getItem(KEY);
  if (before && before !== key) await adopt(room, before);
  if (room.isDestroyed) return; // another room stands here, with a key of its own
  sessionStorage.setItem(KEY, key);
  await room.table.start();
  if (room.isDestroyed) return;
  const viewer = createViewer(room.at("viewer"), {
    colormaps: room.state.colormaps, onView: (view) => room.sawView(view), onPane: () => room.changed("view"),
  });
  room.viewer = viewer;
  if (room.store.get().view) viewer.set(room.store.get().view);
  addCorners(viewer);
  room.measuring = addMeasuring(viewer, { onChange: (id, measurements) => room.reading?.drawn(id, { measurements }) });
  room.marks = addMarks(viewer, { onChange: (id, marks) => room.reading?.drawn(id, { marks }) });
  room.reading = createReading(room.at("reader"), { room });
  room.report = createReport(room);
  const own = [...commandsOf(room), ...gateCommands(room), seenCommand(room), ...room.report.commands];
  room.commands = () => [...own, ...viewer.commands, ...room.measuring.commands, ...room.marks.commands, ...room.reading.commands];
  room.keys = createKeys(() => room.commands());
  room.help = createHelp(room.at("help"), room.keys);
  room.keys.bind(window);
  room.bar = createBar({ bar: room.at("bar"), line: room.at("line") }, room);
  room.begin(model);
  if (film) room.goTo([...room.rows.values()].findLast((row) => row.name === film)?.id);
  room.isOpen = true;
  room.root.dataset.state = "open";
  room.changed("rows");
}

/** After a reload the films of before become this page's; where they are gone, that is said. */
async function adopt(room, before) {
  try {
    await room.routes.adopt(before, takeUnsaved());
  } catch (error) {
    if (room.isDestroyed) return;
    if (room.store.get().current !== null) room.tell(error);
    room.store.set({ current: null }, true);
  }
}
