import { escapeText } from "../../compiler/drawing/svg.ts";
import { panelStyle, renderPlan } from "../panel/index.ts";
import type { Planned } from "./make_plan.ts";

/** Around the plan, and for what is shown in its place. */
const STYLE = `
body { margin: 0; padding: 16px 20px 40px; }
.fault { margin: 0 0 16px; padding: 10px 12px; border-left: 3px solid var(--vscode-editorError-foreground, #b3261e); background: var(--vscode-textBlockQuote-background, transparent); }
.fault p { margin: 0 0 6px; font-weight: 600; }
.fault pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-family: var(--vscode-editor-font-family, monospace); font-size: 12px; }
.fault .place { padding: 0; border: 0; background: none; color: var(--vscode-textLink-foreground, #1f628e); font: inherit; cursor: pointer; }
.fault .place:hover { text-decoration: underline; }
.old { opacity: .5; }
`;

/**
 * The panel's page, whose script asks for its contents. Nothing may be loaded and nothing may run but the style sheet and the script of this extension, each named by a
 * nonce that is made anew for every page.
 *
 * @param recipe URI of the recipe, kept so that the panel comes back with the window
 */
export function panelPage(options: { nonce: string; script: string; recipe: string }): string {
  const { nonce, script, recipe } = options;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'">
<title>Plan</title>
<style nonce="${nonce}">${panelStyle}${STYLE}</style>
</head>
<body data-recipe="${escapeText(recipe)}">
<main aria-live="polite"></main>
<script nonce="${nonce}" src="${escapeText(script)}"></script>
</body>
</html>
`;
}

/** What the page shows of the latest planning; where that failed, the plan before it stays, faded. */
export function panelBody(latest: Planned, last: Planned | undefined): string {
  if ("plan" in latest) return renderPlan(latest.plan);
  const before = last && "plan" in last ? `<div class="old">${renderPlan(last.plan)}</div>` : "";
  return `<div class="fault" role="alert"><p>There is no plan${before ? "; below stands the one before" : ""}.</p><pre>${faultText(latest.fault)}</pre></div>${before}`;
}

/** What is said against a recipe, with buttons that lead to the places it names. */
function faultText(fault: string): string {
  return escapeText(fault).replace(
    /^( *┌─ )(.+):(\d+):(\d+)$/gm,
    (_, frame, file, line, column) =>
      `${frame}<button type="button" class="place" data-file="${file}" data-line="${line - 1}" data-character="${column - 1}">${file}:${line}:${column}</button>`,
  );
}
