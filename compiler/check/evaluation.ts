import type { PlanEvaluate } from "../plan.ts";
import { showDuration, showTokens, writtenTokens } from "../values/show.ts";
import { type Check, replacing, steps } from "./context.ts";

/** Lengths that are evaluated although no stage trains positions that far. */
export const evaluatedBeyond: Check = ({ plan, trace, report, brokenFrom }) => {
  // A stage that is missing or wrong would be the one.
  if (plan.stages.length === 0 || brokenFrom < Number.POSITIVE_INFINITY) return;
  const longest = Math.max(plan.model.context, ...plan.stages.map((stage) => stage.context));
  const look = (evaluate: PlanEvaluate | null, pointer: string) => {
    for (const kind of ["needle", "perplexity"] as const) {
      const lengths = evaluate?.[kind]?.lengths ?? [];
      const within = lengths.filter((length) => length <= longest);
      if (within.length === lengths.length) continue;
      const values = { what: kind, length: showTokens(Math.max(...lengths)), longest: showTokens(longest) };
      const at = `${pointer}/${kind}/lengths`;
      const list = `[${(within.length > 0 ? within : [longest]).map(writtenTokens).join(", ")}]`;
      report.add("CTX4010", trace.nearest(at), values, {
        fixes: replacing(trace.exact(at), `lengths = ${list}`, list),
      });
    }
  };
  for (const { stage, pointer } of [...steps(plan)].reverse()) look(stage.evaluate, `${pointer}/evaluate`);
  look(plan.before, "/before");
};

/** Seconds that are not lightly spent twice. */
const halfADay = 12 * 3600;

/**
 * A stage that failed shows in its evaluation, and a gate ends the run there (Llama 3 went on only once short evaluations had recovered
 * and needles were found). Told where much time passes until then, on hardware that the recipe describes.
 */
export const nothingBetweenStages: Check = ({ plan, trace, report }) => {
  if (plan.stages.length < 2 || !trace.exact("/hardware")) return;
  const before = plan.stages.slice(0, -1);
  const seconds = before.reduce((sum, stage) => sum + stage.seconds, 0);
  if (seconds < halfADay || before.some(({ evaluate }) => evaluate?.gate)) return;
  const measured = before.some(({ evaluate }) => evaluate !== null);
  const last = plan.stages.length - 1;
  report.add("CTX4015", trace.nearest(`/stages/${last}`), {
    stages: before.length === 1 ? "the stage before takes" : `the ${before.length} stages before take`,
    time: showDuration(seconds),
    lack: measured ? "no gate ends the run if one of them fails" : "nothing is measured until they are over",
    hint: measured
      ? "add gate { needle >= 90%  otherwise = warn } to evaluate"
      : "add evaluate { needle { } }, and a gate",
  });
};
