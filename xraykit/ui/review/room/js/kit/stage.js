/** The room while the page is presented or printed: the frame's stage.js and print.css say when, stage.css what it looks like. */

/** Ask the frame for something of its presentation mode: "toggle", "turn" or "end". */
export const askStage = (what) => dispatchEvent(new CustomEvent("xk-stage", { detail: what }));

export const isPresented = () => document.documentElement.dataset.present !== undefined;

/**
 * Lay out anew when the presentation begins or ends, and before a print, whose sheet is not as wide as the screen: what is
 * drawn on the canvas keeps its size and is made smaller as a whole.
 * @param {any} room @returns {() => void} ends it
 */
export function followStage(room) {
  const { root } = room;
  const ending = new AbortController();
  const follow = () => {
    const { present } = document.documentElement.dataset;
    if (present) root.dataset.present = present;
    else delete root.dataset.present;
    room.changed("choice");
  };
  const watcher = new MutationObserver(follow);
  watcher.observe(document.documentElement, { attributes: true, attributeFilter: ["data-present"] });
  const measure = () => {
    const { width, height } = room.at("viewport").getBoundingClientRect();
    for (const [name, size] of Object.entries({ width, height })) root.style.setProperty(`--seen-${name}`, Math.round(size));
    room.viewer?.painter.draw(); // now, so that the canvas holds its pixels while it is printed
  };
  addEventListener("beforeprint", measure, { signal: ending.signal });
  follow();
  return () => {
    watcher.disconnect();
    ending.abort();
  };
}
