/** The reader: what is recorded of each film, by key or pointer, and when the models may be seen. */

import { createPanel } from "./panel.js";
import { createRecorder } from "./recorder.js";
import { createSeen } from "./seen.js";
import { createSession } from "./session.js";

const DIGITS = [1, 2, 3, 4, 5, 6, 7, 8, 9];

/**
 * @param {HTMLElement} root the panel's place
 * @param {{room: any}} context
 * @returns {{show: (row: any) => void, commands: any[], hidden: (row: any) => boolean, drawn: (id: string, list: object) => void,
 *   settle: () => Promise<void>, forget: () => void, destroy: () => void}}
 */
export function createReading(root, { room }) {
  const seen = createSeen();
  const recorder = createRecorder((id, body, said, keepalive) => room.routes.impression(id, body, said, { keepalive }), () => panel.status(recorder.saved, recorder.words));
  const target = { id: null, place: 0 }; // the model that the next V, D or S is about
  const laid = new Map(); // film id -> {marks, measurements} as they lie on it
  const session = createSession({ room, classes, settle: () => recorder.settle(), forget, cover: (over) => recorder.cover(over) });
  const panel = createPanel(root, {
    room, classes, record, say: sayOf, reveal, answered, session: session.controls, toggleBlind: () => setBlind(!room.blind()),
    target: (row) => answered(row)[target.place]?.name,
  });

  /** What may be found, in the order of the digits. */
  function classes() {
    const chosen = room.state.reading?.classes ?? [];
    return chosen.length ? chosen : [...new Set(room.state.models.flatMap((model) => model.classes))];
  }
  /** The models that are on and have an answer for this film. */
  function answered(row) {
    return room.state.models.filter((model) => room.models().includes(model.name) && row.models?.[model.name]?.top)
      .map(({ name }) => ({ name, title: room.titleOf(name) }));
  }
  /** Are the models' answers to be kept from the reader? */
  function hidden(row) {
    if (!room.blind() || row?.state !== "ready" || seen.has(row)) return false;
    const impression = recorder.impression(row);
    return !impression || (impression.blind && !impression.finding);
  }
  function aim(row) {
    const names = answered(row).map((model) => model.name);
    const said = recorder.draft(row).agrees;
    if (target.id === row.id) return;
    target.id = row.id;
    target.place = Math.max(0, names.findIndex((name) => !said[name]));
  }
  function draw() {
    const row = room.row();
    const ready = row?.state === "ready";
    if (ready) aim(row);
    panel.show(row, ready ? recorder.draft(row) : null, hidden(row));
  }
  /** What was drawn on a film comes back onto it: after another film, a reload, with a session that goes on. */
  function lay(row) {
    if (row?.state !== "ready") return;
    const { marks, measurements } = recorder.draft(row);
    const there = laid.get(row.id);
    laid.set(row.id, { marks, measurements });
    if (there?.marks !== marks) room.marks.set(row.id, marks);
    if (there?.measurements !== measurements) room.measuring.set(row.id, measurements);
  }
  function look(row) {
    if (row?.state === "ready" && !hidden(row)) seen.add(row);
  }

  /** @param {object} partial @param {any} row the film it is said of: who writes on a panel means the film drawn there */
  function record(partial, row = room.row()) {
    if (row?.state !== "ready") return;
    const blind = hidden(row);
    const decides = blind && Boolean(partial.finding);
    recorder.change(row, partial, blind, decides || "flagged" in partial);
    if (decides) seen.add(row);
    panel.status(recorder.saved, recorder.words);
    draw();
    if (decides) room.changed("choice"); // the models come out
  }
  function reveal() {
    const row = room.row();
    if (!row || !hidden(row)) return;
    recorder.change(row, {}, false, true); // whatever is said from now on was said with the models in sight
    seen.add(row);
    draw();
    room.changed("choice");
  }
  function sayOf(model, what, row) {
    if (!row || hidden(row)) return;
    const { agrees } = recorder.draft(row);
    const { [model]: said, ...others } = agrees;
    record({ agrees: said === what ? others : { ...others, [model]: what } }, row);
  }
  /** What is said by key is about one model after the other. */
  function sayNext(what) {
    const row = room.row();
    if (row?.state !== "ready" || hidden(row)) return;
    const models = answered(row);
    if (!models.length) return;
    const place = Math.min(target.place, models.length - 1);
    target.place = (place + 1) % models.length;
    record({ agrees: { ...recorder.draft(row).agrees, [models[place].name]: what } });
  }
  function setBlind(blind) {
    room.table.choose({ blind }, { blind }).catch((error) => room.tell(error));
    look(room.row());
    draw();
    room.changed("choice");
  }
  /** @param {string} begun what the server calls the session that follows */
  function forget(begun) {
    recorder.forget(begun);
    seen.clear();
    laid.clear();
    target.id = null;
    panel.forget();
    room.changed("choice");
  }

  return {
    show(row) {
      if (row?.state !== "ready") recorder.show(null);
      else recorder.show(row, () => hidden(row));
      for (const film of new Set([row, ...(room.panes ?? []).map((pane) => room.row(pane.film?.id))])) lay(film);
      look(row);
      session.show();
      draw();
      panel.status(recorder.saved, recorder.words);
    },
    hidden,
    /** Marks or measurements on a film have changed: they are kept with its impression. */
    drawn(id, list) {
      const row = room.rows.get(id);
      if (row?.state !== "ready") return;
      recorder.change(row, list, hidden(row));
      laid.set(id, { ...laid.get(id), ...list });
      draw();
    },
    commands: [
      ...DIGITS.map((digit) => ({
        name: `finding-${digit}`, label: `Finding ${digit}`, group: "Reading", key: String(digit),
        run: () => classes()[digit - 1] && record({ finding: classes()[digit - 1] }),
      })),
      { name: "finding-none", label: "Take the finding back", group: "Reading", key: "0", run: () => record({ finding: null }) },
      { name: "agree", label: "Agree with the model", group: "Reading", key: "V", run: () => sayNext("agree") },
      { name: "disagree", label: "Disagree with the model", group: "Reading", key: "D", run: () => sayNext("disagree") },
      { name: "unsure", label: "Unsure of the model", group: "Reading", key: "S", run: () => sayNext("unsure") },
      { name: "flag", label: "Flag the film", group: "Reading", key: "K", run: () => room.row()?.state === "ready" && record({ flagged: !recorder.draft(room.row()).flagged }) },
      { name: "comment", label: "Write a comment", group: "Reading", key: "Shift+N", run: () => panel.comment() },
      { name: "blind", label: "Blind mode: read before the models are shown", group: "Reading", key: "J", run: () => setBlind(!room.blind()) },
      { name: "reveal", label: "Show the models without a finding", group: "Reading", key: "Shift+J", run: reveal },
      { name: "summary", label: "Summary of the session", group: "Reading", key: "Shift+S", run: () => session.summary() },
    ],
    settle: () => recorder.settle(),
    cover: (over) => recorder.cover(over),
    forget,
    destroy: () => recorder.destroy(),
  };
}
