import type { StepMetrics } from "../track/metrics.ts";
import type { RunRecord } from "./collect.ts";
import { integer, tick, tokenLength } from "./format.ts";
import { drawLineChart, legend, type Series } from "./line_chart.ts";

/** Most points that a curve shows; more are averaged in groups, with the group's range as a band. */
const MOST_POINTS = 400;

/** Loss curves over all stages, text and answers apart; "" before the first step. */
export function trainingSection(runs: RunRecord[]): string {
  if (runs.every((run) => run.stages.every((stage) => stage.steps.length === 0))) return "";
  const several = runs.length > 1;
  const text = runs.map((run, index) =>
    curve(run, several ? run.name : "ordinary text", index + 1, (step) => step.text_loss),
  );
  const answers = runs.map((run, index) =>
    curve(
      run,
      several ? run.name : "answers to synthetic questions",
      several ? index + 1 : 2,
      (step) => step.answer_loss,
    ),
  );
  const gradients = runs.map((run, index) =>
    curve(run, several ? run.name : "gradient norm", several ? index + 1 : 3, (step) => step.grad_norm),
  );
  const marks = several ? [] : stageMarks(runs[0]!);
  const panels = [
    panel("Loss on ordinary text", "nats for each token", text, marks, false),
    panel("Loss on the answers", "nats for each answer token", answers, marks, false),
    panel("Gradient norm before clipping", "", gradients, marks, true),
  ].filter((html) => html !== "");
  return `<section><h2>How the training went</h2>
<p class="explain">The two losses are kept apart because they fail apart: a wrong theta shows in the answers, which need the distant text, long before the
average over all tokens moves.</p>
<div class="panels">${panels.join("\n")}</div></section>`;
}

function panel(
  title: string,
  yTitle: string,
  series: Series[],
  marks: { x: number; text: string }[],
  log: boolean,
): string {
  const shown = series.filter((entry) => entry.points.length > 0);
  if (shown.length === 0) return "";
  const chart = drawLineChart({
    title,
    xTitle: "step",
    yTitle,
    xTick: integer,
    yTick: tick,
    series: shown,
    marks,
    height: 250,
    ...(log ? { yLog: 2 } : {}),
  });
  return `<div class="panel wide"><h3>${title}</h3>${shown.length > 1 ? legend(shown) : ""}${chart}</div>`;
}

/** A line where each stage after the first begins, named by the stage. */
function stageMarks(run: RunRecord): { x: number; text: string }[] {
  let first = 1;
  return run.stages.flatMap((stage) => {
    const mark = { x: first, text: `${stage.plan.name}, ${tokenLength(stage.plan.length)}` };
    first += stage.plan.steps;
    return stage.steps.length > 0 ? [mark] : [];
  });
}

function curve(run: RunRecord, label: string, colour: number, value: (step: StepMetrics) => number | null): Series {
  const points = run.stages
    .flatMap((stage) => stage.steps)
    .flatMap((step) => {
      const y = value(step);
      return y === null || !Number.isFinite(y) ? [] : [{ x: step.global_step, y }];
    });
  return { label, colour: colour % 6, points: thin(points) };
}

/** Averages groups of neighbours so that at most MOST_POINTS remain. */
export function thin(points: { x: number; y: number }[]): Series["points"] {
  const size = Math.ceil(points.length / MOST_POINTS);
  if (size <= 1) return points;
  const thinned: Series["points"] = [];
  for (let from = 0; from < points.length; from += size) {
    const group = points.slice(from, from + size);
    const ys = group.map((point) => point.y);
    const mean = ys.reduce((sum, y) => sum + y, 0) / ys.length;
    thinned.push({ x: group[Math.floor(group.length / 2)]!.x, y: mean, low: Math.min(...ys), high: Math.max(...ys) });
  }
  return thinned;
}
