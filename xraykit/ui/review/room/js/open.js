/** How films come in: dropped anywhere, chosen as files or a folder, by a path on this computer, or drawn by xraykit. */

import { count, fill, h, say } from "./kit/dom.js";
import { icon } from "./kit/icons.js";

const AT_ONCE = 3; // uploads
const MOST_FILES = 20_000; // of one drop
const PROMISE = "DICOM, PNG, JPEG, TIFF, BMP, WebP or JPEG 2000, 8 to 16 bits, up to 50 MB each. Films stay on this computer until you close them; nothing is sent anywhere.";

/**
 * @param {{drop: HTMLElement, start: HTMLElement}} places where drops are taken, and the start screen
 * @param {any} room
 */
export function createOpening({ drop, start }, room) {
  const uploads = createUploads(room);
  const files = h("input", { type: "file", multiple: true, class: "unseen", tabIndex: -1, "aria-label": "Choose films", onchange: chosen });
  const folder = h("input", { type: "file", webkitdirectory: true, class: "unseen", tabIndex: -1, "aria-label": "Choose a folder", onchange: chosen });
  function chosen(event) {
    uploads.add([...event.target.files].map((file) => ({ file, name: file.webkitRelativePath || file.name })));
    event.target.value = "";
  }
  const forms = [];
  const form = (large) => {
    const built = openForm(room, { files, folder, large });
    forms.push(built);
    return built.element;
  };
  fill(start, h("div", { class: "welcome" }, h("div", { class: "zone" }, icon("open", 34), h("h2", {}, "Drop chest films here"),
    h("p", {}, "Files, folders, zip files or a DICOM study.")), form(true), h("p", { class: "promise" }, PROMISE)));
  drop.append(files, folder);
  const veil = h("div", { class: "drop-veil", hidden: true }, h("p", {}, icon("open", 28), "Drop films, folders or zip files"));
  drop.append(veil);
  const stopDrops = takeDrops(drop, veil, uploads.add, room.say);
  return {
    /** The same ways in, for a sheet beside the list. */
    sheet: () => [h("p", { class: "sheet-title" }, "Open films"), openForm(room, { files, folder, large: false }).element,
      h("p", { class: "promise" }, "Or drop films, folders and zip files anywhere.")],
    uploads,
    choose: () => files.click(),
    destroy: stopDrops,
  };
}

function openForm(room, { files, folder, large }) {
  const words = h("p", { class: "form-words", role: "status" });
  const tell = (error) => say(words, error.words ?? "That did not work. Try again.");
  const path = h("input", { type: "text", name: "path", placeholder: "/data/study", autocomplete: "off", spellcheck: "false", "aria-label": "Path of a film, folder, zip file or study on this computer" });
  const sample = (name, label) => h("button", {
    type: "button", class: "text", data: { sample: name },
    onclick: () => {
      room.jump = true;
      room.routes.sample(name).then(() => say(words, ""), tell);
    },
  }, label);
  const element = h("form", {
    class: "open-form",
    onsubmit: (event) => {
      event.preventDefault();
      say(words, "");
      room.jump = true;
      const asked = path.value;
      room.routes.open(asked).then(() => {
        if (path.value === asked) path.value = ""; // not what was typed meanwhile
        room.poke();
      }, tell);
    },
  },
  h("div", { class: "ways" }, h("button", { type: "button", class: large ? "primary" : null, onclick: () => files.click() }, "Choose films…"),
    h("button", { type: "button", onclick: () => folder.click() }, "Choose a folder…")),
  h("div", { class: "path" }, h("label", {}, h("span", {}, "Open by path"), path), h("button", { type: "submit" }, "Open")),
  words,
  h("div", { class: "ways" }, sample("png", "Synthetic PNG"), sample("dicom", "Synthetic DICOM (12-bit)")));
  return { element };
}

/** What is dropped anywhere on the room is taken; returns how to stop. */
function takeDrops(target, veil, add, tell) {
  let inside = 0;
  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  const handlers = {
    dragenter: (event) => {
      if (!holdsFiles(event)) return;
      inside += 1;
      veil.hidden = false;
    },
    dragleave: () => {
      inside = Math.max(0, inside - 1);
      veil.hidden = inside === 0;
    },
    dragover: (event) => holdsFiles(event) && event.preventDefault(),
    drop: async (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      inside = 0;
      veil.hidden = true;
      add(await filesOf(event.dataTransfer, tell));
    },
  };
  // on the window: beside the room a drop would open the film in the tab, and the room would be gone
  for (const [type, handler] of Object.entries(handlers)) addEventListener(type, handler);
  return () => {
    for (const [type, handler] of Object.entries(handlers)) removeEventListener(type, handler);
  };
}

/** The files of a drop, folders to any depth, with their names from the folder on. */
async function filesOf(transfer, tell) {
  const entries = [...transfer.items].filter((item) => item.kind === "file")
    .map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()); // all at once: the list is empty after the first wait
  const list = [];
  const walk = async (entry) => {
    if (!entry || list.length >= MOST_FILES) return;
    if (entry instanceof File) list.push({ file: entry, name: entry.name });
    else if (entry.isFile) {
      await new Promise((done) => entry.file((file) => done(list.push({ file, name: entry.fullPath.replace(/^\//, "") })), done));
    } else {
      for (const inner of await entriesOf(entry)) await walk(inner);
    }
  };
  for (const entry of entries) await walk(entry);
  if (list.length >= MOST_FILES) tell(`Only the first ${MOST_FILES.toLocaleString("en-US")} files of that folder are taken. Open the folder by its path to read all of it.`);
  return list.sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
}

/** Entries of a folder in the browser come a hundred at a time. */
async function entriesOf(folder) {
  const reader = folder.createReader();
  const all = [];
  for (;;) {
    const some = await new Promise((done) => reader.readEntries(done, () => done([])));
    if (!some.length) return all;
    all.push(...some);
  }
}

/** Three on their way at a time; each that fails is a row with words. */
function createUploads(room) {
  const waiting = [];
  const going = new Set();
  const progress = { total: 0, done: 0 };
  async function next() {
    while (going.size < AT_ONCE && waiting.length) {
      const item = waiting.shift();
      going.add(item);
      send(item);
    }
    if (!going.size && !waiting.length) Object.assign(progress, { total: 0, done: 0 });
    room.changed("uploads");
  }
  async function send(item) {
    try {
      await room.routes.upload(item.file, item.name, (share) => {
        item.share = share;
        room.changed("uploads");
      });
    } catch (error) {
      room.failed(item.name, error);
    }
    going.delete(item);
    progress.done += 1;
    next();
  }
  return {
    add(list) {
      room.jump = list.length > 0; // to the first that arrives
      waiting.push(...list);
      progress.total += list.length;
      next();
    },
    /** How far what was dropped is; null while nothing is on its way. */
    state() {
      if (!progress.total) return null;
      const share = [...going].reduce((sum, item) => sum + (item.share ?? 0), progress.done) / progress.total;
      return { ...progress, share, words: `Taking in ${count(progress.total, "file")}: ${progress.done} done` };
    },
    stop() {
      progress.total -= waiting.length;
      waiting.length = 0;
      room.changed("uploads");
    },
  };
}
