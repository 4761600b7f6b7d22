/**
 * The panel's style sheet. Colours follow VS Code's theme where there is one, else the system's light or dark, else the class `dark` or
 * `data-theme` of a page around. Bars and lines take Okabe and Ito's colours, set apart for every kind of colour blindness.
 */
const LIGHT = `
  --paper: var(--vscode-editor-background, #ffffff); --ink: var(--vscode-foreground, #22262b); --soft: var(--vscode-descriptionForeground, #5b636c);
  --rule: var(--vscode-panel-border, #dcdfe3); --trough: #e9ebee; --link: var(--vscode-textLink-foreground, #1f628e); --warn: #b3261e;
  --stage: #1f628e; --before: #b4521a; --seen: #00805f;
  --m0: #1f628e; --m1: #c2571a; --m2: #00805f; --m3: #a8588a; --m4: #a87a00; --m5: #3f8fc0; --m6: #6b737c; --m7: #22262b;`;

const DARK = `
  --paper: var(--vscode-editor-background, #16191d); --ink: var(--vscode-foreground, #e4e6e8); --soft: var(--vscode-descriptionForeground, #a3abb3);
  --rule: var(--vscode-panel-border, #363d45); --trough: #2b3138; --link: var(--vscode-textLink-foreground, #6cb2de); --warn: #ff8a80;
  --stage: #6cb2de; --before: #ee8a55; --seen: #43c59e;
  --m0: #6cb2de; --m1: #ee8a55; --m2: #43c59e; --m3: #df95c3; --m4: #dfb341; --m5: #9bcff0; --m6: #9aa3ac; --m7: #e4e6e8;`;

