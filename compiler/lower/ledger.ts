import { deviceLedger } from "../memory/index.ts";
import type { PlanHardware, PlanLedger, PlanModel, PlanTrain } from "../plan.ts";

/** Everything that decides how much memory a stage takes on one device. */
export interface StageMemory {
  readonly model: PlanModel;
  readonly train: PlanTrain;
  /** Tokens of a row. */
  readonly length: number;
  readonly ring: number;
  readonly microBatch: number;
  readonly checkpointEvery: number;
  readonly lossChunk: number;
}

/**
 * Bytes on one device by term. The ranks of a ring on a CPU live in one process, which is the device; on GPUs each device
 * holds the weights, the optimizer, and its own share of what the ranks hold each.
 */
export function stageLedger(stage: StageMemory, kind: PlanHardware["kind"]): PlanLedger {
  const { lora } = stage.train;
  const ledger = deviceLedger(stage.model, {
    maxTokens: stage.microBatch * stage.length,
    train: true,
    ...(lora && { lora: { rank: lora.rank, targets: lora.targets }, alsoTrain: lora.also }),
    checkpointEvery: stage.checkpointEvery,
    lossChunk: stage.lossChunk,
    kvCacheTokens: 0,
    dtype: stage.train.dtype,
    ring: stage.ring,
  });
  if (kind === "cpu" || stage.ring === 1) return ledger;
  const share = (bytes: number) => Math.ceil(bytes / stage.ring);
  const terms = {
    weights: ledger.weights,
    gradients: share(ledger.gradients),
    optimizer: ledger.optimizer,
    activations: share(ledger.activations),
    checkpoints: share(ledger.checkpoints),
    logits: share(ledger.logits),
    workspace: share(ledger.workspace),
    kv_cache: ledger.kv_cache,
  };
  return { ...terms, total: Object.values(terms).reduce((sum, term) => sum + term, 0) };
}

/** Share of a device's memory that a plan fills: the rest is for the kernels' own buffers and the system. */
const filled = 0.9;

export function fits(ledger: PlanLedger, hardware: PlanHardware): boolean {
  return ledger.total <= filled * hardware.device_bytes;
}
