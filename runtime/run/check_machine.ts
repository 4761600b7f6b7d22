import {
  besideScoringArena,
  cheapestChange,
  deviceLedger,
  evaluationsOf,
  ledgerOf,
  ledgerOptions,
  scoredTokens,
  scoringBytes,
  stageMemory,
} from "../../compiler/memory/index.ts";
import { promisedContext } from "../../compiler/model/index.ts";
import type { Plan, PlanEvaluate, PlanModel, PlanStage } from "../../compiler/plan.ts";
import { provenConfig, readBaseConfig } from "../export/model_folder.ts";
import type { Job } from "../ranks/job.ts";
import { bytes } from "../report/format.ts";
import { gpusOf, groupsHere, hasPeers, processesOnGpu } from "../train/gpus.ts";
import { type Machine, processBytes, rankBytes, THREADS } from "../train/stage_engine.ts";
import { Failure } from "./failure.ts";
import { FREE, hostMemory, type MemoryLimit, memoryLimit } from "./memory_limits.ts";
import {
  besideArena,
  besideRanks,
  hostNeed,
  hostNeedOfJob,
  largest,
  type MemoryNeed,
  scoringNeed,
  stageNeed,
  sum,
} from "./memory_needs.ts";

/**
 * Refuses, before the first file is read, what could only fail hours later: a device that is not there, an arena larger
 * than the memory, a stage whose frequency table no config.json can hold.
 *
 * @param baseModel folder of the base model; null when the plan starts from nothing
 * @param root folder that /proc and /sys are looked for in
 * @throws Failure that says what is missing
 */
export function checkMachine(plan: Plan, machine: Machine, baseModel: string | null, root = "/"): void {
  refuseWaitingGradients(plan, machine);
  const memory = machineMemory(machine, undefined, root);
  for (const [index, stage] of plan.stages.entries()) {
    const groups = groupsHere(machine, stage);
    if (machine.device === "cpu") expectFree(plan, stage, machine, root);
    else expectHost(plan, stage, machine, groups, root);
    const gpus = gpusOf(machine, stage);
    for (const gpu of new Set(gpus)) expectGpu(plan, stage, machine, gpus, gpu);
    if (gpus.length === 0) expectMemory(`stage ${stage.name}`, needed(plan, stage, machine), memory, SMALLER);
    provenConfig(plan, stage.rope, promisedContext(plan, index), "f32", readBaseConfig(baseModel));
  }
  for (const { subject, evaluate } of evaluationsOf(plan))
    checkEvaluation(subject, evaluate, plan.model, machine, root);
  // Last: a limit on memory may leave no room for the threads' stacks, and it is then the limit that has to be told.
  const ranks = plan.stages.map((stage) => Math.max(stage.parallel.ring, gpusOf(machine, stage).length));
  checkThreads(machine, Math.max(1, ...ranks));
}

const SMALLER = "shorten the rows, lower the micro batch, or checkpoint activations in the recipe";

/** Bytes that a stage takes on this machine, or on the one GPU that this process has. */
function needed(plan: Plan, stage: PlanStage, machine: Machine): number {
  const { device, job } = machine;
  if (device === "cpu") return job ? bytesHere(plan, stage, job) : engineBytes(plan, stage);
  if (!job) return engineBytes(plan, stage) + besideArena(plan, stage);
  const processes = processesOnGpu(machine);
  return processes * rankBytes(plan, stage, job.ranks.size) + besideArena(plan, stage, processes, hasPeers(machine));
}

/** Refuses a stage whose ranks do not fit on one of the GPUs. */
function expectGpu(plan: Plan, stage: PlanStage, machine: Machine, gpus: number[], gpu: number): void {
  const ranks = gpus.filter((other) => other === gpu).length;
  const needed = ranks * rankBytes(plan, stage, gpus.length) + besideRanks(plan, stage, gpus.length, ranks);
  const subject = ranks === 1 ? `stage ${stage.name}` : `stage ${stage.name}, with ${ranks} ranks on a GPU,`;
  expectMemory(subject, needed, machineMemory(machine, gpu), SMALLER);
}

/** Gradients wait in the host's memory for one process alone: several sum theirs. */
function refuseWaitingGradients({ stages }: Plan, { job }: Machine): void {
  const stage = stages.find(({ memory }) => memory.gradients === "host");
  if (!stage || !job) return;
  const message = `stage ${stage.name} keeps gradients in the host's memory (gradients = host), which ${job.ranks.size} processes that sum them cannot`;
  throw new Failure("run", message, "write memory { gradients = device }, or run one process");
}

/**
 * Refuses to begin where the system would later refuse a thread: the engine could say so, but the tokenizers library ends the process.
 *
 * @param ranks of the largest ring
 */
export function checkThreads(machine: Machine, ranks: number): void {
  const { addon, threads } = machine;
  const needed = threadsNeeded(machine, ranks);
  const startable = addon.startableThreads(needed);
  if (startable < needed) {
    const message = `this process can start only ${startable} more threads, and ${needed} are needed to compute with ${threads}`;
    throw new Failure("run", message, THREADS);
  }
}

/** Threads that Node starts for files when it first needs them. */
const POOL = 4;

/** The engine's pool, one thread that feeds it, one for each further rank; the tokenizers library takes as many as there are cores. */
function threadsNeeded({ addon, threads }: Machine, ranks: number): number {
  return threads + ranks + addon.describe().cores;
}

