/** The reader's panel: findings, what the reader says of each model, words, flag, and whether all of it is saved. */

import { fill, h, say, shortened } from "../kit/dom.js";
import { icon } from "../kit/icons.js";

const SAYS = [["agree", "Agree"], ["disagree", "Disagree"], ["unsure", "Unsure"]];
const MOST_TEXT = 4000;
const KEYS = 9; // findings that have a digit

/**
 * @param {HTMLElement} root
 * @param {{room: any, record: (partial: object, row: any) => void, say: (model: string, what: string, row: any) => void,
 *   toggleBlind: () => void, reveal: () => void, session: HTMLElement[], classes: () => string[]}} reader
 */
export function createPanel(root, reader) {
  const { room } = reader;
  const blind = h("button", { type: "button", class: "switch", onclick: reader.toggleBlind }, "Blind first");
  const findings = h("div", { class: "reader-findings", role: "group", "aria-label": "Finding" });
  const models = h("div", { class: "reader-models" });
  const comment = h("textarea", {
    rows: 2, maxlength: MOST_TEXT, "aria-label": "Comment", placeholder: "Comment", class: "reader-comment",
    oninput: () => record({ text: comment.value }),
    onkeydown: (event) => event.key === "Escape" && comment.blur(),
  });
  const flag = h("button", { type: "button", class: "reader-flag", onclick: () => record({ flagged: !draft?.flagged }) },
    icon("flag", 14), h("span", {}, "Flag"));
  const marks = h("span", { class: "quiet reader-marks" });
  const status = h("p", { class: "quiet reader-status", role: "status" });
  const form = h("div", { class: "reader-form" }, findings, models, comment, h("div", { class: "reader-line" }, flag, marks));
  let draft = null;
  let film = null; // the row that is drawn
  const current = () => film && (room.rows.get(film.id) ?? film);
  const record = (partial) => film && reader.record(partial, current());
  let drawn = "";
  fill(root, h("div", { class: "reader-head" }, h("h3", {}, "Your reading"), blind, ...reader.session), form, status);

  function drawFindings() {
    const keys = (place) => (place < KEYS ? room.keysOf(`finding-${place + 1}`)[0] ?? "" : "");
    fill(findings, reader.classes().map((label, place) => h("button", {
      type: "button", class: "reader-finding", "aria-pressed": String(draft.finding === label), data: { finding: label }, "aria-label": label,
      onclick: () => record({ finding: draft.finding === label ? null : label }),
    }, h("kbd", {}, keys(place)), shortened(label))));
    if (!reader.classes().length) fill(findings, h("p", { class: "quiet" }, "No findings to choose from: name them under Session."));
    if (draft.before && draft.before !== draft.finding) {
      findings.append(h("p", { class: "quiet" }, `Before the models were shown: ${draft.before}`));
    }
  }

  function drawModels(row, hidden) {
    if (hidden) {
      fill(models, h("p", { class: "quiet" }, "The models are hidden until you choose a finding."),
        h("button", { type: "button", onclick: reader.reveal }, "Show the models"));
      return;
    }
    const target = reader.target(row);
    fill(models, room.blind() && !draft.before && h("p", { class: "quiet" }, "You have seen what the models say of this film: it is not read blind."),
      reader.answered(row).map((model) => h("div", {
      class: "reader-model", role: "group", "aria-label": `You and ${model.title}`, data: { model: model.name, target: String(model.name === target) },
    }, shortened(model.title, "reader-name"),
    h("span", { class: "segments" }, SAYS.map(([what, label]) => h("button", {
      type: "button", "aria-pressed": String(draft.agrees[model.name] === what), data: { says: what },
      onclick: () => reader.say(model.name, what, current()),
    }, label))))));
  }

  return {
    /** @param {any} row @param {import("./recorder.js").Draft|null} now @param {boolean} hidden */
    show(row, now, hidden) {
      draft = now;
      film = row;
      root.hidden = !row || row.state !== "ready";
      blind.setAttribute("aria-pressed", String(room.blind()));
      if (root.hidden) return;
      if (comment.value !== draft.text) comment.value = draft.text;
      flag.setAttribute("aria-pressed", String(draft.flagged));
      say(marks, draft.marks.length ? `${draft.marks.length} mark${draft.marks.length === 1 ? "" : "s"} on the film` : "");
      const mark = JSON.stringify([row.id, room.blind(), draft.finding, draft.before, draft.agrees, hidden, reader.classes(), reader.answered(row), reader.target(row)]);
      if (mark === drawn) return;
      drawn = mark;
      drawFindings();
      drawModels(row, hidden);
      root.dataset.film = row.id;
      root.dataset.finding = draft.finding ?? "";
    },
    /** Whether everything is saved, or why not. */
    status(saved, words) {
      root.dataset.saved = String(saved && !words);
      say(status, words ? `Not saved. ${words}` : "");
      status.classList.toggle("warning", Boolean(words));
    },
    comment: () => comment.focus(),
    forget() {
      drawn = "";
    },
  };
}
