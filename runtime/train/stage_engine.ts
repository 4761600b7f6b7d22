import {
  deviceLedger,
  hostGradientBytes,
  hostMomentBytes,
  type LedgerOptions,
  ledgerOptions,
  offloadedBytes,
  scoringMemory,
  stageMemory,
} from "../../compiler/memory/index.ts";
import type { Plan, PlanModel, PlanStage, PlanTrain } from "../../compiler/plan.ts";
import type { NativeAddon, NativeEngine, NativeEngineOptions, NativeTraining } from "../engine/addon.ts";
import { modelShape } from "../engine/model_shape.ts";
import { crewEngine, type Job } from "../ranks/job.ts";
import { Failure, messageOf } from "../run/failure.ts";
import { gpusOf } from "./gpus.ts";

/** Where and on how much of the machine a run computes. */
export interface Machine {
  addon: NativeAddon;
  device: "cpu" | "cuda";
  threads: number;
  /** The processes that train together; absent: this one alone. */
  job?: Job | null;
}

/** What to do where the system refuses a thread. */
export const THREADS =
  "use fewer (--threads), or raise the limit on processes and threads (ulimit -u, or the container's)";

/** @throws Failure where the system refuses a thread */
function createEngine(
  machine: Machine,
  options: Omit<NativeEngineOptions, "device" | "threads">,
  job?: Job | null,
): NativeEngine {
  const { addon, device, threads } = machine;
  try {
    const all = { device, threads, ...options };
    return job ? crewEngine(addon, job, all) : addon.createEngine(all);
  } catch (error) {
    if (!/cannot start (a|\d+) threads?\b/.test(messageOf(error))) throw error;
    throw new Failure("run", messageOf(error).replace(/^createEngine: /, ""), THREADS, error);
  }
}

/** What a stage trains; adapters start from the plan's seed. */
function training(train: PlanTrain, seed: number): NativeTraining {
  const order = train.deterministic === false ? { deterministic: false } : {};
  if (!train.lora) return order;
  const { rank, alpha, targets, also } = train.lora;
  return { lora: { rank, alpha, targets, seed }, alsoTrain: also, ...order };
}

/**
 * An engine with the arena that the plan foresees for a stage. Weights are not loaded yet.
 *
 * @param folder that of the run: a file without a name in it holds the layer inputs of `offload = disk`
 * @throws Failure that names the folder and the size when the disk does not have the room, or is none
 */
export function trainingEngine(machine: Machine, plan: Plan, stage: PlanStage, folder: string): NativeEngine {
  try {
    return createTrainingEngine(machine, plan, stage, folder);
  } catch (error) {
    if (stage.memory.offload !== "disk" || error instanceof Failure) throw error;
    const hint = "free some space, name a run folder on a larger disk (--out), or write memory { offload = none }";
    throw new Failure("run", `stage ${stage.name}: ${messageOf(error)}`, hint, error);
  }
}

function createTrainingEngine(machine: Machine, plan: Plan, stage: PlanStage, folder: string): NativeEngine {
  const { offload, gradients, moments, weights, head_groups: headGroups } = stage.memory;
  const gpus = gpusOf(machine, stage);
  const options: Omit<NativeEngineOptions, "device" | "threads"> = {
    model: modelShape(plan.model),
    training: training(stage.train, plan.seed),
    memory: {
      maxTokens: stage.parallel.micro_batch * stage.length,
      train: true,
      checkpointEvery: stage.memory.checkpoint_every,
      lossChunk: stage.memory.loss_chunk,
      mlpTile: stage.memory.mlp_tile,
      ...(headGroups !== undefined && { headGroups }),
      ...(offload !== "none" && { offload: offload === "disk" ? { to: "file", folder } : { to: "host" } }),
      ...(gradients === "host" && { gradients }),
      ...(moments === "host" && { moments }),
      ...(weights === "bf16" && { weights }),
      kvCacheTokens: 0,
      dtype: stage.train.dtype,
    },
    ring: stage.parallel.ring,
    ...(gpus.length > 0 && { devices: gpus }),
    ...(dividesWeights(machine, stage) && { shard: "all" as const }),
  };
  const engine = createEngine(machine, options, machine.job);
  engine.setRope(Float64Array.from(stage.rope.inv_freq), stage.rope.attention_factor);
  return engine;
}

/** Whether the ranks of a stage have memory of their own here, over which weights and gradients are divided as the plan has it. */
export function dividesWeights(machine: Machine, stage: PlanStage): boolean {
  if (stage.parallel.shard !== "all") return false;
  return (machine.job?.ranks.size ?? gpusOf(machine, stage).length) > 1;
}

/** A rank with memory of its own, a process or a GPU; `ranks` divide the moments among them, or all that the plan divides. */
export function rankMemory(plan: Plan, stage: PlanStage, ranks: number): LedgerOptions {
  const sharded = stage.parallel.shard === "all" && ranks > 1;
  return { ...ledgerOptions(stageMemory(plan, stage)), ranksHere: 1, shares: ranks, sharded };
}

/** Bytes of such a rank's arena. */
export function rankBytes(plan: Plan, stage: PlanStage, ranks: number): number {
  return deviceLedger(plan.model, rankMemory(plan, stage, ranks)).total;
}

/** Bytes that `trainingEngine` takes in the memory of each process of a job, what waits in the host's memory included. */
export function processBytes(plan: Plan, stage: PlanStage, { ranks }: Job): number {
  const { model } = plan;
  const options = rankMemory(plan, stage, ranks.size);
  const inputs = stage.memory.offload === "host" ? offloadedBytes(model, options) : 0;
  return (
    deviceLedger(model, options).total + inputs + hostGradientBytes(model, options) + hostMomentBytes(model, options)
  );
}

/** An engine that only reads and writes the adapters of a stage. */
export function adapterEngine(machine: Machine, plan: Plan, stage: PlanStage): NativeEngine {
  return createEngine(machine, {
    model: modelShape(plan.model),
    training: training(stage.train, plan.seed),
    memory: { maxTokens: 16, train: true, checkpointEvery: 1, lossChunk: 16, kvCacheTokens: 0 },
    ring: 1,
  });
}

/**
 * An engine that only scores: no gradients, one rank.
 *
 * @param devices see `scoringDevices`; default: the first
 */
export function scoringEngine(
  machine: Machine,
  model: PlanModel,
  maxTokens: number,
  devices: number[] = [],
): NativeEngine {
  return createEngine(machine, {
    model: modelShape(model),
    memory: scoringMemory(maxTokens, machine.device),
    ring: 1,
    ...(devices.length > 0 && { devices }),
  });
}
