// A training small enough for kernels that run on the host: one layer, or a few, and made-up text.
import type { NativeEngine, NativeEngineOptions, NativeMemoryPlan } from "../../runtime/engine/addon.ts";
import { HYPER, madeUpBatch } from "../engine/native.ts";

const MEMORY = { maxTokens: 48, train: true, checkpointEvery: 1, lossChunk: 16, kvCacheTokens: 0 };

/** On GPUs, in rings of `ring`. */
export const smallOptions = (
  ring: number,
  layers = 1,
  memory: Partial<NativeMemoryPlan> = {},
): NativeEngineOptions => ({
  ...{ device: "cuda", threads: 4, ring },
  model: {
    ...{ vocabSize: 61, hiddenSize: 16, intermediateSize: 24, layers, heads: 2, kvHeads: 1, headDim: 8 },
    ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true },
  },
  memory: { ...MEMORY, ...memory },
});

export const tokens = (count: number, shift: number) => madeUpBatch(count, shift, 61, 0.5 / count);

/** Steps of two micro batches each; losses and norms. */
export async function steps(engine: NativeEngine, from: number, to: number): Promise<number[]> {
  const told = [];
  for (let step = from; step <= to; step++) {
    const batches = [tokens(16, step), tokens(12, 2 * step)];
    const scores = await engine.accumulateAll(batches);
    for (const { nll } of scores) told.push(nll.reduce((sum, value) => sum + value));
    told.push((await engine.step({ ...HYPER, step })).gradNorm);
  }
  return told;
}

/** Largest relative difference. */
export const apart = (ours: number[], theirs: number[]) =>
  Math.max(...ours.map((x, i) => Math.abs(x / theirs[i]! - 1)));
