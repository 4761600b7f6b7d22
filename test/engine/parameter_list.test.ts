import fc from "fast-check";
import { expect, test } from "vitest";
import { countParameters } from "../../compiler/model/index.ts";
import { type Parameter, visitParameters } from "../../compiler/model/parameter_list.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { modelShape } from "../../runtime/engine/model_shape.ts";

const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

const shapes = fc
  .record({
    vocab_size: fc.integer({ min: 1, max: 90 }),
    hidden_size: fc.integer({ min: 1, max: 40 }),
    intermediate_size: fc.integer({ min: 1, max: 50 }),
    layers: fc.integer({ min: 1, max: 4 }),
    kv_heads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 3 }),
    head_dim: fc.integer({ min: 1, max: 8 }).map((half) => 2 * half),
    tie_word_embeddings: fc.boolean(),
    qkv_bias: fc.boolean(),
    o_bias: fc.boolean(),
    mlp_bias: fc.boolean(),
    qk_norm: fc.boolean(),
  })
  .map(({ group, ...shape }) => ({ ...shape, heads: shape.kv_heads * group }));

const adapters = fc.option(
  fc.record({ rank: fc.integer({ min: 1, max: 5 }), targets: fc.subarray(targets, { minLength: 1 }) }),
);

test("names, shapes and order are the engine's, and their numbers add up", async () => {
  await fc.assert(
    fc.asyncProperty(shapes, adapters, async (shape, lora) => {
      const engine = loadAddon().createEngine({
        ...{ device: "cpu", threads: 1, ring: 1, model: modelShape({ ...shape, rms_norm_eps: 1e-5 }) },
        training: lora ? { lora: { ...lora, alpha: 1, seed: 0 } } : {},
        memory: { maxTokens: 2, train: true, checkpointEvery: 0, lossChunk: 1, kvCacheTokens: 0 },
      });
      const engines = engine.parameters();
      await engine.close();
      const listed: Parameter[] = [];
      visitParameters(shape, lora ?? undefined, (parameter) => listed.push(parameter));
      expect(listed.map(({ name, shape }) => ({ name, shape }))).toEqual(
        engines.map(({ name, shape }) => ({ name, shape })),
      );
      if (lora)
        expect(listed.filter(({ adapter }) => adapter).map(({ name }) => name)).toEqual(
          engines.filter(({ trainable }) => trainable).map(({ name }) => name),
        );
      const own = listed.filter(({ adapter }) => !adapter);
      expect(own.reduce((sum, { numbers }) => sum + numbers, 0)).toBe(countParameters(shape));
    }),
    { numRuns: 100 },
  );
});
