import { benchTrainingStep, type StepResult } from "./training_step.ts";
import { stepFlops, type Workload } from "./workload.ts";

/** A length of the table "cost per token". */
export interface LengthResult {
  step: StepResult;
  /** FLOPs of a token as the plan counts them, those that checkpointing repeats among them. */
  flopsPerToken: number;
  /** GFLOP/s. */
  achieved: number;
  /** Of a token's time from what the fit says: 0.1 is 10% more. By the clock, and by the time of all cores. */
  deviation: { wall: number; cpu: number };
}

/** Our training step at each length, and how far a token's cost is from the plan's FLOPs divided by one rate for all lengths. */
export async function benchLengths(workloads: readonly Workload[], rounds: number): Promise<LengthResult[]> {
  const steps: StepResult[] = [];
  for (const workload of workloads) {
    process.stderr.write(`cost per token, T = ${workload.tokens} …\n`);
    steps.push(...(await benchTrainingStep(workload, rounds, null)));
  }
  const flops = steps.map(({ workload }) => stepFlops(workload, true) / workload.tokens);
  const perToken = (seconds: (step: StepResult) => number) => steps.map((step) => seconds(step) / step.workload.tokens);
  const wall = deviations(
    flops,
    perToken((step) => step.wall),
  );
  const cpu = deviations(
    flops,
    perToken((step) => step.cpu),
  );
  return steps.map((step, i) => ({
    step,
    flopsPerToken: flops[i]!,
    achieved: (flops[i]! * step.workload.tokens) / step.wall / 1e9,
    deviation: { wall: wall[i]!, cpu: cpu[i]! },
  }));
}

/**
 * How far each cost is from work / rate, with the one rate that makes the largest deviation smallest: the geometric mean of the
 * lowest and the highest rate.
 */
export function deviations(work: readonly number[], cost: readonly number[]): number[] {
  const rates = work.map((flops, i) => flops / cost[i]!);
  const rate = Math.sqrt(Math.min(...rates) * Math.max(...rates));
  return rates.map((own) => rate / own - 1);
}