export const panelStyle = `
.ctx-plan {${LIGHT}
  container-type: inline-size; color: var(--ink); background: var(--paper); line-height: 1.5;
  font: 13px/1.5 var(--vscode-font-family, system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif);
}
@media (prefers-color-scheme: dark) { .ctx-plan {${DARK} } }
.vscode-light .ctx-plan, .vscode-high-contrast-light .ctx-plan, [data-theme="light"] .ctx-plan {${LIGHT} }
.vscode-dark .ctx-plan, .vscode-high-contrast:not(.vscode-high-contrast-light) .ctx-plan, .dark .ctx-plan, [data-theme="dark"] .ctx-plan {${DARK} }
.ctx-plan * { box-sizing: border-box; }
.ctx-plan h1 { margin: 0 0 12px; font-size: 20px; font-weight: 600; overflow-wrap: anywhere; }
.ctx-plan h2 { margin: 28px 0 8px; font-size: 15px; font-weight: 600; }
.ctx-plan h3 { margin: 12px 0 6px; font-size: 13px; font-weight: 600; color: var(--soft); }
.ctx-plan .figures { display: grid; grid-template-columns: repeat(5, auto); gap: 8px; margin: 0 0 16px; padding: 0; list-style: none; font-variant-numeric: tabular-nums; }
.ctx-plan .figures li { display: flex; flex-direction: column; padding: 8px 10px 9px; border: 1px solid var(--rule); border-radius: 8px; }
.ctx-plan .figures b { font-size: 16px; font-weight: 600; line-height: 1.4; white-space: nowrap; }
.ctx-plan .figures span { color: var(--soft); font-size: 12px; font-weight: 400; }
.ctx-plan .figures .warn { border-color: var(--warn); }
.ctx-plan dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 14px; margin: 0; }
.ctx-plan dt { color: var(--soft); }
.ctx-plan dd { margin: 0; overflow-wrap: anywhere; }
.ctx-plan ul { margin: 0; padding-left: 18px; }
.ctx-plan .note { max-width: 46em; margin: 8px 0; color: var(--soft); }
.ctx-plan .warn { color: var(--warn); font-weight: 600; }
.ctx-plan .scroll {
  overflow-x: auto; scrollbar-width: thin;
  /* A shadow at the end that there is more behind: it stays, and the paper over it scrolls away. */
  background: linear-gradient(to left, var(--paper) 20px, transparent 40px) right / 40px 100% no-repeat local, linear-gradient(to left, var(--trough), transparent) right / 16px 100% no-repeat scroll;
}
.ctx-plan table { display: table; overflow: visible; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.ctx-plan th, .ctx-plan td { padding: 5px 12px 5px 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
.ctx-plan th { font-weight: 600; }
.ctx-plan thead th { color: var(--soft); font-weight: 400; white-space: nowrap; }
.ctx-plan .stages td { white-space: nowrap; }
.ctx-plan .stages th:first-child { position: sticky; left: 0; background: var(--paper); }
.ctx-plan .stages td.words { min-width: 6em; white-space: normal; }
.ctx-plan .stages td.words + td.words, .ctx-plan .stages td + td.words:nth-last-child(-n+3) { min-width: 11em; }
.ctx-plan .numbers td { text-align: right; }
.ctx-plan code { font-family: var(--vscode-editor-font-family, ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace); font-weight: 400; overflow-wrap: anywhere; }
.ctx-plan .place { padding: 0; border: 0; background: none; color: var(--link); font: inherit; font-weight: 600; cursor: pointer; text-align: left; }
.ctx-plan .place:hover { text-decoration: underline; }
.ctx-plan :focus-visible { outline: 2px solid var(--vscode-focusBorder, var(--link)); outline-offset: 1px; }
.ctx-plan summary { margin: 10px 0; color: var(--soft); cursor: pointer; }
.ctx-plan svg { display: block; font-family: inherit; }
.ctx-plan .bar { margin: 0 0 8px; }
.ctx-plan .caption { display: flex; justify-content: space-between; gap: 12px; }
.ctx-plan .trough { fill: var(--trough); }
.ctx-plan .limit { stroke: var(--ink); stroke-width: 2; }
.ctx-plan .limit.over { stroke: var(--warn); stroke-width: 3; }
.ctx-plan .bar rect:not(.trough) { stroke: var(--paper); stroke-width: 0.5; }
${[0, 1, 2, 3, 4, 5, 6, 7].map((n) => `.ctx-plan .m${n} { fill: var(--m${n}); }`).join("\n")}
.ctx-plan .legend { display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 8px 0; padding: 0; list-style: none; }
.ctx-plan .legend li { display: inline-flex; align-items: center; gap: 6px; }
.ctx-plan .beside { display: flex; flex-wrap: wrap; gap: 8px 28px; align-items: center; }
.ctx-plan .beside figure { flex: 1 1 320px; }
.ctx-plan .values { flex: 1 1 200px; max-width: 300px; margin: 6px 0; padding: 0; list-style: none; font-variant-numeric: tabular-nums; }
.ctx-plan .values li { display: flex; justify-content: space-between; gap: 16px; padding: 3px 0; border-bottom: 1px solid var(--rule); }
.ctx-plan .charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr)); gap: 18px; }
.ctx-plan figure { margin: 0; max-width: 460px; }
.ctx-plan .chart svg { width: 100%; height: auto; }
.ctx-plan .grid { stroke: var(--rule); stroke-width: 1; }
.ctx-plan .axis { stroke: var(--soft); stroke-width: 1; }
.ctx-plan .tick { fill: var(--ink); font-size: 11px; font-variant-numeric: tabular-nums; }
.ctx-plan .name { fill: var(--soft); font-size: 11px; }
.ctx-plan .seen { fill: var(--seen); opacity: .2; }
.ctx-plan .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.ctx-plan .line.stage { stroke: var(--stage); }
.ctx-plan .line.before { stroke: var(--before); stroke-dasharray: 5 4; }
.ctx-plan .dot { stroke: var(--paper); stroke-width: 1; }
.ctx-plan .dot.stage { fill: var(--stage); }
.ctx-plan .dot.out { fill: var(--paper); stroke: var(--warn); stroke-width: 2; }
@container (max-width: 720px) {
  .ctx-plan .stages { font-size: 12px; }
  .ctx-plan .stages th, .ctx-plan .stages td { padding-right: 9px; }
}
@container (max-width: 600px) {
  .ctx-plan .figures { grid-template-columns: 1fr 1fr; }
  .ctx-plan .figures li:last-child:nth-child(odd) { grid-column: 1 / -1; }
}
@container (max-width: 480px) {
  .ctx-plan .stages, .ctx-plan .stages tbody, .ctx-plan .stages tfoot { display: block; }
  .ctx-plan .stages thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .ctx-plan .stages tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(104px, 1fr)); gap: 4px 12px; padding: 8px 0; border-bottom: 1px solid var(--rule); }
  .ctx-plan .stages th, .ctx-plan .stages td, .ctx-plan .stages td.words { min-width: 0; padding: 0; border: 0; white-space: normal; overflow-wrap: anywhere; }
  .ctx-plan .stages th { position: static; grid-column: 1 / -1; }
  .ctx-plan .stages td.none { display: none; }
  .ctx-plan .stages td::before { content: attr(data-name); display: block; color: var(--soft); font-weight: 400; font-size: 12px; }
}
@media print { .ctx-plan section { break-inside: avoid; } }
`;
