import { isComputed } from "../model/index.ts";
import type { PlanHardware, PlanLedger, PlanMemory, PlanModel, PlanStage, PlanTrain } from "../plan.ts";
import {
  deviceLedger,
  hostGradientBytes,
  hostMomentBytes,
  type Learning,
  type LedgerOptions,
  offloadedBytes,
  roundedAway,
  trainedNumbers,
} from "./ledger.ts";

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
  /** 0: all rows. */
  readonly mlpTile: number;
  /** Groups of heads whose attention is computed one after the other. Default: 1. */
  readonly headGroups?: number | undefined;
  readonly offload: PlanMemory["offload"];
  /** Where the layers' gradients lie. Default: device. */
  readonly gradients?: "device" | "host" | undefined;
  /** Where the optimizer's moments lie. Default: device. */
  readonly moments?: "device" | "host" | undefined;
  /** In what the device holds matrices that learn. Default: f32. */
  readonly weights?: "f32" | "bf16" | undefined;
  /** Weights and gradients are divided over the devices too. */
  readonly shard?: boolean | undefined;
}

/** A planned stage as everything here takes it. */
export function stageMemory({ model }: { readonly model: PlanModel }, stage: PlanStage): StageMemory {
  const { train, length, parallel, memory } = stage;
  return {
    model,
    train,
    length,
    ring: parallel.ring,
    microBatch: parallel.micro_batch,
    checkpointEvery: memory.checkpoint_every,
    lossChunk: memory.loss_chunk,
    mlpTile: memory.mlp_tile,
    headGroups: memory.head_groups,
    offload: memory.offload,
    gradients: memory.gradients,
    moments: memory.moments,
    weights: memory.weights,
    shard: parallel.shard === "all",
  };
}

/** A stage as the engine's ledger takes it. */
export function ledgerOptions(stage: StageMemory): LedgerOptions {
  return {
    maxTokens: stage.microBatch * stage.length,
    train: true,
    ...learning(stage.train),
    checkpointEvery: stage.checkpointEvery,
    lossChunk: stage.lossChunk,
    mlpTile: stage.mlpTile,
    ...(stage.headGroups !== undefined && { headGroups: stage.headGroups }),
    offload: stage.offload !== "none",
    hostGradients: stage.gradients === "host",
    hostMoments: stage.moments === "host",
    masters: stage.weights === "bf16",
    kvCacheTokens: 0,
    dtype: stage.train.dtype,
    ring: stage.ring,
  };
}

/**
 * Bytes on one device by term. The ranks of a ring on a CPU live in one process, which is the device; on GPUs each device
 * holds the weights, its own of what the ranks hold each, and an equal share of the moments (ZeRO-1), as processes over
 * MPI do; where the stage divides weights and gradients too, its share of these and a unit at a time. null: no engine computes the family, and what one would keep is not known.
 *
 * @param devices that train together, whatever rings they form
 */
export function stageLedger(stage: StageMemory, kind: PlanHardware["kind"], devices: number): PlanLedger | null {
  if (!isComputed(stage.model.family)) return null;
  return deviceLedger(stage.model, optionsOn(stage, kind, devices));
}

/** The stage as one of its devices takes it. */
function optionsOn(stage: StageMemory, kind: PlanHardware["kind"], devices: number): LedgerOptions {
  const options = ledgerOptions(stage);
  return kind === "cuda"
    ? { ...options, ranksHere: 1, shares: devices, sharded: stage.shard === true && devices > 1 }
    : options;
}

/** Bytes of the optimizer's moments, and of masters, in the host's memory for one device. */
export function stageHostMoments(stage: StageMemory, kind: PlanHardware["kind"], devices: number): number {
  return isComputed(stage.model.family) ? hostMomentBytes(stage.model, optionsOn(stage, kind, devices)) : 0;
}

/**
 * The ledger of a planned stage.
 *
 * @throws RangeError when there is none; whoever computes has refused such a model before
 */
export function ledgerOf({ name, memory }: Pick<PlanStage, "name" | "memory">): PlanLedger {
  if (memory.device) return memory.device;
  throw new RangeError(`stage ${name} has no ledger: no engine computes its model`);
}

/** Bytes of layer inputs that wait outside of one device; of a CPU those of all its ranks. */
export function stageOffload(stage: StageMemory, kind: PlanHardware["kind"]): number {
  if (stage.offload === "none") return 0;
  const options = ledgerOptions(stage);
  return offloadedBytes(stage.model, kind === "cpu" ? options : { ...options, ranksHere: 1 });
}

/** Bytes of gradients in the host's memory, of the one device that they are of. */
export function stageHostGradients(stage: StageMemory): number {
  return isComputed(stage.model.family) ? hostGradientBytes(stage.model, ledgerOptions(stage)) : 0;
}

/** Numbers that each of so many devices updates in a stage. A family that is only planned has parameters that no device could hold alone. */
export function trainedBy(model: PlanModel, train: PlanTrain, devices: number): number {
  if (!isComputed(model.family)) return model.parameters / devices;
  return trainedNumbers(model, learning(train));
}

/** Whether holding matrices that learn in bf16 makes them smaller: there are some, and what they multiply is bf16. */
export function learnsMatrices(model: PlanModel, train: PlanTrain): boolean {
  return isComputed(model.family) && train.dtype === "bf16" && roundedAway(model, learning(train)) > 0;
}

function learning({ lora }: PlanTrain): Learning {
  return lora ? { lora: { rank: lora.rank, targets: lora.targets }, alsoTrain: lora.also } : {};
}
