import {
  CUDA_CODE,
  CUDA_CONTEXT,
  CUDA_PEERS,
  cudaScratchBytes,
  deviceLedger,
  hostGradientBytes,
  hostMomentBytes,
  type LedgerOptions,
  ledgerOf,
  ledgerOptions,
  offloadedBytes,
  ranksTokens,
  scoringOptions,
  scratchBytes,
  stageMemory,
} from "../../compiler/memory/index.ts";
import type { Plan, PlanModel, PlanStage } from "../../compiler/plan.ts";
import type { Job } from "../ranks/job.ts";
import { type Machine, processBytes, rankMemory } from "../train/stage_engine.ts";

/** Bytes by what takes them, as a phrase. */
export interface MemoryNeed {
  readonly [what: string]: number;
}

/** JavaScript's heap, the tokenizers library, allocators' slack: what a run of any size adds to a process that has just begun. */
const PROGRAM = 64 * 2 ** 20;

/**
 * Bytes for each token of a step: a row as it is drawn (25) and as the engine takes it (21), and the step's before that is not collected
 * yet. For each token of a micro batch: the engine's copy (20) and the scores, there and here (10).
 */
const STEP_TOKEN = 25 + 2 * 21;
const BATCH_TOKEN = 30;

export const sum = (need: MemoryNeed) => Object.values(need).reduce((all, bytes) => all + bytes, 0);

export function largest(need: MemoryNeed): [what: string, bytes: number] {
  return Object.entries(need).reduce((most, entry) => (entry[1] > most[1] ? entry : most), ["nothing", 0]);
}

/** All that a process on a CPU takes while it trains a stage and saves it: the engine's arena and what is beside it. */
export function stageNeed(plan: Plan, stage: PlanStage, { threads, job }: Machine): MemoryNeed {
  const { model } = plan;
  const { sequences, length, parallel } = stage;
  const options = { ...ledgerOptions(stageMemory(plan, stage)), ...(job && { ranksHere: 1 }) };
  // Merging an adapter takes the sum beside the tensor.
  const tensors = stage.train.lora ? 2 : 1;
  const beside = {
    "the kernels' working memory": scratchBytes(model, options, threads),
    "the rows of a step": sequences * length * STEP_TOKEN + parallel.micro_batch * length * BATCH_TOKEN,
    "a tensor on its way to a file": tensors * largestTensor(model),
    "the program itself": PROGRAM,
  };
  if (job) return scaled({ "the engine's arena": processBytes(plan, stage, job), ...beside }, job);
  const { total: _, ...terms } = ledgerOf(stage);
  const gradients = terms.gradients + hostGradientBytes(model, options);
  const moments = terms.optimizer + hostMomentBytes(model, options);
  return { ...named(terms), gradients, [MOMENTS]: moments, "offloaded layer inputs": waiting(stage), ...beside };
}

/** What a stage on GPUs takes of its host's memory, where `groups` rings compute side by side. */
export function hostNeed(plan: Plan, stage: PlanStage, groups: number): MemoryNeed {
  const { model } = plan;
  const { sequences, length, parallel, memory } = stage;
  const options = ledgerOptions(stageMemory(plan, stage));
  return {
    "offloaded layer inputs": memory.offload === "host" ? groups * offloadedBytes(model, options) : 0,
    gradients: hostGradientBytes(model, options),
    [MOMENTS]: hostMomentBytes(model, options), // of all ranks together, whatever shares they hold
    "the rows of a step": sequences * length * STEP_TOKEN + groups * parallel.micro_batch * length * BATCH_TOKEN,
    "a tensor on its way to a file": largestTensor(model),
    "the program itself": PROGRAM,
  };
}

