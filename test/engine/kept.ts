// Engines of any shape, and what their kernels keep beside the arena after a step: for tests of the compiler's bounds.
import fc from "fast-check";
import { expect } from "vitest";
import type { LedgerOptions } from "../../compiler/memory/index.ts";
import type { ModelShape } from "../../compiler/model/index.ts";
import type { NativeTraining } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { modelShape } from "../../runtime/engine/model_shape.ts";

type FcValue<T> = T extends fc.Arbitrary<infer V> ? V : never;

/**
 * What an engine's kernels keep after a step, or after scoring.
 *
 * @param isa of a CPU; "cuda": on the GPU
 * @param training what of it is no adapter's
 */
export async function kept(
  isa: string,
  shape: ModelShape,
  options: LedgerOptions,
  threads: number,
  training: Pick<NativeTraining, "deterministic"> = {},
): Promise<number> {
  const { lora, alsoTrain = [], ...memory } = options;
  const engine = loadAddon().createEngine({
    ...(isa === "cuda" ? { device: "cuda" } : { device: "cpu", isa }),
    ...{ threads, ring: options.ring },
    model: modelShape({ ...shape, rms_norm_eps: 1e-5 }),
    training: {
      ...training,
      ...(lora && {
        ...{ lora: { ...lora, targets: [...lora.targets], alpha: 1, seed: 0 }, alsoTrain: [...alsoTrain] },
      }),
    },
    memory: { ...memory, ...(memory.offload ? { offload: { to: "host" } } : {}) } as never,
  });
  const n = options.maxTokens;
  const batch = {
    ids: Int32Array.from({ length: n }, (_, i) => i % shape.vocab_size),
    positions: Int32Array.from({ length: n }, (_, i) => i),
    starts: new Int32Array(n),
    targets: Int32Array.from({ length: n }, (_, i) => (i + 1) % shape.vocab_size),
    weights: new Float32Array(n).fill(1 / n),
  };
  engine.setRope(new Float64Array(shape.head_dim / 2).fill(0.1), 1);
  await engine.initialize(1, 0.02);
  if (options.train) {
    await engine.accumulate(batch);
    const rates = {
      lr: 1e-4,
      beta1: 0.9,
      beta2: 0.95,
      eps: 1e-8,
      weightDecay: 0,
      clipNorm: 1,
      step: 1,
      loraPlusRatio: 1,
    };
    await engine.step(rates);
  }
  await engine.score(batch);
  if (options.kvCacheTokens > 1) await engine.generate(batch.ids.slice(0, 1), options.kvCacheTokens - 1, []);
  const { scratch } = engine.memory();
  await engine.close();
  expect(engine.memory().scratch).toBe(0);
  return scratch;
}

const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
export const shapes = fc.record({
  vocab_size: fc.constantFrom(1, 17, 300, 4200),
  hidden_size: fc.constantFrom(1, 40, 64, 200),
  intermediate_size: fc.constantFrom(1, 90, 520),
  layers: fc.integer({ min: 1, max: 2 }),
  kv_heads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  head_dim: fc.constantFrom(2, 18, 64, 96, 128, 256),
  tie_word_embeddings: fc.boolean(),
  qkv_bias: fc.boolean(),
  o_bias: fc.boolean(),
  mlp_bias: fc.boolean(),
  qk_norm: fc.boolean(),
});
export const runs = fc.record({
  chunk: fc.constantFrom(1, 2, 30, 97, 400),
  train: fc.boolean(),
  lora: fc.option(fc.record({ rank: fc.constantFrom(1, 8, 64), targets: fc.subarray(targets, { minLength: 1 }) })),
  checkpointEvery: fc.integer({ min: 0, max: 2 }),
  lossChunk: fc.constantFrom(1, 64, 600),
  mlpTile: fc.constantFrom(0, 50),
  grouped: fc.boolean(),
  kvCacheTokens: fc.constantFrom(0, 40),
  ring: fc.constantFrom(1, 1, 2),
  dtype: fc.constantFrom("f32" as const, "bf16" as const),
  threads: fc.integer({ min: 1, max: 3 }),
});

/** A shape and a run as the ledger takes them. */
export function given(
  { group, ...model }: FcValue<typeof shapes>,
  { chunk, lora, grouped, threads: _, ...run }: FcValue<typeof runs>,
): { shape: ModelShape; options: LedgerOptions } {
  const shape = { ...model, heads: model.kv_heads * group };
  const kvCacheTokens = run.ring > 1 ? 0 : run.kvCacheTokens;
  const maxTokens = Math.max(run.ring === 1 ? chunk : 2 * run.ring * chunk, kvCacheTokens);
  return {
    shape,
    options: { ...run, headGroups: grouped ? model.kv_heads : 1, kvCacheTokens, maxTokens, ...(lora && { lora }) },
  };
}
