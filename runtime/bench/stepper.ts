import { fileURLToPath } from "node:url";
import { type LineProcess, startLines } from "./line_process.ts";
import { startTorch, type TorchPeers } from "./torch_process.ts";
import type { Workload } from "./workload.ts";

/** One training step: seconds by the clock and of all cores together, and the most memory so far above the start, in bytes. */
export interface Timing {
  wall: number;
  cpu: number;
  bytes: number;
}

/** Something that takes training steps and can be timed: our engine, or a peer, each in a process of its own. */
export interface Stepper {
  name: string;
  /** True for our own. */
  own: boolean;
  /** What the plan's ledger says of `bytes`: gradients, optimizer, activations, workspace. Peers have none. */
  ledger?: number;
  step(): Promise<Timing>;
  close(): Promise<void>;
}

function stepper(process: LineProcess, own: boolean, suffix: string): Stepper {
  const { version, ledger } = process.ready as { version: string; ledger?: number };
  return {
    name: version + suffix,
    own,
    ...(ledger === undefined ? {} : { ledger }),
    step: async () => (await process.ask("step")) as Timing,
    close: () => process.close(),
  };
}

/** Our engine's training step: forward, backward, clipping, AdamW. */
export async function ownStepper(workload: Workload): Promise<Stepper> {
  const worker = fileURLToPath(new URL("./own_worker.js", import.meta.url));
  const started = await startLines(process.execPath, [worker, JSON.stringify(workload)], {}, "its message is above");
  return stepper(started, true, "");
}

/**
 * PyTorch and transformers taking the same steps, once for each variant of it.
 *
 * @param steppers receives each as soon as it is ready, so that the caller can close those that are when another fails
 * @param only the first so many variants
 */
export async function addTorchSteppers(
  steppers: Stepper[],
  peers: TorchPeers | null,
  workload: Workload,
  only = Number.POSITIVE_INFINITY,
): Promise<void> {
  const args = [JSON.stringify(workload)];
  for (const variant of peers?.variants.slice(0, only) ?? []) {
    const started = await startTorch(peers!.python, variant, "torch_step.py", args);
    steppers.push(stepper(started, false, variant.suffix));
  }
}