/** The same of the processes of a job here, each with a GPU. `peers`: they need not pass its memory on through the host's. */
export function hostNeedOfJob(plan: Plan, stage: PlanStage, job: Job, peers: boolean): MemoryNeed {
  const { model } = plan;
  const { sequences, length, parallel, memory } = stage;
  const options = rankMemory(plan, stage, job.ranks.size);
  const each = {
    "offloaded layer inputs": memory.offload === "host" ? offloadedBytes(model, options) : 0,
    [MOMENTS]: hostMomentBytes(model, options),
    "what processes pass on": peers ? 0 : stagedBytes(model, options),
    "the program itself": PROGRAM,
  };
  return {
    ...scaled(each, job),
    "the rows of a step": sequences * length * STEP_TOKEN + parallel.micro_batch * length * BATCH_TOKEN,
    "a tensor on its way to a file": largestTensor(model),
  };
}

/** The most that sums over all ranks pass on at once (native/ring/collectives.cc). */
const PIECE = 64 * 2 ** 20;

/**
 * Host memory through which a process passes its GPU's memory on where there is no shorter way (native/ring/staged.cc): for what leaves and what
 * arrives, a piece of a sum, and keys and values with their gradients.
 */
export function stagedBytes(model: PlanModel, options: LedgerOptions): number {
  const numbers = options.ring === 1 ? 0 : 2 * ranksTokens(options) * model.kv_heads * model.head_dim;
  return 2 * (PIECE + numbers * ((options.dtype === "bf16" ? 2 : 4) + 4));
}

/**
 * What a stage on a GPU takes of the GPU's memory beside its arenas. The context of this process is there already where free memory is asked
 * for; other processes that share the GPU have their own.
 *
 * @param processes of a job on this GPU; absent: this one, with all ranks of a ring
 * @param peers they reach other processes' GPUs by NCCL
 */
export function besideArena(plan: Plan, stage: PlanStage, processes?: number, peers = false): number {
  const options = ledgerOptions(stageMemory(plan, stage));
  if (processes === undefined) return cudaScratchBytes(plan.model, options) + CUDA_CODE;
  const each = cudaScratchBytes(plan.model, { ...options, ranksHere: 1 }) + CUDA_CODE;
  return processes * (each + (peers ? CUDA_PEERS : 0)) + (processes - 1) * CUDA_CONTEXT;
}

/** The same for `here` of a stage's `ranks` on one of this process's GPUs. Its context is there, too. */
export function besideRanks(plan: Plan, stage: PlanStage, ranks: number, here: number): number {
  return here * cudaScratchBytes(plan.model, rankMemory(plan, stage, ranks)) + CUDA_CODE;
}

/** All that a process on a CPU takes while a model is scored on up to `tokens` tokens at once. */
export function scoringNeed(model: PlanModel, tokens: number, { threads }: Machine): MemoryNeed {
  const options = scoringOptions(tokens, "cpu");
  const { total: _, ...terms } = deviceLedger(model, options);
  return {
    ...named(terms),
    "the kernels' working memory": scratchBytes(model, options, threads),
    "the text to score": tokens * (STEP_TOKEN + BATCH_TOKEN),
    "the program itself": PROGRAM,
  };
}

/** Layer inputs that wait in memory. */
function waiting({ memory }: PlanStage): number {
  return memory.offload === "host" ? (memory.host.offload ?? 0) : 0;
}

const MOMENTS = "AdamW's moments";
const phrases: { readonly [term: string]: string } = { kv_cache: "the key-value cache", optimizer: MOMENTS };

function named(terms: { readonly [term: string]: number }): MemoryNeed {
  return Object.fromEntries(Object.entries(terms).map(([term, bytes]) => [phrases[term] ?? term, bytes]));
}

/** Of all processes of a job on this machine. */
function scaled(need: MemoryNeed, { ranks }: Job): MemoryNeed {
  return Object.fromEntries(Object.entries(need).map(([what, bytes]) => [what, ranks.here * bytes]));
}

function largestTensor({ vocab_size, hidden_size, intermediate_size, heads, head_dim }: PlanModel): number {
  return 4 * hidden_size * Math.max(vocab_size, intermediate_size, heads * head_dim);
}
