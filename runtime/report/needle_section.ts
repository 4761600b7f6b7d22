import { escapeText } from "../../compiler/drawing/svg.ts";
import type { EvaluationResult, NeedleResult } from "../evaluate/result.ts";
import type { RunRecord } from "./collect.ts";
import { integer, percent, tokenLength } from "./format.ts";
import { drawHeatMap, type HeatCell } from "./heat_map.ts";

/** Heat maps of every evaluation, those of one run side by side; "" when there are none. */
export function needleSection(runs: RunRecord[]): string {
  const several = runs.length > 1;
  const panels = runs.flatMap((run) => {
    const evaluations = [run.before, ...run.stages.map((stage) => stage.evaluation)];
    return evaluations
      .filter((evaluation): evaluation is EvaluationResult => evaluation?.needle != null)
      .filter((evaluation) => !several || evaluation === run.before || evaluation === run.after)
      .map((evaluation) => panel(run, evaluation, evaluation.needle!, several));
  });
  if (panels.length === 0) return "";
  const settings = runs.flatMap((run) => [run.before, run.after]).flatMap((each) => each?.needle?.settings ?? []);
  /** What runs have in common is one number; else all of them. */
  const numbers = (of: "digits" | "samples") =>
    [...new Set(settings.map((each) => each[of]))].sort((a, b) => a - b).join(" or ") || "0";
  return `<section><h2>Can it find a needle?</h2>
<p class="explain">A fact with ${numbers("digits")} random digits is hidden in real text that the model never trained on, and asked for at the end. Each cell is
the share of ${numbers("samples")} tries in which every token of the answer was the model’s first choice: across, how long the text is; down, where in it the fact stands
(0% is the beginning, farthest from the question).</p>
<div class="panels">${panels.join("\n")}</div></section>`;
}

function panel(run: RunRecord, evaluation: EvaluationResult, needle: NeedleResult, several: boolean): string {
  const lengths = needle.settings.lengths;
  const depths = needle.settings.depths;
  const found = new Map(needle.cells.map((cell) => [`${cell.length} ${cell.depth}`, cell]));
  const cells = depths.map((depth) =>
    lengths.map((length): HeatCell | null => {
      const cell = found.get(`${length} ${depth}`);
      if (!cell || cell.total === 0) return null;
      const detail =
        `${integer(length)} tokens, depth ${percent(depth)}: ${cell.correct} of ${cell.total} right ` +
        `(95% interval ${percent(cell.low)} to ${percent(cell.high)})`;
      return { value: cell.accuracy, detail };
    }),
  );
  const title = evaluationTitle(run, evaluation, several);
  const map = drawHeatMap({
    title: `Needle accuracy, ${title}`,
    columns: lengths.map(tokenLength),
    rows: depths.map(percent),
    columnTitle: "length of the text in tokens",
    rowTitle: "depth of the fact",
    cells,
    trained: run.plan.model.initialize ? -1 : lengths.findLastIndex((length) => length <= run.plan.model.context),
  });
  const { correct, total, accuracy } = needle.overall;
  return `<div class="panel"><h3>${escapeText(title)}</h3><p class="explain">${percent(accuracy)} of ${integer(total)} questions (${integer(correct)} right)</p>${map}</div>`;
}

/** "Before", or "After stage “s4k”"; with the run's name where several runs are shown. */
export function evaluationTitle(run: RunRecord, evaluation: EvaluationResult, several: boolean): string {
  const when = evaluation.name === "before" ? "before" : `after stage “${evaluation.name}”`;
  return several ? `${run.name}, ${when}` : when[0]!.toUpperCase() + when.slice(1);
}
