import type { PlanEvaluate } from "../../compiler/plan.ts";

/** Tokens that are scored at once where the lengths are shorter: enough to keep matrix products large. */
const FLAT_TOKENS = 4096;

/** Most tokens of an evaluation that the engine takes at once. */
export function scoredTokens({ needle, perplexity }: PlanEvaluate): number {
  return Math.max(FLAT_TOKENS, ...(needle?.lengths ?? []), ...(perplexity?.lengths ?? []));
}
