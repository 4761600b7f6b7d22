import { loadAddon } from "../engine/load.ts";
import { ownStepper } from "./own_step.ts";
import { alternate, type Stepper, type Workload } from "./stepper.ts";
import { torchStepper } from "./torch_step.ts";

/** The 15M-parameter model of docs/benchmarks: 7 layers of 384, GQA 6:3, tied 8192-token vocabulary. */
export const LLAMA_15M: Workload["shape"] = {
  vocab_size: 8192,
  hidden_size: 384,
  intermediate_size: 1024,
  layers: 7,
  heads: 6,
  kv_heads: 3,
  head_dim: 64,
  tie_word_embeddings: true,
};

/** One line of the table. */
export interface StepResult {
  workload: Workload;
  name: string;
  tokensPerSecond: number;
  /** Tokens per second of one core's time: what is left to compare when the machine is busy with other things. */
  tokensPerCpuSecond: number;
  bytes: number;
}

/** Times our training step and, given a Python, PyTorch's, in turns. */
export async function benchTrainingStep(
  workload: Workload,
  rounds: number,
  python: string | undefined,
): Promise<StepResult[]> {
  const steppers: Stepper[] = [await ownStepper(workload)];
  try {
    if (python) {
      const avx512 = loadAddon().describe().cpuFeatures.includes("avx512f");
      for (const forced of avx512 ? [false, true] : [false]) {
        const peer = await torchStepper(python, workload, forced);
        if (peer) steppers.push(peer);
      }
    }
    const timings = await alternate(steppers, rounds);
    return steppers.map((stepper, index) => ({
      workload,
      name: stepper.name,
      tokensPerSecond: workload.tokens / timings[index]!.wall,
      tokensPerCpuSecond: workload.tokens / timings[index]!.cpu,
      bytes: stepper.memory(),
    }));
  } finally {
    for (const stepper of steppers) await stepper.close();
  }
}
