import type { PlanTrain } from "../../compiler/plan.ts";
import type { RunRecord } from "./collect.ts";

/** FLOP/s that the steps of a run reached, by the type that a stage trains in. */
export type Reached = { [dtype in PlanTrain["dtype"]]?: number };

/**
 * FLOPs of the steps done over the time that they would take at their stage's median step: the first one warms up, and a
 * machine is disturbed now and then. FLOPs are the plan's, for rows of one document.
 */
export function reachedRate(run: RunRecord): Reached {
  const done: { [dtype in PlanTrain["dtype"]]: { flops: number; seconds: number } } = {
    f32: { flops: 0, seconds: 0 },
    bf16: { flops: 0, seconds: 0 },
  };
  for (const { plan, steps } of run.stages) {
    if (steps.length === 0) continue;
    const sum = done[plan.train.dtype];
    sum.flops += steps.length * (plan.flops.total / plan.steps);
    sum.seconds += steps.length * median(steps.map(({ seconds }) => seconds));
  }
  const rate = ({ flops, seconds }: { flops: number; seconds: number }) => (seconds > 0 ? flops / seconds : undefined);
  const [f32, bf16] = [rate(done.f32), rate(done.bf16)];
  return { ...(f32 !== undefined && { f32 }), ...(bf16 !== undefined && { bf16 }) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
