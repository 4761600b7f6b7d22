/**
 * The report's style sheet. Colours c0 … c5 are Okabe and Ito's, set apart for every kind of colour blindness; c0 is always
 * "before", c1 "after".
 */
export const STYLE = `
:root {
  --paper: #fcfbf8; --card: #ffffff; --ink: #22262b; --soft: #626a73; --faint: #8b939b; --rule: #e6e2da; --code: #f4f1ea;
  --c0: #c2571a; --c1: #1f628e; --c2: #00805f; --c3: #a8588a; --c4: #a87a00; --c5: #3f8fc0;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16191d; --card: #1d2126; --ink: #e4e6e8; --soft: #a3abb3; --faint: #7d868f; --rule: #2e343b; --code: #23282e;
    --c0: #ee8a55; --c1: #6cb2de; --c2: #43c59e; --c3: #df95c3; --c4: #dfb341; --c5: #9bcff0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
}
main { max-width: 1080px; margin: 0 auto; padding: 56px 28px 72px; }
.kicker { margin: 0; color: var(--faint); font-size: 13px; letter-spacing: .09em; text-transform: uppercase; }
h1 {
  margin: 10px 0 18px; max-width: 21em; font: 500 34px/1.25 "Iowan Old Style", Palatino, "Palatino Linotype", Charter, Georgia, "DejaVu Serif", serif;
  letter-spacing: -.01em; text-wrap: balance;
}
h2 { margin: 64px 0 4px; font: 500 23px/1.3 "Iowan Old Style", Palatino, "Palatino Linotype", Charter, Georgia, "DejaVu Serif", serif; }
h3 { margin: 0 0 6px; font-size: 15px; font-weight: 600; }
p { margin: 0 0 12px; max-width: 46em; }
.lead { color: var(--soft); font-size: 17px; }
.explain { color: var(--soft); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 14px; margin: 30px 0 8px; }
.fact { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 18px 12px; }
.fact .name { color: var(--soft); font-size: 13px; }
.fact .value { font-size: 25px; font-weight: 600; letter-spacing: -.01em; font-variant-numeric: tabular-nums; white-space: nowrap; }
.fact .value .from { color: var(--faint); font-weight: 400; }
.fact .extra { color: var(--faint); font-size: 13px; }
.panels { display: flex; flex-wrap: wrap; gap: 18px; margin-top: 18px; align-items: flex-start; }
.panel { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 18px 20px 10px; max-width: 100%; overflow-x: auto; }
.panel.wide { width: 100%; }
.panel p { font-size: 14px; margin-bottom: 8px; }
svg { display: block; max-width: 100%; height: auto; font-family: inherit; }
.panel.wide svg { width: 100%; min-width: 620px; }
text { fill: var(--ink); }
.tick { font-size: 12px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.axis { font-size: 12px; fill: var(--faint); }
.note { font-size: 11.5px; fill: var(--faint); }
.cell { font-size: 13.5px; font-weight: 600; fill: #140e08; font-variant-numeric: tabular-nums; }
.cell.light { fill: #ffffff; }
.grid { stroke: var(--rule); stroke-width: 1; }
.base { stroke: var(--faint); stroke-width: 1; }
.trained { stroke: var(--soft); stroke-width: 1.2; stroke-dasharray: 4 4; }
.c0 { --colour: var(--c0); } .c1 { --colour: var(--c1); } .c2 { --colour: var(--c2); }
.c3 { --colour: var(--c3); } .c4 { --colour: var(--c4); } .c5 { --colour: var(--c5); }
.line { fill: none; stroke: var(--colour); stroke-width: 2.2; stroke-linejoin: round; stroke-linecap: round; }
.line.dashed { stroke-dasharray: 5 5; }
.band { fill: var(--colour); opacity: .16; }
.dot { fill: var(--colour); stroke: var(--card); stroke-width: 1.4; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 0 0 6px; color: var(--soft); font-size: 13.5px; }
.entry { display: inline-flex; align-items: center; gap: 7px; }
.swatch { width: 20px; border-top: 3px solid var(--colour); border-radius: 2px; }
.swatch.dashed { border-top-style: dashed; }
.scroll { overflow-x: auto; margin-top: 16px; border: 1px solid var(--rule); border-radius: 10px; background: var(--card); }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 12px; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
tr:last-child td { border-bottom: 0; }
th { color: var(--soft); font-weight: 500; font-size: 13px; }
th:first-child, td:first-child, td.words, th.words { text-align: left; }
td .second { color: var(--faint); }
td .second.below { display: block; font-size: 12.5px; line-height: 1.35; }
pre { margin: 14px 0 0; padding: 14px 18px; background: var(--code); border-radius: 10px; overflow-x: auto; font: 13.5px/1.6 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font: .92em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
details { margin-top: 18px; }
summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 72px; padding-top: 18px; border-top: 1px solid var(--rule); color: var(--faint); font-size: 13px; }
@media (max-width: 640px) { main { padding: 32px 16px 48px; } h1 { font-size: 27px; } }
@media print { body { background: #fff; } .panel, .fact, .scroll { break-inside: avoid; } h2 { break-after: avoid; } }
`;
