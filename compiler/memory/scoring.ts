import { isComputed } from "../model/index.ts";
import type { ModelShape } from "../model/parameters.ts";
import type { Plan, PlanEvaluate, PlanHardware, PlanModel, PlanTrain } from "../plan.ts";
import { deviceLedger, type LedgerOptions } from "./ledger.ts";
import { CUDA_CODE, CUDA_CONTEXT, cudaScratchBytes } from "./scratch_cuda.ts";

/** What an evaluation takes of a device: an engine of its own, which only scores, a whole row at once. */

/**
 * In what it computes: on a GPU in bf16, which its fast kernels are for. Whatever stages train in: what was before training and what is after
 * it are measured alike.
 */
export function scoringDtype(kind: PlanHardware["kind"]): PlanTrain["dtype"] {
  return kind === "cuda" ? "bf16" : "f32";
}

/** Devices that score rows side by side, each whole ones: those of the first host, however many of them train. */
export function scoringAtOnce({
  kind,
  devices,
  devices_per_host: here,
}: Pick<PlanHardware, "kind" | "devices" | "devices_per_host">): number {
  return kind === "cuda" ? Math.min(devices, here) : 1;
}

/** Tokens that are scored at once where the lengths are shorter: enough to keep matrix products large. */
const FLAT_TOKENS = 4096;

/** Most tokens of an evaluation that the engine takes at once. */
export function scoredTokens({ needle, perplexity }: PlanEvaluate): number {
  return Math.max(FLAT_TOKENS, ...(needle?.lengths ?? []), ...(perplexity?.lengths ?? []));
}

/** The memory of an engine that scores up to so many tokens at once. */
export function scoringMemory(maxTokens: number, kind: PlanHardware["kind"]) {
  const lossChunk = Math.min(1024, maxTokens);
  return { maxTokens, train: false, checkpointEvery: 0, lossChunk, kvCacheTokens: 0, dtype: scoringDtype(kind) };
}

/** The same as the ledger takes it: one rank. */
export function scoringOptions(maxTokens: number, kind: PlanHardware["kind"]): LedgerOptions {
  return { ...scoringMemory(maxTokens, kind), ring: 1 };
}

/** Bytes of its arena. */
export function scoringBytes(model: ModelShape, maxTokens: number, kind: PlanHardware["kind"]): number {
  return deviceLedger(model, scoringOptions(maxTokens, kind)).total;
}

/** Bytes of a GPU's memory that scoring takes beside the arena, but for CUDA's context. */
export function besideScoringArena(model: ModelShape, maxTokens: number): number {
  return cudaScratchBytes(model, scoringOptions(maxTokens, "cuda")) + CUDA_CODE;
}

/** An evaluation of a plan. */
export interface PlannedEvaluation {
  /** As a sentence begins with it. */
  readonly subject: string;
  readonly evaluate: PlanEvaluate;
  /** JSON pointer into the plan. */
  readonly pointer: string;
}

/** All of a plan, in the order in which they are done. */
export function evaluationsOf({ before, stages }: Pick<Plan, "before" | "stages">): PlannedEvaluation[] {
  const first = before ? [{ subject: "the evaluation before training", evaluate: before, pointer: "/before" }] : [];
  const after = stages.flatMap(({ name, evaluate }, k): PlannedEvaluation[] =>
    evaluate ? [{ subject: `the evaluation after stage ${name}`, evaluate, pointer: `/stages/${k}/evaluate` }] : [],
  );
  return [...first, ...after];
}

/** All that an evaluation takes of the device that does it, in bytes, as `ctx run` counts it; 0 where no engine computes the model. */
export function evaluationNeed(model: PlanModel, kind: PlanHardware["kind"], evaluate: PlanEvaluate): number {
  return isComputed(model.family) ? scoringNeed(model, kind, scoredTokens(evaluate)) : 0;
}

function scoringNeed(model: PlanModel, kind: PlanHardware["kind"], tokens: number): number {
  const beside = kind === "cuda" ? besideScoringArena(model, tokens) + CUDA_CONTEXT : 0;
  return scoringBytes(model, tokens, kind) + beside;
}

/** Most tokens at once that a device can score, up to `most`, in whole blocks of 1,024; 0 where it cannot even hold the model. */
export function scorableTokens(model: PlanModel, { kind, device_bytes }: PlanHardware, most: number): number {
  const block = 1024;
  const fits = (blocks: number) => scoringNeed(model, kind, Math.max(FLAT_TOKENS, blocks * block)) <= device_bytes;
  let [below, above] = [0, Math.floor(most / block) + 1];
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (fits(middle)) below = middle;
    else above = middle;
  }
  return below * block;
}
