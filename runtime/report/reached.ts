import { adapterParameters, movingSeconds, updateSeconds } from "../../compiler/cost/index.ts";
import type { PlanHardware, PlanModel, PlanStage, PlanTrain } from "../../compiler/plan.ts";
import type { RunRecord } from "./collect.ts";

/** FLOP/s that the steps of a run reached, by the type that a stage trains in. */
export type Reached = { [dtype in PlanTrain["dtype"]]?: number };

/**
 * FLOPs of the steps done over the time that they would take at their stage's median step: the first one warms up, and a
 * machine is disturbed now and then. FLOPs are the plan's; what a plan counts apart, operands on their way, is taken off the time.
 */
export function reachedRate(run: RunRecord): Reached {
  const done: { [dtype in PlanTrain["dtype"]]: { flops: number; seconds: number } } = {
    f32: { flops: 0, seconds: 0 },
    bf16: { flops: 0, seconds: 0 },
  };
  const { model, hardware } = run.plan;
  for (const { plan, steps } of run.stages) {
    if (steps.length === 0) continue;
    const sum = done[plan.train.dtype];
    sum.flops += steps.length * (plan.flops.total / plan.steps);
    const seconds = median(steps.map((step) => step.seconds));
    sum.seconds += steps.length * Math.max(seconds / 10, seconds - secondsApart(plan, model, hardware));
  }
  const rate = ({ flops, seconds }: { flops: number; seconds: number }) => (seconds > 0 ? flops / seconds : undefined);
  const [f32, bf16] = [rate(done.f32), rate(done.bf16)];
  return { ...(f32 !== undefined && { f32 }), ...(bf16 !== undefined && { bf16 }) };
}

/** Seconds of a step that no FLOP explains. */
function secondsApart(stage: PlanStage, model: PlanModel, hardware: PlanHardware): number {
  const { sequences, length, memory, train } = stage;
  const work = { tokens: sequences * length, steps: 1, checkpointEvery: memory.checkpoint_every, dtype: train.dtype };
  const trained = train.lora ? adapterParameters(model, train.lora) : model.parameters;
  return movingSeconds(model, work, hardware) + updateSeconds(trained, 1, hardware);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
