import { type ScoredRows, scoringSeconds } from "../cost/index.ts";
import { scoringAtOnce, scoringDtype } from "../memory/index.ts";
import type { PlanEvaluate, PlanHardware, PlanModel } from "../plan.ts";

/**
 * An evaluation with the time that it is expected to take: every length of the needle test at all depths, every window of perplexity. Of a
 * needle's row the answer alone is predicted, about a token for each digit.
 */
export function timed(evaluate: PlanEvaluate, model: PlanModel, hardware: PlanHardware): PlanEvaluate {
  const { needle, perplexity } = evaluate;
  const scored: ScoredRows[] = [];
  for (const length of needle?.lengths ?? [])
    scored.push({ rows: needle!.depths.length * needle!.samples, length, predicted: Math.min(needle!.digits, length) });
  for (const length of perplexity?.lengths ?? []) scored.push({ rows: perplexity!.samples, length, predicted: length });
  return {
    ...evaluate,
    seconds: scoringSeconds(model, scored, hardware, {
      dtype: scoringDtype(hardware.kind),
      devices: scoringAtOnce(hardware),
    }),
  };
}
