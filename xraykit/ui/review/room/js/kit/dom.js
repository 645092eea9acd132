/** Elements without HTML: every text is a text node, so that a name is never anything but text. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Functions under `on...` are listeners, `data` goes into the dataset; null and false are left out.
 * @param {string} tag
 * @param {Object<string, any>} [attributes]
 * @param {...(Node|string|number|null|false|undefined)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "value" || name === "checked" || name === "tabIndex") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...shown(children));
  return element;
}

/** What is there of some children; numbers as text. */
export const shown = (children) =>
  children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (typeof child === "number" ? String(child) : child));

/** Put children in place of those that an element has. */
export const fill = (element, ...children) => element.replaceChildren(...shown(children));

/** Set a text only where it differs: what has not changed is not laid out again. */
export function say(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

/**
 * A line drawing of 16 x 16, hidden from screen readers: the words beside it say what it is.
 * @param {string} paths of an SVG path, stroked
 */
export function drawing(paths, size = 16) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({
    viewBox: "0 0 16 16", width: size, height: size, "aria-hidden": "true", class: "icon",
  })) svg.setAttribute(name, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", paths);
  svg.append(path);
  return svg;
}

/** A text that is cut in its middle where it has no room: files of one folder and kin of one model differ in their ends. */
export function shortened(text, name = "") {
  const space = text.indexOf(" ", text.length - 18); // the end is whole words where there are any
  const tail = text.length <= 22 ? 0 : space > 0 && space < text.length - 6 ? text.length - space : 14;
  return h("span", { class: `shortened ${name}`, title: text }, h("span", {}, text.slice(0, text.length - tail)),
    tail > 0 && h("span", {}, text.slice(-tail)));
}

/** "1 film", "1,204 films". */
export const count = (number, thing, things = `${thing}s`) =>
  `${number.toLocaleString("en-US")} ${number === 1 ? thing : things}`;

/** "about 40 s", "about 3 min". */
export function duration(seconds) {
  if (seconds < 90) return `about ${Math.max(1, Math.round(seconds))} s`;
  return seconds < 5400 ? `about ${Math.round(seconds / 60)} min` : `about ${Math.round(seconds / 3600)} h`;
}

/** A share of 0..1 as a percentage with one decimal. */
export const percent = (share) => `${(100 * share).toFixed(1)} %`;
