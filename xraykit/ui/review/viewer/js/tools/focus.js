/**
 * Whose key is it: the reader's or that of what has the focus? Letters are the reader's everywhere but in a text field.
 * The keys that a control needs (Space on a button, arrows on a slider) stay its own when the focus came by keyboard;
 * after a click they are the reader's again, so that no key is dead because a button was clicked before.
 */

const WORDLESS = new Set(["button", "checkbox", "color", "file", "hidden", "image", "radio", "range", "reset", "submit"]);
const MOVES = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown"];
const PRESSES = ["Space", "Enter"];
const OWN = [
  ["button, summary, [role=button], [role=menuitem], [role=option], [role=tab]", PRESSES],
  ["a[href]", ["Enter"]],
  ["input[type=checkbox], [role=checkbox], [role=switch], input[type=radio], [role=radio]", ["Space"]],
  ["input[type=button], input[type=submit], input[type=reset], input[type=file], input[type=color]", PRESSES],
  ["input[type=range], input[type=radio], [role=slider], [role=radio], [role=spinbutton], [role=tab], [role=menuitem]", MOVES],
  ["select, [role=combobox]", [...MOVES, ...PRESSES]],
];

/** Whether this element takes words. @param {EventTarget|undefined} element @returns {boolean} */
export function isTextField(element) {
  if (!(element instanceof Element)) return false;
  if (element.localName === "input") return !WORDLESS.has(element.type);
  return element.localName === "textarea" || element.isContentEditable || element.getAttribute("role") === "textbox";
}

/**
 * Whether a key is pressed for what has the focus: what was closed keeps the focus until the page is drawn again, and a key
 * that follows at once is not its own.
 * @param {EventTarget|undefined} element @returns {boolean}
 */
export const isInSight = (element) => !(element instanceof Element) || element.checkVisibility({ visibilityProperty: true });

/** Whether the event happened in a modal dialog, whose page waits behind it. @param {EventTarget[]} path */
export const isInModal = (path) =>
  path.some((node) => node instanceof Element && (node.matches("dialog:modal") || node.getAttribute("aria-modal") === "true"));

/** Whether an open list of a <select> is drawn over the page; where the browser cannot say, it may be. */
function mayBeOpen(element) {
  try {
    return element.localName === "select" && element.matches(":open");
  } catch {
    return true;
  }
}

/**
 * Whether what has the focus keeps this key.
 * @param {string} name a key's name
 * @param {EventTarget[]} path composedPath() of the keydown
 * @param {boolean} clicked whether the focus came by a pointer
 */
export function isKept(name, path, clicked) {
  const elements = path.filter((node) => node instanceof Element);
  if (elements.some((element) => element.dataset?.ownKeys?.split(" ").includes(name))) return true;
  const focused = elements[0];
  if (!focused || (clicked && !mayBeOpen(focused))) return false;
  return OWN.some(([selector, names]) => names.includes(name) && focused.matches(selector));
}
