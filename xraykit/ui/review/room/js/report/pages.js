/** A report in the dialog: its pages to look at, and every format a click away. */

import { fill, h, say } from "../kit/dom.js";
import { icon } from "../kit/icons.js";
import { segments } from "../kit/menu.js";

const LOOKS = [["paper", "Paper"], ["stage", "Stage"]];
const SHEETS = [["a4", "A4"], ["wide", "16:9"]];
const FULL = "Every section, table and chart. Without it: what fits a page or a few.";
const NAMES = "The report is then called by the file's name, which may say who the patient is.";

/**
 * @param {any} room
 * @param {{ask: () => object, names?: boolean, slide?: boolean, choices: {look: string, sheet: string, names: boolean, full: boolean}}} what
 *   ask: what the report shows; names: is there a file's name to give; slide: can one be made of it
 * @returns {{element: HTMLElement, left: HTMLElement, right: HTMLElement, refresh: () => void, end: () => void}}
 */
export function createPages(room, { ask, names = false, slide = false, choices }) {
  const picture = h("div", { class: "report-page", tabindex: "0", role: "region", "aria-label": "Preview" });
  const turn = h("div", { class: "report-turn" });
  const status = h("p", { class: "report-status", role: "status" });
  const files = h("div", { class: "report-files", role: "group", "aria-label": "Download as" });
  const controls = h("div", { class: "report-controls" });
  const left = h("div", { class: "report-left" }, picture, turn);
  const right = h("div", { class: "report-right scroll" }, controls, files, status);
  const element = h("div", { class: "report-body" }, left, right);
  let way = new AbortController();
  let shown = { pages: [], kinds: [], title: "" };
  let page = 0;
  let large = false;

  const wish = (more) => ({ ...ask(), names: choices.names, full: choices.full, look: choices.look, sheet: choices.sheet, ...more });
  function choose(partial) {
    Object.assign(choices, partial);
    drawControls();
    refresh();
  }
  function drawControls() {
    const at = controls.getRootNode().activeElement?.dataset?.item;
    fill(controls, segments("Preview", SHEETS, choices.sheet, (sheet) => choose({ sheet })), segments("Look", LOOKS, choices.look, (look) => choose({ look })),
      h("label", { class: "tick-line", title: FULL }, h("input", { type: "checkbox", checked: choices.full, data: { item: "full" }, onchange: (event) => choose({ full: event.target.checked }) }), h("span", {}, "With the appendix")),
      names && h("label", { class: "tick-line", title: NAMES }, h("input", { type: "checkbox", checked: choices.names, data: { item: "names" }, onchange: (event) => choose({ names: event.target.checked }) }), h("span", {}, "With the file's name")));
    if (at) controls.querySelector(`[data-item="${CSS.escape(at)}"]`)?.focus();
  }
  function drawPage() {
    const last = shown.pages.length - 1;
    page = Math.min(page, Math.max(0, last));
    const words = `Page ${page + 1} of ${last + 1}: ${shown.title}`;
    fill(picture, last >= 0 && h("img", { src: `data:image/png;base64,${shown.pages[page]}`, alt: words, data: { sheet: choices.sheet } }));
    picture.scrollTop = 0;
    const step = (by, drawing, label) => h("button", {
      type: "button", class: `icon-button ${drawing}`, "aria-label": label, "aria-disabled": String(!shown.pages[page + by]), data: { item: label },
      onclick: () => shown.pages[page + by] !== undefined && ((page += by), drawPage(), turn.querySelector(`[data-item="${label}"]`)?.focus()),
    }, icon("next"));
    fill(turn, last > 0 && [step(-1, "back", "Page before"), h("span", { role: "status" }, `Page ${page + 1} of ${last + 1}`), step(1, "on", "Next page")],
      last >= 0 && h("button", { type: "button", class: "text", "aria-pressed": String(large), data: { item: "large" }, onclick: enlarge }, large ? "Whole page" : "Enlarge"));
    picture.dataset.large = String(large);
  }
  function drawFiles() {
    const button = (label, kind, more) => h("button", { type: "button", class: "report-file", data: { kind, item: `${kind}${more ? "-slide" : ""}` }, onclick: () => download(label, { kind, ...more }) }, label);
    fill(files, slide && [h("h3", {}, "Make a slide"), h("div", { class: "report-slides" }, button("PowerPoint", "pptx", { slide: true }), button("PNG, 1920 x 1080", "png", { slide: true }))],
      shown.kinds.length > 0 && h("h3", {}, "Download"), shown.kinds.map(({ kind, name }) => button(name, kind)));
  }

  function enlarge() {
    large = !large;
    drawPage();
    turn.querySelector("[data-item=large]").focus();
  }

  /** Ask for the pages anew; what was on its way is given up. */
  async function refresh() {
    way.abort();
    way = new AbortController();
    const { signal } = way;
    picture.setAttribute("aria-busy", "true");
    element.dataset.ready = left.dataset.ready = "false";
    if (!shown.pages.length) fill(picture, h("p", { class: "report-words" }, "Setting the pages"));
    say(status, "Setting the pages");
    try {
      await room.reading?.settle();
      const answer = await room.routes.report(wish(), signal);
      if (signal.aborted) return;
      shown = answer;
      say(status, "");
      drawPage();
      drawFiles();
    } catch (error) {
      if (signal.aborted) return;
      shown = { pages: [], kinds: [], title: "" };
      drawPage();
      fill(files);
      fill(picture, h("p", { role: "alert", class: "report-words" }, error.words ?? String(error)));
      say(status, "");
    }
    picture.removeAttribute("aria-busy");
    element.dataset.ready = left.dataset.ready = "true";
  }
  async function download(label, more) {
    if (files.getAttribute("aria-busy")) return;
    files.setAttribute("aria-busy", "true");
    status.classList.remove("warning");
    say(status, `Making ${label}`);
    try {
      await room.reading?.settle();
      const name = await room.routes.reportFile(wish(more));
      say(status, `Saved as ${name}`);
    } catch (error) {
      status.classList.add("warning");
      say(status, error.words ?? String(error));
    }
    files.removeAttribute("aria-busy");
  }

  drawControls();
  return { element, left, right, refresh, end: () => way.abort() };
}
