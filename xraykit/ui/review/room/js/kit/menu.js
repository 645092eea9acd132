/**
 * What opens beside a button: a list of choices or a small form. The browser's own popover closes it and keeps focus.
 * Its `beforetoggle` is heard in the same step; `toggle` comes a task later, and not at all for a sheet that is open again.
 */

import { fill, h } from "./dom.js";
import { icon } from "./icons.js";

/**
 * A button that opens a sheet below itself, built anew each time.
 * @param {HTMLButtonElement} button
 * @param {string} label of the sheet
 * @param {(close: () => void) => (Node|null)[]} build
 * @returns {{sheet: HTMLElement, refresh: () => void}}
 */
export function sheetOf(button, label, build) {
  const sheet = h("div", { 
    class: "sheet", popover: "auto", role: "dialog", "aria-label": label, tabindex: "-1",
    data: { ownKeys: "ArrowDown ArrowUp ArrowLeft ArrowRight Space Enter Escape" },
  });
  const close = () => sheet.hidePopover();
  const refresh = () => {
    const at = sheet.getRootNode().activeElement?.dataset?.item;
    fill(sheet, ...build(close));
    if (at) sheet.querySelector(`[data-item="${CSS.escape(at)}"]`)?.focus();
  };
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => (sheet.matches(":popover-open") ? close() : open()));
  button.addEventListener("pointerdown", (event) => {
    if (sheet.matches(":popover-open")) event.stopPropagation();  // its click closes; it must not open again
  });
  const open = () => {
    if (!sheet.isConnected) button.after(sheet);
    refresh();
    sheet.showPopover({ source: button });
    place(sheet, button);
    (sheet.querySelector("[aria-checked=true], input, button") ?? sheet).focus();
  };
  sheet.addEventListener("beforetoggle", (event) => button.setAttribute("aria-expanded", String(event.newState === "open")));
  sheet.addEventListener("keydown", moveAmong);
  return { sheet, refresh: () => sheet.matches(":popover-open") && (refresh(), place(sheet, button)) }; // it may have grown
}

function place(sheet, button) {
  const at = button.getBoundingClientRect();
  const { width, height } = sheet.getBoundingClientRect();
  const zoom = sheet.currentCSSZoom || 1; // room.css enlarges what stands around the films on a very wide screen
  sheet.style.left = `${Math.max(8, Math.min(at.left, innerWidth - width - 8)) / zoom}px`;
  sheet.style.top = `${Math.max(8, Math.min(at.bottom + 4, innerHeight - height - 8)) / zoom}px`;
}

function moveAmong(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const items = [...event.currentTarget.querySelectorAll("[role^=menuitem]")];
  const at = items.indexOf(event.target);
  if (!step || at < 0) return;
  event.preventDefault();
  event.stopPropagation();
  items[(at + step + items.length) % items.length].focus();
}

/**
 * Choices of which one holds, as radio items.
 * @param {string} label
 * @param {{value: any, label: string, hint?: string, disabled?: boolean}[]} items
 * @param {any} chosen
 * @param {(value: any) => void} choose
 */
export function choices(label, items, chosen, choose) {
  return h("div", { class: "choices", role: "menu", "aria-label": label },
    h("p", { class: "sheet-title", "aria-hidden": "true" }, label),
    items.map((item) => h("button", {
      type: "button", class: "choice", role: "menuitemradio", "aria-checked": String(item.value === chosen),
      "aria-disabled": item.disabled ? "true" : null, data: { item: `${label}-${item.label}` },
      onclick: () => item.disabled || choose(item.value),
    }, h("span", { class: "tick" }, item.value === chosen && icon("check", 14)), h("span", {}, item.label),
    item.hint && h("kbd", {}, item.hint))));
}

/** A segmented control: short choices side by side [value, words, why it cannot be chosen]. */
export function segments(label, items, chosen, choose) {
  const group = h("div", { class: "segments", role: "group", "aria-label": label });
  fill(group, items.map(([value, words, why]) => h("button", {
    type: "button", "aria-pressed": String(value === chosen), data: { item: `${label}-${words}` },
    "aria-disabled": why ? "true" : null, title: why || null, onclick: () => why || choose(value),
  }, words)));
  return h("div", { class: "field" }, h("span", {}, label), group);
}

/** A slider that answers while it is moved. */
export function slider(label, value, words, change, [low, high, step] = [0, 100, 1]) {
  const output = h("output", {}, words(value));
  const input = h("input", {
    type: "range", min: low, max: high, step, value, "aria-label": label, "aria-valuetext": words(value),
    data: { item: label },
    oninput: (event) => {
      const now = Number(event.target.value);
      output.textContent = words(now);
      input.setAttribute("aria-valuetext", words(now));
      change(now);
    },
  });
  return h("div", { class: "field" }, h("span", {}, label), h("span", { class: "range" }, input, output));
}
