/** Taking a report away: a dialog over the room with the film in sight, the films of the list, and the reading session. */

import { count, fill, h } from "../kit/dom.js";
import { segments } from "../kit/menu.js";
import { filmOf, shownOf } from "./ask.js";
import { createList } from "./list.js";
import { createPages } from "./pages.js";
import { createWork } from "./work.js";

/**
 * @param {any} room
 * @returns {{commands: any[], destroy: () => void}}
 */
export function createReport(room) {
  const choices = { look: "paper", sheet: "a4", names: false, full: false, kind: "pdf" }; // names: never before the reader asks
  let open = null; // {show, end} while the dialog is there
  const work = createWork(room.routes, (state) => {
    open?.show();
    if (!open && state.state !== "running") room.say(`${count(state.done, "film")} of ${state.total.toLocaleString("en-US")} done: ${state.what === "sheet" ? "the contact sheet" : "the reports"} can be had under Report.`);
  });

  function show() {
    if (open) return;
    choices.names = false;
    let film = room.row() && filmOf(room); // as it is in sight: what arrives meanwhile may lead to another
    const parts = {
      film: () => createPages(room, { ask: () => (film = room.row()?.id === film.film ? filmOf(room) : film), names: true, slide: true, choices }),
      list: () => createList(room, choices, work),
      session: () => createPages(room, { ask: () => ({ what: "session" }), choices }),
    };
    const films = shownOf(room).length;
    const names = [...(room.row() && !room.row().local ? [["film", "This film"]] : []), ...(films ? [["list", `The list (${films.toLocaleString("en-US")})`]] : []), ["session", "The reading session"]];
    const tabs = h("div", { class: "report-tabs" });
    const place = h("div", { class: "report-place" });
    let [name, part] = ["", null];
    const turn = (to) => {
      part?.end();
      [name, part] = [to, parts[to]()];
      fill(tabs, segments("Report of", names, name, turn));
      tabs.querySelector("[aria-pressed=true]")?.focus();
      fill(place, part.element);
      dialog.dataset.part = name;
      part.refresh();
      part.show?.();
    };
    const dialog = room.dialog("Report", h("div", { class: "report" }, tabs, place), () => {
      part?.end();
      open = null;
      room.reading?.cover(false);
    });
    dialog.classList.add("report-dialog");
    room.reading?.cover(true); // nobody reads the film behind it
    open = { show: () => part?.show?.() };
    turn(names[0][0]);
    work.look();
  }

  return {
    commands: [{ name: "report", label: "Report of the film, the list or the session", group: "Reading", key: "Shift+D", run: show }],
    destroy: () => work.end(),
  };
}