/** Refuses an evaluation whose longest row does not fit. `what` is the subject of the message. */
export function checkEvaluation(
  what: string,
  evaluate: PlanEvaluate,
  model: PlanModel,
  machine: Machine,
  root = "/",
): void {
  const tokens = scoredTokens(evaluate);
  const subject = `${what}, of up to ${tokens.toLocaleString("en-US")} tokens at once,`;
  const hint = "evaluate at shorter lengths";
  const beside = machine.device === "cuda" ? besideScoringArena(model, tokens) : 0;
  expectMemory(
    subject,
    scoringBytes(model, tokens, machine.device) + beside,
    machineMemory(machine, undefined, root),
    hint,
  );
  if (machine.device !== "cpu") return;
  const need = scoringNeed(model, tokens, machine);
  const limit = memoryLimit(root, threadsNeeded(machine, 1) + POOL);
  if (limit && sum(need) > limit.bytes) throw tooLarge(subject, need, limit, hint);
}

/** Refuses a stage that this process cannot have the memory for now, with the cheapest change that makes it fit. */
function expectFree(plan: Plan, stage: PlanStage, machine: Machine, root: string): void {
  const limit = memoryLimit(root, threadsNeeded(machine, stage.parallel.ring) + POOL);
  const need = stageNeed(plan, stage, machine);
  if (!limit || sum(need) <= limit.bytes) return;
  const arena = machine.job ? bytesHere(plan, stage, machine.job) : ledgerOf(stage).total;
  const left = limit.bytes - (sum(need) - arena);
  throw tooLarge(`stage ${stage.name}`, need, limit, left > 0 ? `in the recipe: ${change(plan, stage, left)}` : null);
}

/** The cheapest change to a stage after which its arena takes no more than `left`. */
function change(plan: Plan, stage: PlanStage, left: number): string {
  const hardware = { ...plan.hardware, kind: "cpu" as const, device_bytes: left, host_bytes: left };
  const fields = ["checkpoint", "offload", "micro_batch", "head_groups", "mlp_tile", "loss_chunk"] as const;
  return cheapestChange({ ...stage, model: plan.model, hardware }, stage, fields).words;
}

function tooLarge(what: string, need: MemoryNeed, limit: MemoryLimit, hint: string | null): Failure {
  const [term, most] = largest(need);
  const needed = sum(need);
  const message = `${what} needs ${bytes(needed)} of memory (most of it ${term}: ${bytes(most)}), and ${limit.what} has ${bytes(Math.max(0, limit.bytes))} left`;
  const missing = bytes(needed - limit.bytes);
  const raise = limit.what === FREE ? `free ${missing} or more` : `raise the limit by ${missing} or more`;
  return new Failure("run", message, hint === null ? raise : `${hint}; or ${raise}`);
}

/** Of all processes of a job on this machine. */
function bytesHere(plan: Plan, stage: PlanStage, job: Job): number {
  return job.ranks.here * processBytes(plan, stage, job);
}

/** Refuses what a GPU's stage needs of its host, and what is not there for GPUs. */
function expectHost(plan: Plan, stage: PlanStage, machine: Machine, groups: number, root: string): void {
  const { job } = machine;
  const { offload, moments } = stage.memory;
  if (offload === "disk") {
    const hint =
      "compile the recipe for the GPU (ctx run recipe.ctx --device cuda, or a hardware block), or write memory { offload = host }";
    throw new Failure("run", `the plan's stage ${stage.name} keeps layer inputs on a disk, which is for a CPU`, hint);
  }
  const need = job ? hostNeedOfJob(plan, stage, job, hasPeers(machine)) : hostNeed(plan, stage, groups);
  const limit = memoryLimit(root);
  if (limit && sum(need) > limit.bytes)
    throw tooLarge(
      `stage ${stage.name}, on the host,`,
      need,
      limit,
      offload === "host"
        ? "checkpoint fewer layers"
        : moments === "host"
          ? "write memory { moments = device }, or train an adapter"
          : null,
    );
}

interface Memory {
  bytes: number;
  /** The subject of a sentence, with its verb. */
  owner: string;
}

function expectMemory(what: string, needed: number, { bytes: memory, owner }: Memory, hint: string): void {
  if (needed > memory)
    throw new Failure("run", `${what} needs ${bytes(needed)} of memory, and ${owner} ${bytes(memory)}`, hint);
}

/** @throws Failure that says why CUDA can't be used, where it can't */
export function expectCuda(addon: Machine["addon"]): void {
  const { cuda } = addon.describe();
  if (!cuda.available)
    throw new Failure("run", `CUDA is not available here: ${cuda.reason}`, "run with --device cpu, or see ctx doctor");
}

/** What the device has: of a GPU what is free of it. @throws Failure when the device is not there */
function machineMemory({ addon, device }: Machine, gpu?: number, root = "/"): Memory {
  const { cuda, memoryBytes: whole } = addon.describe();
  if (device === "cpu") {
    const { bytes, what } = hostMemory(root, whole);
    return { bytes, owner: `${what} has` };
  }
  expectCuda(addon);
  const { name, memoryBytes } = cuda.devices[gpu ?? 0]!;
  const which = gpu === undefined ? "the GPU" : `GPU ${gpu}`;
  return { bytes: addon.cudaFreeMemory(gpu ?? 0), owner: `${which} (${name}, ${bytes(memoryBytes)}) has free` };
}

/** Bytes of the one arena that this process makes for a stage, whatever number of devices the plan is for. */
function engineBytes(plan: Plan, stage: PlanStage): number {
  return deviceLedger(plan.model, ledgerOptions(stageMemory(plan, stage))).total;
}
