/** The session's menu: what is kept, under which name, with which findings; kept sessions, exports and the summary. */

import { fill, h, say } from "../kit/dom.js";
import { sheetOf } from "../kit/menu.js";
import { summaryOf } from "./summary.js";

/**
 * @param {{room: any, classes: () => string[], settle: () => Promise<void>, forget: (begun: string) => void,
 *   cover: (over: boolean) => void}} reader
 * @returns {{controls: HTMLElement[], show: () => void, summary: () => void}}
 */
export function createSession(reader) {
  const { room } = reader;
  const button = h("button", { type: "button", class: "reader-session" }, "Session");
  let kept = null; // the kept sessions, once asked for
  let lists = 0; // how often they were
  let words = "";
  let typed = {}; // into the form and not asked for yet: it stays when the form is drawn anew
  const menu = sheetOf(button, "Reading session", (close) => form(close));

  menu.sheet.addEventListener("beforetoggle", ({ newState }) => {
    if (newState === "closed") [kept, words, typed] = [null, "", {}]; // another tab may have kept one meanwhile
  });

  const state = () => room.state.reading ?? {};
  /** Would impressions be gone with this session? */
  const loses = () => !state().keep && (state().films > 0 || [...room.rows.values()].some((row) => row.impression));
  /** Ask the server; what it refuses is said in the sheet. */
  async function ask(body) {
    words = "";
    try {
      await reader.settle();
      const asked = typed;
      const chosen = await room.table.choose(body);
      if (typed === asked) typed = {};
      if (body.resume || body.end) reader.forget(chosen.session);
      await list();
      if (body.resume || body.end) room.changed("rows");
    } catch (error) {
      words = error.words ?? String(error);
    }
    menu.refresh();
    show();
  }
  async function list() {
    const now = (lists += 1);
    const answer = await room.routes.reading();
    if (now === lists) kept = answer.kept; // else a later one knows better
    return answer;
  }
  async function labels(file) {
    words = "";
    try {
      const address = `${room.routes.base}/reading/labels?${new URLSearchParams({ name: file.name })}`;
      const answer = await fetch(address, { method: "POST", body: file, cache: "no-store" });
      const said = await answer.json();
      words = answer.ok ? `Labels of ${said.labels} films were read; ${said.films} of them were read already.` : said.words;
      await list();
    } catch {
      words = "The table could not be sent. Is xraykit still running?";
    }
    menu.refresh();
  }

  function form(close) {
    if (kept === null) {
      kept = [];
      list().then(() => menu.refresh(), () => {});
    }
    const now = state();
    const title = h("input", { type: "text", value: typed.title ?? now.title ?? "", maxlength: 200, "aria-label": "Name of the session", placeholder: "Name", data: { item: "title" }, oninput: () => (typed = { ...typed, title: title.value }) });
    const names = h("textarea", { rows: 4, "aria-label": "Findings, one a line", data: { item: "classes" }, oninput: () => (typed = { ...typed, classes: names.value }) });
    names.value = typed.classes ?? reader.classes().join("\n");
    const lines = () => [...new Set(names.value.split("\n").map((line) => line.trim()).filter(Boolean))];
    const choose = (partial) => ask({ title: title.value.trim(), classes: lines(), ...partial });
    return [
      h("p", { class: "sheet-title" }, "Reading session"),
      h("p", { class: "quiet" }, now.keep ? `Kept on this computer as ${now.name}` : "Kept nowhere: it ends with this tab."),
      h("label", { class: "field" }, h("span", {}, "Name"), title),
      h("label", { class: "field tall" }, h("span", {}, "Findings, one a line; keys 1 to 9"), names),
      tick("Keep file names", now.names, (on) => choose({ names: on })),
      tick("Keep small pictures (96 pixels)", now.pictures, (on) => choose({ pictures: on })),
      h("div", { class: "reader-line" },
        h("button", { type: "button", class: "primary", data: { item: "keep" }, onclick: () => choose({ keep: true }) }, now.keep ? "Save" : "Keep on disk"),
        now.keep && h("button", { type: "button", data: { item: "unkeep" }, onclick: sure("Delete from disk", true, () => choose({ keep: false })) }, "Keep no longer"),
        !now.keep && h("button", { type: "button", data: { item: "save" }, onclick: () => choose({}) }, "Set findings"),
        h("button", { type: "button", data: { item: "end" }, onclick: sure("End and discard", loses(), () => ask({ end: true })) }, "End session")),
      words && h("p", { role: "alert", class: "warning" }, words),
      h("p", { class: "sheet-title" }, "Results"),
      h("div", { class: "reader-line" },
        h("button", { type: "button", data: { item: "summary" }, onclick: () => (close(), summary()) }, "Summary"),
        download("reading.csv", "CSV"), download("reading.json", "JSON")),
      h("label", { class: "field tall" }, h("span", {}, "Reference labels: a table with a column of films and one of classes"),
        h("input", { type: "file", accept: ".csv,.tsv", data: { item: "labels" }, onchange: (event) => event.target.files[0] && labels(event.target.files[0]) })),
      ...resumable(now),
    ];
  }
  function resumable(now) {
    const others = (kept ?? []).filter((each) => each.name !== now.name);
    if (!others.length) return [];
    return [h("p", { class: "sheet-title" }, "Kept sessions"), h("ul", { class: "kept" }, others.map((each) => h("li", {},
      h("span", {}, h("b", {}, each.title || each.name), h("small", {}, each.refused || `${each.films} films, ${each.changed.slice(0, 16).replace("T", " ")}${each.blind ? ", blind" : ""}`)),
      !each.refused && h("button", { type: "button", disabled: each.open, data: { item: `resume-${each.name}` }, onclick: sure("Resume, discard this one", loses(), () => ask({ resume: each.name })) }, each.open ? "Open in a tab" : "Resume"),
      h("button", { type: "button", disabled: each.open, data: { item: `delete-${each.name}` }, "aria-label": `Delete ${each.title || each.name}`, onclick: sure("Delete for good", true, () => ask({ delete: each.name })) }, "Delete"))))];
  }
  const download = (file, label) => h("a", { class: "button", href: `${room.routes.base}/${file}`, download: file, data: { item: file }, onclick: () => reader.settle() }, label);

  async function summary() {
    if (room.at("session-summary")) return;
    const content = h("div", { class: "scroll session-summary", tabindex: "0" }, h("p", { class: "quiet" }, "Counting"));
    room.dialog("Summary of the session", content, () => reader.cover(false));
    reader.cover(true);
    try {
      await reader.settle();
      const answer = await list();
      fill(content, ...summaryOf(answer, room.titleOf), h("div", { class: "reader-line" }, download("reading.csv", "CSV"), download("reading.json", "JSON")));
      content.dataset.ready = "true";
    } catch (error) {
      fill(content, h("p", { role: "alert" }, error.words ?? String(error)));
    }
  }
  function show() {
    const now = state();
    say(button, now.keep ? now.title || "Session" : "Session");
    button.dataset.kept = now.keep ? now.name : "";
    button.title = now.keep ? `Kept as ${now.name}` : "This session is not kept";
  }
  return { controls: [button, menu.sheet], show, summary };
}

function tick(label, on, change) {
  return h("label", { class: "tick-line" }, h("input", {
    type: "checkbox", checked: Boolean(on), data: { item: label }, onchange: (event) => change(event.target.checked),
  }), h("span", {}, label));
}

/** What cannot be undone is asked once more, in the same place and in words that say what is lost. */
function sure(words, loses, run) {
  return ({ currentTarget: button }) => {
    if (!loses || button.dataset.sure) return run();
    button.dataset.sure = "true";
    button.textContent = words;
  };
}
