import { escapeText } from "../../compiler/drawing/svg.ts";
import type { EvaluationResult } from "../evaluate/result.ts";
import { type RunRecord, targetContext } from "./collect.ts";
import { integer, significant, tick, tokenLength } from "./format.ts";
import { longest } from "./headline.ts";
import { drawLineChart, legend, type Series } from "./line_chart.ts";
import { evaluationTitle } from "./needle_section.ts";

/** Perplexity by position in the longest windows, and a table by length; "" when nothing was evaluated. */
export function perplexitySection(runs: RunRecord[]): string {
  const several = runs.length > 1;
  const shown = runs.flatMap((run, index) => {
    const later = several ? [run.after] : run.stages.map((stage) => stage.evaluation);
    const entries: { run: RunRecord; evaluation: EvaluationResult; colour: number; dashed: boolean }[] = [];
    if (run.before) entries.push({ run, evaluation: run.before, colour: several ? index + 1 : 0, dashed: several });
    for (const evaluation of later) {
      if (evaluation)
        entries.push({
          run,
          evaluation,
          colour: several ? index + 1 : entries.length + (run.before ? 0 : 1),
          dashed: false,
        });
    }
    return entries.filter((entry) => entry.evaluation.perplexity !== null);
  });
  const series = shown.flatMap((entry): Series[] => {
    const windows = longest(entry.evaluation, Number.POSITIVE_INFINITY);
    if (!windows) return [];
    const points = windows.buckets.map((bucket) => ({
      // A bucket stands at its upper edge: "having read up to here".
      x: bucket.to,
      y: bucket.perplexity,
      low: Math.exp(bucket.nll - 2 * bucket.error),
      high: Math.exp(bucket.nll + 2 * bucket.error),
      detail: `positions ${integer(bucket.from)} to ${integer(bucket.to - 1)}: perplexity ${significant(bucket.perplexity)} over ${integer(bucket.tokens)} tokens`,
    }));
    const label = evaluationTitle(entry.run, entry.evaluation, several);
    return [{ label, colour: entry.colour % 6, points, dots: true, dashed: entry.dashed }];
  });
  if (series.length === 0) return "";
  const contexts = [...new Set(runs.filter((run) => !run.plan.model.initialize).map((run) => run.plan.model.context))];
  const targets = [...new Set(runs.map((run) => targetContext(run.plan)))];
  const chart = drawLineChart({
    title: "Perplexity by position",
    xTitle: "position in the text (tokens read so far)",
    yTitle: "perplexity, lower is better",
    xLog: 2,
    ...(spread(series) > 3 ? { yLog: 2 } : {}),
    xTick: tokenLength,
    yTick: tick,
    series,
    marks: [
      ...contexts.map((x) => ({ x, text: `base model trained to ${integer(x)}` })),
      ...targets.filter((x) => !contexts.includes(x)).map((x) => ({ x, text: `target ${integer(x)}` })),
    ],
    height: 330,
  });
  return `<section><h2>Does it still read well, further in?</h2>
<p class="explain">Perplexity on held-out text by how much text came before. A model past its trained length loses the thread and the line climbs; a good
extension keeps it flat or falling. The band is twice the standard error over the windows.</p>
<div class="panels"><div class="panel wide">${legend(series)}${chart}</div></div>
${byLength(shown, several)}</section>`;
}

/** Ratio of the largest to the smallest perplexity shown. */
function spread(series: Series[]): number {
  const values = series.flatMap((entry) => entry.points.map((point) => point.y));
  return Math.max(...values) / Math.min(...values);
}

function byLength(shown: { run: RunRecord; evaluation: EvaluationResult }[], several: boolean): string {
  const lengths = [
    ...new Set(shown.flatMap((entry) => entry.evaluation.perplexity!.lengths.map((item) => item.length))),
  ];
  lengths.sort((a, b) => a - b);
  const rows = shown.map(({ run, evaluation }) => {
    const cells = lengths.map((length) => {
      const item = evaluation.perplexity!.lengths.find((entry) => entry.length === length);
      return `<td>${item ? significant(item.perplexity) : "–"}</td>`;
    });
    return `<tr><td>${escapeText(evaluationTitle(run, evaluation, several))}</td>${cells.join("")}</tr>`;
  });
  const head = lengths.map((length) => `<th>${tokenLength(length)}</th>`).join("");
  return `<div class="scroll"><table><tr><th>perplexity over whole windows of</th>${head}</tr>${rows.join("")}</table></div>`;
}
