import { escapeText } from "../../compiler/drawing/svg.ts";
import { type RunRecord, targetContext } from "./collect.ts";
import { bytes, duration, integer, percent, short, significant } from "./format.ts";
import { type Headline, headline } from "./headline.ts";
import { needleSection } from "./needle_section.ts";
import { perplexitySection } from "./perplexity_section.ts";
import { planSection } from "./plan_section.ts";
import { ropeSection } from "./rope_section.ts";
import { STYLE } from "./style.ts";
import { trainingSection } from "./training_section.ts";

/**
 * The report as one HTML document: no scripts, no network, drawings inline. Its content security policy forbids everything
 * but its own style sheet, so it can be mailed, archived and opened anywhere.
 */
export function renderReport(runs: RunRecord[]): string {
  const [first] = runs;
  if (!first) throw new RangeError("a report needs at least one run");
  const title = runs.length === 1 ? first.plan.recipe : runs.map((run) => run.name).join(" · ");
  const body = [
    runs.length === 1 ? opening(first) : comparison(runs),
    needleSection(runs),
    perplexitySection(runs),
    trainingSection(runs),
    ropeSection(runs),
    planSection(runs),
    reproduce(runs),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeText(title)} – ctx report</title>
<style>${STYLE}</style>
</head>
<body><main>
${body.filter((part) => part !== "").join("\n")}
<footer>${runs.map(footer).join("<br>")}</footer>
</main></body>
</html>
`;
}

function opening(run: RunRecord): string {
  const head = headline(run);
  return `<p class="kicker">${escapeText(run.plan.recipe)}</p>
<h1>${escapeText(head.sentence)}</h1>
${head.finding === "" ? "" : `<p class="lead">${escapeText(head.finding)}</p>`}
<div class="facts">${facts(run, head).join("\n")}</div>`;
}

function facts(run: RunRecord, head: Headline): string[] {
  const cards = [fact("Context", head.from > 0 ? integer(head.from) : null, integer(head.to), "tokens")];
  if (head.needle.after !== null) {
    const samples = run.after?.needle?.overall.total ?? 0;
    const was = head.needle.before === null ? null : percent(head.needle.before);
    cards.push(fact("Needle, weakest length", was, percent(head.needle.after), `${integer(samples)} questions`));
  }
  if (head.perplexity?.after != null) {
    const was = head.perplexity.before === null ? null : significant(head.perplexity.before);
    cards.push(
      fact(
        "Perplexity, far end",
        was,
        significant(head.perplexity.after),
        `near position ${integer(head.perplexity.position)}`,
      ),
    );
  }
  const seconds = run.stages.reduce((sum, stage) => sum + stage.seconds, 0);
  const tokens = run.stages.flatMap((stage) => stage.steps).reduce((sum, step) => sum + step.tokens, 0);
  if (tokens > 0)
    cards.push(fact("Training", null, duration(seconds), `${short(tokens)} tokens, ${bytes(peak(run))} of memory`));
  return cards;
}

function fact(name: string, from: string | null, value: string, extra: string): string {
  const was = from === null ? "" : `<span class="from">${escapeText(from)} → </span>`;
  return `<div class="fact"><div class="name">${escapeText(name)}</div><div class="value">${was}${escapeText(value)}</div><div class="extra">${escapeText(extra)}</div></div>`;
}

function peak(run: RunRecord): number {
  return Math.max(...run.stages.map((stage) => stage.memoryBytes ?? 0));
}

function comparison(runs: RunRecord[]): string {
  const rows = runs.map((run) => {
    const head = headline(run);
    const change = (before: string | null, after: string | null) =>
      after === null ? "–" : before === null ? after : `<span class="second">${before} →</span> ${after}`;
    const needle = change(
      head.needle.before === null ? null : percent(head.needle.before),
      head.needle.after === null ? null : percent(head.needle.after),
    );
    const far = head.perplexity;
    const perplexity = change(
      far?.before == null ? null : significant(far.before),
      far?.after == null ? null : significant(far.after),
    );
    const tokens = run.stages.flatMap((stage) => stage.steps).reduce((sum, step) => sum + step.tokens, 0);
    const seconds = run.stages.reduce((sum, stage) => sum + stage.seconds, 0);
    const context = change(head.from > 0 ? integer(head.from) : null, integer(targetContext(run.plan)));
    return `<tr><td>${escapeText(run.name)}</td><td>${context}</td><td>${needle}</td><td>${perplexity}</td><td>${short(tokens)}</td><td>${duration(seconds)}</td></tr>`;
  });
  return `<p class="kicker">ctx report</p>
<h1>${runs.length} runs, side by side</h1>
<div class="scroll"><table><tr><th>run</th><th>context</th><th>needle, weakest length</th><th>perplexity, far end</th><th>training tokens</th><th>training time</th></tr>${rows.join("")}</table></div>`;
}

function reproduce(runs: RunRecord[]): string {
  const lines = runs.flatMap((run) => {
    const { started_from, options } = run.origin;
    return [
      `ctx run ${[started_from, ...options].map(shellWord).join(" ")}`,
      `ctx eval ${shellWord(run.folder)}`,
      `ctx export ${shellWord(run.folder)} --to model`,
    ];
  });
  return `<section><h2>Do it again</h2>
<p class="explain">The same plan gives the same weights, byte for byte, on any number of threads. The plan itself lies beside this report as <code>plan.json</code>.</p>
<pre>${escapeText(lines.join("\n"))}</pre></section>`;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function footer(run: RunRecord): string {
  const parts = [
    run.name,
    `recipe sha256 ${run.plan.source.sha256.slice(0, 12)}`,
    `seed ${run.plan.seed}`,
    `planned for ${run.plan.hardware.name}`,
    `ctx ${run.origin.version}`,
    `started ${run.origin.started.slice(0, 16).replace("T", " ")} UTC`,
  ];
  return escapeText(parts.join(" · "));
}
