import { cpuHardware, expectedRate, movingSeconds, stageSeconds, updateSeconds } from "../../compiler/cost/index.ts";
import { countParameters } from "../../compiler/model/index.ts";
import { loadAddon } from "../engine/load.ts";
import type { Peak } from "./roofs.ts";
import { benchTrainingStep, type StepResult } from "./training_step.ts";
import { type BenchDtype, stepFlops, TINY, type Workload } from "./workload.ts";

/** The steps of the recipes whose model is tiny, 4,096 tokens each: rows of how many. */
const STAGES = {
  "tiny-base, induction": 64,
  "tiny-base, retrieval": 128,
  "quickstart, skip": 256,
  "quickstart, long": 2048,
};

/** Times that the peak is measured: what else runs on the machine can only make it smaller. */
const TRIES = 5;

/** Steps of the tiny model, and the peak that plans of this machine go by. */
export interface SmallSteps {
  peak: Peak;
  steps: StepResult[];
}

/** Our steps on rows as short as those stages have them. */
export async function benchSmall(threads: number, dtypes: readonly BenchDtype[], rounds: number): Promise<SmallSteps> {
  const addon = loadAddon();
  const best = (dtype: BenchDtype) =>
    Math.max(...Array.from({ length: TRIES }, () => addon.cpuPeak(dtype, threads))) / 1e9;
  const steps: StepResult[] = [];
  for (const dtype of dtypes) {
    for (const [name, document] of Object.entries(STAGES)) {
      process.stderr.write(`small steps, ${name}, ${dtype} …\n`);
      const workload = { name, shape: TINY, tokens: 4096, document, threads, checkpoint: false, dtype };
      steps.push(...(await benchTrainingStep(workload, rounds, null)));
    }
  }
  return { peak: { f32: best("f32"), bf16: best("bf16") }, steps };
}

/**
 * Seconds that a plan gives a step on a machine with this peak.
 *
 * @param peak GFLOP/s of all threads
 */
export function plannedStep(workload: Workload, peak: Peak): number {
  const { shape, tokens, dtype, checkpoint, threads } = workload;
  const measured = { peak: { f32: 1e9 * peak.f32, bf16: 1e9 * peak.bf16 }, efficiency: {} };
  const hardware = cpuHardware({ cores: threads, isa: "portable", memoryBytes: 0, measured });
  const checkpointEvery = checkpoint ? 1 : 0;
  const total = stepFlops(workload, true);
  const flops = { linear: total, attention: 0, recompute: 0, total };
  return (
    stageSeconds(flops, expectedRate(hardware, dtype), { devices: 1, ring: 1, layout: "zigzag" }) +
    movingSeconds(shape, { tokens, steps: 1, checkpointEvery, dtype }, hardware) +
    updateSeconds(countParameters(shape), 1, hardware)
  );
}
