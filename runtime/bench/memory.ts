import { addTorchSteppers, ownStepper, type Stepper } from "./stepper.ts";
import type { TorchPeers } from "./torch_process.ts";
import type { Workload } from "./workload.ts";

/** Most memory of two training steps above what the process held with the model loaded, in bytes. */
export interface MemoryResult {
  workload: Workload;
  name: string;
  own: boolean;
  bytes: number;
  /** What the plan's ledger says; ours alone. */
  ledger?: number;
}

/** Two steps each, one engine after another: the second is the first that finds the optimizer's state in memory. */
export async function benchMemory(workload: Workload, peers: TorchPeers | null): Promise<MemoryResult[]> {
  const results: MemoryResult[] = [];
  const measure = async (stepper: Stepper) => {
    try {
      await stepper.step();
      const { bytes } = await stepper.step();
      const { name, own, ledger } = stepper;
      results.push({ workload, name, own, bytes, ...(ledger === undefined ? {} : { ledger }) });
    } finally {
      await stepper.close();
    }
  };
  await measure(await ownStepper(workload));
  const others: Stepper[] = [];
  await addTorchSteppers(others, peers, workload, 1);
  for (const stepper of others) await measure(stepper);
  return results;
}
