/**
 * What a key is called: "N", "Shift+A", "ArrowDown", "?", "Space". A letter or sign is the one printed on the reader's own
 * keyboard (event.key), whatever its layout; Shift counts for letters and named keys only, since a sign such as "?" is
 * made with Shift on one keyboard and without it on another. Nothing here listens or runs.
 */

const NAMED = /^(Arrow(Up|Down|Left|Right)|Home|End|PageUp|PageDown|Insert|Delete|Backspace|Enter|Tab|Escape|F([1-9]|1[0-2]))$/;
const CAPS = {
  ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→", Escape: "Esc", Delete: "Del",
  PageUp: "Page Up", PageDown: "Page Down", Insert: "Ins", "-": "−",
};
const SPOKEN = {
  ...CAPS, ArrowUp: "Arrow up", ArrowDown: "Arrow down", ArrowLeft: "Arrow left", ArrowRight: "Arrow right",
  Escape: "Escape", Delete: "Delete", Insert: "Insert", "[": "Left bracket", "]": "Right bracket", "-": "Minus",
  "+": "Plus", "/": "Slash", "?": "Question mark",
};
// What browsers do with these cannot, or should not, be taken away; Tab and Enter move through the page and press its buttons.
const RESERVED = new Set(["Tab", "Enter", "Escape", "F1", "F3", "F5", "F6", "F7", "F10", "F11", "F12"]);

const isLetter = (sign) => sign.toLowerCase() !== sign.toUpperCase();
const isSingle = (text) => [...text].length === 1;
const upper = (sign) => (isSingle(sign.toUpperCase()) ? sign.toUpperCase() : sign);

/**
 * The name of the key of a keydown, or null when it is none of ours: a modifier alone, a dead key, a sign still being
 * composed, and everything with Ctrl, Command or Alt, which belongs to browser and system.
 * @param {KeyboardEvent} event
 * @returns {string|null}
 */
export function nameOf(event) {
  const composed = event.getModifierState?.("AltGraph") ?? false; // AltGr writes "[" on many keyboards, as Option does
  if (event.isComposing || event.metaKey || (event.ctrlKey && !composed)) return null;
  const shift = event.shiftKey ? "Shift+" : "";
  if (event.key === " ") return event.altKey ? null : `${shift}Space`;
  if (isSingle(event.key)) {
    if (!isLetter(event.key)) return event.altKey && !composed && /[0-9]/.test(event.key) ? null : event.key;
    return event.altKey || composed ? null : shift + upper(event.key);
  }
  return NAMED.test(event.key) && !event.altKey ? shift + event.key : null;
}

/**
 * The Latin name of the same key, for keyboards that print another script (Cyrillic, Greek) or need Shift for digits
 * (French); asked only when the key as printed is bound to nothing.
 * @param {KeyboardEvent} event
 * @returns {string|null}
 */
export function latinNameOf(event) {
  if (event.isComposing || event.metaKey || event.ctrlKey || event.altKey || !isSingle(event.key)) return null;
  const [, letter, digit] = /^(?:Key([A-Z])|Digit([0-9]))$/.exec(event.code) ?? [];
  if (letter && event.key > "~") return (event.shiftKey ? "Shift+" : "") + letter;
  return digit && !event.shiftKey ? digit : null;
}

/**
 * A key as written by hand in its one spelling: "n" -> "N", " " -> "Space"; null when there is no such key.
 * @param {unknown} written
 * @returns {string|null}
 */
export function spelled(written) {
  if (typeof written !== "string" || !written) return null;
  const shifted = /^shift\+(.+)$/is.exec(written);
  const bare = shifted ? shifted[1] : written;
  const name = bare === " " ? "Space" : [...bare].length === 1 ? upper(bare) : bare;
  const known = name === "Space" || isSingle(name) || NAMED.test(name);
  if (!known || /[\p{C}\p{Z}]/u.test(name)) return null;
  if (!shifted) return name;
  return isSingle(name) && !isLetter(name) ? null : `Shift+${name}`;
}

/** The key as it is printed on a keycap: "↓", "Esc", "Shift A". @param {string} name @returns {string} */
export const keycapOf = (name) => name.replace(/^Shift\+/, "Shift ").replace(/[^ ]+$/, (bare) => CAPS[bare] ?? bare);

/** The key as it is read aloud: "Arrow down". @param {string} name @returns {string} */
export const spokenOf = (name) => name.replace(/^Shift\+/, "Shift ").replace(/[^ ]+$/, (bare) => SPOKEN[bare] ?? bare);

/** Whether the browser or the page needs this key for itself. @param {string} name @returns {boolean} */
export const isReserved = (name) => RESERVED.has(name.replace("Shift+", ""));
