import { type ScoredRows, scoringSeconds } from "../cost/index.ts";
import { scoringDtype } from "../memory/index.ts";
import type { PlanEvaluate, PlanHardware, PlanModel } from "../plan.ts";

/** An evaluation with the time that it is expected to take: every length of the needle test at all depths, every window of perplexity. */
export function timed(evaluate: PlanEvaluate, model: PlanModel, hardware: PlanHardware): PlanEvaluate {
  const { needle, perplexity } = evaluate;
  const rows = (measure: { lengths: number[] } | null, each: number): ScoredRows[] =>
    (measure?.lengths ?? []).map((length) => ({ rows: each, length }));
  const scored = [
    ...rows(needle, needle ? needle.depths.length * needle.samples : 0),
    ...rows(perplexity, perplexity?.samples ?? 0),
  ];
  return { ...evaluate, seconds: scoringSeconds(model, scored, hardware, scoringDtype(hardware.kind)) };
}
