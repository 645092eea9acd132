/** How the sheet of keys looks. */
export const STYLE = `
.xk-help { width: min(64rem, calc(100vw - 2rem)); max-height: min(52rem, calc(100vh - 2rem)); padding: 0; box-sizing: border-box;
  background: #0E1216; color: #D7DEE4; border: 1px solid #27303A; border-radius: 3px; overflow: hidden;
  font: 14px/1.4 var(--st-font, "Source Sans", system-ui, sans-serif); }
.xk-help[open] { display: flex; flex-direction: column; }
.xk-help::backdrop { background: rgba(0, 0, 0, 0.6); }
.xk-help header, .xk-help footer { display: flex; align-items: center; gap: 0.75rem; padding: 0.6rem 1rem; border: solid #27303A;
  border-width: 0 0 1px; flex: none; flex-wrap: wrap; }
.xk-help footer { border-width: 1px 0 0; }
.xk-help h2 { font-size: 16px; font-weight: 600; margin: 0; }
.xk-help h3 { font-size: 13px; font-weight: 600; color: #9AA7B3; margin: 0 0 0.25rem; }
.xk-help input[type=search] { flex: 1 1 12rem; min-width: 0; max-width: 24rem; margin-left: auto; padding: 0.3rem 0.5rem; font: inherit;
  color: inherit; background: #0B0E11; border: 1px solid #3A4651; border-radius: 3px; color-scheme: dark; }
.xk-help input::placeholder { color: #9AA7B3; opacity: 1; }
.xk-help .groups { overflow: auto; padding: 0.9rem 1rem; columns: 17rem 3; column-gap: 2rem; flex: 1 1 auto; }
.xk-help .groups[data-empty]:not([data-empty=""])::after { content: attr(data-empty); color: #9AA7B3; }
.xk-help section { margin-bottom: 1rem; }
.xk-help li { break-inside: avoid; }
.xk-help h3 { break-after: avoid; }
.xk-help section[hidden], .xk-help li[hidden] { display: none; }
.xk-help ul { list-style: none; margin: 0; padding: 0; }
.xk-help li { display: flex; align-items: center; justify-content: space-between; gap: 0.75rem; padding: 2px 0; min-height: 26px; }
.xk-help small { color: #9AA7B3; font-size: 12px; }
.xk-help .keys { display: flex; gap: 4px; flex: none; }
.xk-help button { font: inherit; color: inherit; background: #151A1F; border: 1px solid #3A4651; border-radius: 3px; padding: 0.25rem 0.7rem;
  cursor: pointer; }
.xk-help button:hover { border-color: #6F7F8C; }
.xk-help :is(button, input):focus-visible { outline: 2px solid #4FA3D9; outline-offset: 1px; }
.xk-help :is(.key, .more, kbd) { font: 600 12.5px/1 var(--st-font, "Source Sans", system-ui, sans-serif); min-width: 26px; height: 24px;
  padding: 0 7px; text-align: center; white-space: nowrap; }
.xk-help kbd { display: inline-grid; place-items: center; border: 1px solid #27303A; border-radius: 3px; color: #9AA7B3; box-sizing: border-box; }
.xk-help .more { color: #9AA7B3; background: none; border-color: transparent; font-weight: 400; }
.xk-help .more:is(:hover, :focus-visible) { border-color: #3A4651; }
@media (hover: hover) { .xk-help li:not(:hover) .more:not(:focus-visible, [data-first], [data-asked]) { opacity: 0; } }
.xk-help .keys:not(:has(.more)) { margin-right: 30px; }
.xk-help [data-asked] { background: #1F5F8B; border-color: #4FA3D9; color: #fff; }
.xk-help .buttons { display: flex; align-items: center; gap: 0.5rem; width: 100%; flex-wrap: wrap; }
.xk-help footer p { margin: 0 0 0 0.5rem; color: #9AA7B3; flex: 1 1 14rem; }
.xk-help footer p[data-refusal] { color: #F0B45A; }
`;
