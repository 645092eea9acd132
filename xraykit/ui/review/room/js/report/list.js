/** The films of the list: the report of each in one ZIP, or all of them on a contact sheet. The server works; this tells how far. */

import { count, duration, fill, h, say } from "../kit/dom.js";
import { segments } from "../kit/menu.js";
import { listOf, shownOf } from "./ask.js";
import { createPages } from "./pages.js";

const LOOKS = [["paper", "Paper"], ["stage", "Stage"]];
const KINDS = [["pdf", "PDF, A4"], ["pdf-wide", "PDF, 16:9"], ["png", "PNG, 1920 x 1080"], ["png-2160p", "PNG, 3840 x 2160"], ["png-a4", "PNG, A4 at 300 dpi"],
  ["pptx", "PowerPoint"], ["html", "Web page"], ["markdown", "Markdown"], ["json", "JSON, every number"], ["dicom", "DICOM Secondary Capture"], ["dicom-state", "DICOM Presentation State"]];
const MOST_SMALL = 60; // as many as the server may be asked for at once
const NAMES = "Reports are then called by the files' names, which may say who the patients are.";

/**
 * @param {any} room
 * @param {{look: string, sheet: string, names: boolean, full: boolean, kind: string}} choices
 * @param {{state: () => any, begin: (body: object) => Promise<void>, stop: () => void}} work of the server
 */
export function createList(room, choices, work) {
  const form = h("div", {});
  const bar = h("progress", { max: 1, "aria-label": "Films done" });
  const words = h("p", { class: "report-status", role: "status" });
  const stop = h("button", { type: "button", data: { item: "stop" }, onclick: () => work.stop() }, "Stop");
  const done = h("p", { class: "report-done" });
  const going = h("div", { class: "report-going", hidden: true }, bar, stop);
  const left = h("div", { class: "report-holder" });
  const files = h("div", {});
  const element = h("div", { class: "report-body report-list" }, left, h("div", { class: "report-right scroll" }, form, going, words, done, files));
  let pages = null;
  let drawn = "";
  const begin = (more) => async () => {
    if (work.state()?.state === "running") return;
    words.classList.remove("warning");
    say(words, "Starting");
    try {
      await room.reading?.settle();
      await work.begin({ ...listOf(room), names: choices.names, full: choices.full, look: choices.look, kind: choices.kind, ...more });
    } catch (error) {
      words.classList.add("warning");
      say(words, error.words ?? String(error));
    }
  };
  function drawForm() {
    if (pages) return fill(form, h("p", {}, "The contact sheet."), h("button", { type: "button", data: { item: "back" }, onclick: () => (closeSheet(), drawForm()) }, "Back to the films"));
    const rows = shownOf(room);
    const isFiltered = rows.length < room.rows.size;
    const set = (partial) => {
      Object.assign(choices, partial);
      drawForm();
    };
    const at = form.getRootNode().activeElement?.dataset?.item;
    fill(form,
      h("p", {}, isFiltered ? `The ${count(rows.length, "film")} that the list shows, of ${count(room.rows.size, "film")}.` : `All ${count(rows.length, "film")} of the list, in its order.`),
      h("label", { class: "field" }, h("span", {}, "Format"), h("select", { data: { item: "kind", ownKeys: "ArrowDown ArrowUp Space Enter" }, onchange: (event) => set({ kind: event.target.value }) },
        KINDS.map(([value, label]) => h("option", { value, selected: value === choices.kind }, label)))),
      segments("Look", LOOKS, choices.look, (look) => set({ look })),
      h("label", { class: "tick-line" }, h("input", { type: "checkbox", checked: choices.full, data: { item: "full" }, onchange: (event) => set({ full: event.target.checked }) }), h("span", {}, "With the appendix")),
      h("label", { class: "tick-line", title: NAMES }, h("input", { type: "checkbox", checked: choices.names, data: { item: "names" }, onchange: (event) => set({ names: event.target.checked }) }), h("span", {}, "With the files' names")),
      h("div", { class: "report-begin" },
        h("button", { type: "button", class: "primary", data: { item: "begin" }, onclick: begin({ what: "film" }) }, `Make ${count(rows.length, "report")}`),
        h("button", { type: "button", data: { item: "sheet" }, onclick: begin({ what: "sheet" }) }, "Make a contact sheet")));
    if (at) form.querySelector(`[data-item="${CSS.escape(at)}"]`)?.focus();
  }
  /** The films that are meant, small and numbered as in the index. */
  function closeSheet() {
    pages?.end();
    pages = null;
    fill(files);
    const rows = shownOf(room);
    const small = (row, place) => {
      const picture = row.thumb ? h("img", { alt: "" }) : h("i", {}, row.state === "refused" ? "Refused" : "");
      if (row.thumb) room.shelf.thumb(row, (address) => (picture.src = address));
      return h("li", { title: room.nameOf(row) }, picture, h("span", {}, place + 1));
    };
    fill(left, h("ol", { class: "report-films scroll", tabindex: "0", "aria-label": "The films" }, rows.slice(0, MOST_SMALL).map(small),
      rows.length > MOST_SMALL && h("li", { class: "more" }, `and ${(rows.length - MOST_SMALL).toLocaleString("en-US")} more`)));
  }
  function openSheet() {
    pages = createPages(room, { ask: () => ({ what: "sheet" }), choices });
    drawForm();
    fill(left, pages.left);
    fill(files, pages.right);
    pages.refresh();
  }

  closeSheet();
  drawForm();
  return {
    element,
    /** Tell how far the work is. */
    show() {
      const state = work.state();
      const running = state?.state === "running";
      const had = going.contains(going.getRootNode().activeElement);
      going.hidden = !running;
      element.dataset.work = state?.state ?? "none";
      for (const button of form.querySelectorAll(".report-begin button")) button.setAttribute("aria-disabled", String(running));
      if (running) bar.value = state.total ? state.done / state.total : 0;
      else if (had) form.querySelector("[data-item=begin]")?.focus();
      if (!state) return;
      words.classList.toggle("warning", state.state === "failed");
      say(words, wordsOf(state));
      const mark = JSON.stringify(running ? null : state);
      if (mark === drawn) return;
      drawn = mark;
      fill(done, !running && state.name && h("a", { class: "button primary", href: `${room.routes.base}/report/work/file`, download: state.name, data: { item: "zip" } }, `Download ${state.name}`));
      if (!running && state.what === "sheet" && state.state !== "failed") openSheet();
    },
    refresh: drawForm,
    end: () => pages?.end(),
  };
}

function wordsOf({ state, stopping, what, done, total, refused, eta_seconds: seconds, words }) {
  const far = `${done.toLocaleString("en-US")} of ${count(total, "film")}`;
  const without = refused ? `, ${refused.toLocaleString("en-US")} without ${what === "sheet" ? "a picture" : "a report"}` : "";
  if (stopping) return `${far} done. Stopping after this one`;
  if (state === "running") return `${far} done${without}${seconds === null ? "" : `, ${duration(seconds)} left`}`;
  if (state === "failed") return `${far} done. ${words}`;
  const told = what === "film" || what === "films" ? " The index in the ZIP says what became of each." : "";
  return state === "stopped" ? `Stopped: ${far} done${without}.${told}` : `${far} done${without}.${told}`;
}
