import type { PlanDataSource, PlanEvaluate } from "../plan.ts";
import type { Lowering } from "./lowering.ts";

/** Every twentieth document: little to miss in training, enough to measure on. */
const every = 20;

/**
 * Sources that an evaluation reads keep some documents from training. Where the recipe says nothing about it, every
 * twentieth is held out; what it says, even 0%, stands.
 */
export function holdOut(
  sources: readonly PlanDataSource[],
  evaluations: readonly (PlanEvaluate | null)[],
  lowering: Lowering,
): PlanDataSource[] {
  const read = new Set<string>();
  for (const evaluation of evaluations) {
    if (evaluation?.needle) read.add(evaluation.needle.haystack);
    if (evaluation?.perplexity?.source) read.add(evaluation.perplexity.source);
  }
  return sources.map((source, k) => {
    const written = lowering.trace.exact(`/data/sources/${k}/holdout_every`);
    if (written || source.holdout_every > 0 || source.kind !== "files" || !read.has(source.name)) return source;
    lowering.note({ path: `source ${source.name}.holdout`, value: "5%", from: "an evaluation reads this source" });
    return { ...source, holdout_every: every };
  });
}
