import type { Plan, PlanModel, PlanRope, PlanStage } from "../plan.ts";
import { turningPairs } from "../rope/index.ts";

type Stages = Pick<Plan, "model" | "stages">;

/**
 * Largest position + 1 that a stage's rows show: their length, or where skips lead (PoSE). A stage's `context` may be more where its
 * table is stretched further than its rows are long (YaRN's 128K by rows of 64K).
 */
export function shownContext({ length, context, positions }: PlanStage): number {
  return positions.kind === "pose" ? context : length;
}

/**
 * The length that the model of a stage may promise, its `max_position_embeddings`: the longest context of all that have the
 * stage's own table, be it this stage, one before it, or the base model. A stage of short dialogues after a long
 * one keeps the long one's promise this way.
 *
 * @param k index of the stage
 */
export function promisedContext(plan: Stages, k: number): number {
  return longest(plan, k, baseContext(plan.model), ({ context }) => context);
}

/**
 * The longest that was trained with a stage's own table: below its promise where the table is stretched further than any row.
 *
 * @param k index of the stage
 */
export function trainedContext(plan: Stages, k: number): number {
  return longest(plan, k, plan.model.context, shownContext);
}

/** What the base model promises itself: its config.json's word, which a table that stays keeps. */
export function baseContext({ context, promised_context: promised }: PlanModel): number {
  return Math.max(context, promised ?? 0);
}

/**
 * The length that a base model's theta was trained at by itself: its context, or what its config.json scales from. A theta that a formula gives
 * replaces the scaling, so it has to cover all the way from there (Llama 3.1: from 8K, not 128K). linear keeps no such length, but
 * turns at its context exactly as far as the unscaled table at a factor-th of it.
 */
export function plainContext({ context, rope: { method, parameters } }: Pick<PlanModel, "context" | "rope">): number {
  if (method === "default") return context;
  const original = parameters?.original_max_position_embeddings;
  if (typeof original === "number") return original;
  const factor = parameters?.factor;
  return method === "linear" && typeof factor === "number" ? context / factor : context;
}

/**
 * The smallest share of the pairs that a model's theta lets finish a turn within its trained length. Published models have
 * 0.4 and more; copies of long models have been seen whose config promised a thousand tokens.
 */
const least = 0.22;

/** Whether a model's theta was made for texts far longer than `context` tokens. */
export function isMadeForLonger({ rope, head_dim }: PlanModel, context: number): boolean {
  return rope.method === "default" && turningPairs(rope.theta, context, head_dim) < (least * head_dim) / 2;
}

function longest({ model, stages }: Stages, k: number, ofBase: number, of: (stage: PlanStage) => number): number {
  const { rope } = stages[k]!;
  const before = stages.slice(0, k + 1).filter((stage) => same(stage.rope, rope));
  const base = !model.initialize && same(model.rope, rope) ? [ofBase] : [];
  return Math.max(...base, ...before.map(of));
}

function same(a: PlanRope, b: PlanRope): boolean {
  if (a.attention_factor !== b.attention_factor) return false;
  // Tables of one recipe that are the same are one object, mostly.
  return a.inv_freq === b.inv_freq || a.inv_freq.every((frequency, i) => frequency === b.inv_freq[i]);
}
