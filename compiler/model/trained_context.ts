import type { Plan, PlanRope } from "../plan.ts";

/**
 * The length that the model of a stage may promise, its `max_position_embeddings`: the longest that was trained with the
 * stage's own table, be it by this stage, by one before it, or by the base model. A stage of short dialogues after a long
 * one keeps the long one's promise this way.
 *
 * @param k index of the stage
 */
export function trainedContext({ model, stages }: Pick<Plan, "model" | "stages">, k: number): number {
  const { rope } = stages[k]!;
  const before = stages.slice(0, k + 1).filter((stage) => same(stage.rope, rope));
  const base = !model.initialize && same(model.rope, rope) ? [model.context] : [];
  return Math.max(...base, ...before.map((stage) => stage.context));
}

function same(a: PlanRope, b: PlanRope): boolean {
  return a.attention_factor === b.attention_factor && a.inv_freq.every((frequency, i) => frequency === b.inv_freq[i]);
}
