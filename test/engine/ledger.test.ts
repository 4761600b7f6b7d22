import fc from "fast-check";
import { expect, test } from "vitest";
import { deviceLedger, hostGradientBytes, hostMomentBytes, offloadedBytes } from "../../compiler/memory/index.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { modelShape } from "../../runtime/engine/model_shape.ts";

const targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

const shapes = fc.record({
  vocab_size: fc.integer({ min: 1, max: 300 }),
  hidden_size: fc.integer({ min: 1, max: 70 }),
  intermediate_size: fc.integer({ min: 1, max: 90 }),
  layers: fc.integer({ min: 1, max: 7 }),
  kv_heads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  head_dim: fc.integer({ min: 1, max: 20 }).map((half) => 2 * half),
  tie_word_embeddings: fc.boolean(),
  qkv_bias: fc.boolean(),
  o_bias: fc.boolean(),
  mlp_bias: fc.boolean(),
  qk_norm: fc.boolean(),
  windowed: fc.option(fc.integer({ min: 1, max: 50 })),
});

const plans = fc.record({
  chunkTokens: fc.integer({ min: 1, max: 700 }),
  train: fc.boolean(),
  lora: fc.option(fc.record({ rank: fc.integer({ min: 1, max: 9 }), targets: fc.subarray(targets, { minLength: 1 }) })),
  alsoTrain: fc.subarray(["embed_tokens", "norm", "model.norm", "k_proj"]),
  checkpointEvery: fc.integer({ min: 0, max: 9 }),
  lossChunk: fc.integer({ min: 1, max: 600 }),
  kvCacheTokens: fc.integer({ min: 0, max: 500 }),
  ring: fc.integer({ min: 1, max: 4 }),
  mlpTile: fc.integer({ min: 0, max: 700 }),
  grouped: fc.boolean(),
  offload: fc.boolean(),
  waitingGradients: fc.boolean(),
  hostMoments: fc.boolean(),
  masters: fc.boolean(),
  dtype: fc.constantFrom("f32" as const, "bf16" as const),
});

test("the ledger is what the engine allocates, to the byte", async () => {
  await fc.assert(
    fc.asyncProperty(
      shapes,
      plans,
      async (
        { group, windowed, ...model },
        { chunkTokens, lora, alsoTrain, grouped, offload, waitingGradients, hostMoments, masters: kept, ...given },
      ) => {
        const layers = Array.from({ length: model.layers }, (_, layer) => layer % 2 === 0);
        const window = windowed === null ? null : { tokens: windowed, layers };
        const plan = { ...given, headGroups: grouped ? model.kv_heads : 1 };
        const shape = { ...model, heads: model.kv_heads * group, window };
        const hostGradients = waitingGradients && plan.ring === 1 && !lora;
        const masters = kept && plan.dtype === "bf16";
        const maxTokens = plan.ring === 1 ? chunkTokens : 2 * plan.ring * chunkTokens;
        const engine = loadAddon().createEngine({
          device: "cpu",
          threads: 1,
          ring: plan.ring,
          model: modelShape({ ...shape, rms_norm_eps: 1e-5 }),
          training: lora ? { lora: { ...lora, alpha: 1, seed: 0 }, alsoTrain } : {},
          memory: {
            ...{ ...plan, maxTokens, moments: hostMoments ? "host" : "device" },
            gradients: hostGradients ? "host" : "device",
            weights: masters ? "bf16" : "f32",
            ...(offload ? { offload: { to: "host" } } : {}),
          },
        });
        const { kvCache, offloaded, scratch: _, ...all } = engine.memory();
        const { hostGradients: gradients, hostMoments: moments, ...terms } = all;
        await engine.close();
        const options = {
          ...plan,
          maxTokens,
          offload,
          hostGradients,
          hostMoments,
          masters,
          ...(lora ? { lora, alsoTrain } : {}),
        };
        const ledger = deviceLedger(shape, options);
        expect(offloaded).toBe(offloadedBytes(shape, options));
        expect(gradients).toBe(hostGradientBytes(shape, options));
        expect(moments).toBe(hostMomentBytes(shape, options));
        expect(ledger).toEqual({ ...terms, kv_cache: kvCache });
      },
    ),
    { numRuns: 300 },
  );
});

test("so it is on each of the ranks that divide moments, or weights and gradients too", async () => {
  const parts = fc.record({ groups: fc.integer({ min: 1, max: 3 }), sharded: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(shapes, plans, parts, async ({ group, windowed: _, ...model }, given, { groups, sharded }) => {
      const {
        chunkTokens,
        lora,
        alsoTrain,
        ring,
        hostMoments,
        masters: kept,
        grouped,
        offload,
        waitingGradients: __,
        ...rest
      } = given;
      const plan = { ...rest, train: true, headGroups: grouped ? model.kv_heads : 1 };
      const masters = kept && plan.dtype === "bf16" && !sharded;
      const ranks = ring * groups;
      fc.pre(ranks > 1);
      const shape = { ...model, heads: model.kv_heads * group, window: null };
      const maxTokens = ring === 1 ? chunkTokens : 2 * ring * chunkTokens;
      const engine = loadAddon().createEngine({
        ...{ device: "cpu", threads: 1, ring, devices: Array.from({ length: ranks }, () => 0) },
        shard: sharded ? "all" : "moments",
        model: modelShape({ ...shape, rms_norm_eps: 1e-5 }),
        training: lora ? { lora: { ...lora, alpha: 1, seed: 0 }, alsoTrain } : {},
        memory: {
          ...{ ...plan, maxTokens, moments: hostMoments ? "host" : "device", weights: masters ? "bf16" : "f32" },
          ...(offload ? { offload: { to: "host" } } : {}),
        },
      });
      const { kvCache, offloaded, scratch, hostGradients, hostMoments: moments, ...terms } = engine.memory();
      await engine.close();
      const learning = lora ? { lora, alsoTrain } : {};
      const options = {
        ...plan,
        ring,
        maxTokens,
        offload,
        hostMoments,
        masters,
        ...learning,
        ranksHere: 1,
        shares: ranks,
        sharded,
      };
      expect({ ...terms, kv_cache: kvCache }).toEqual(deviceLedger(shape, options));
      expect([offloaded, moments]).toEqual([offloadedBytes(shape, options), hostMomentBytes(shape, options)]);
      expect([hostGradients, scratch]).toEqual([0, 0]);
    }),
    { numRuns: 60 },
  );
});
