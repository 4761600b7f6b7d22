// Layers' gradients in the host's memory: the same bytes as in the arena.
import { expect, test } from "vitest";
import type { NativeEngine, NativeEngineOptions } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { digest, HYPER, madeUpBatch, readAll, setSmallRope } from "./native.ts";

const TOKENS = 96;
const OPTIONS: NativeEngineOptions = {
  ...{ device: "cpu", threads: 2, ring: 1 },
  model: {
    ...{ vocabSize: 97, hiddenSize: 32, intermediateSize: 80, layers: 5, heads: 4, kvHeads: 2, headDim: 8 },
    ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true },
  },
  memory: { maxTokens: TOKENS, train: true, checkpointEvery: 1, lossChunk: 64, kvCacheTokens: 0 },
};
type Memory = Partial<NativeEngineOptions["memory"]>;
type Model = Partial<NativeEngineOptions["model"]>;

async function make(memory: Memory, model: Model = {}, rest: Partial<NativeEngineOptions> = {}): Promise<NativeEngine> {
  const engine = loadAddon().createEngine({
    ...{ ...OPTIONS, ...rest },
    model: { ...OPTIONS.model, ...model },
    memory: { ...OPTIONS.memory, ...memory },
  });
  setSmallRope(engine);
  await engine.initialize(5, 0.3);
  return engine;
}

const batch = (tokens: number, shift: number) => madeUpBatch(tokens, shift, 97);

/** Gradients and norms of two steps of one to three micro batches, and the weights after them. */
async function course(engine: NativeEngine): Promise<unknown[]> {
  const seen: unknown[] = [];
  for (const [step, micro] of [
    [1, 1],
    [2, 3],
  ] as const) {
    for (let k = 0; k < micro; k++) await engine.accumulate(batch(TOKENS - 8 * k, 10 * step + k));
    seen.push(digest(await readAll(engine, "gradient")));
    seen.push((await engine.step({ ...HYPER, step })).gradNorm);
  }
  seen.push(digest(await readAll(engine, "gradient")), digest(await readAll(engine, "value")));
  return seen;
}

test.each<[string, Memory, Model]>([
  ["tied", {}, {}],
  ["untied, moments with them", { moments: "host" }, { tieWordEmbeddings: false }],
  ["bf16, layer inputs too", { dtype: "bf16", offload: { to: "host" }, moments: "host" }, {}],
  ["biases and norms of heads, all kept", { checkpointEvery: 0 }, { qkvBias: true, mlpBias: true, qkNorm: true }],
  ["three layers", {}, { layers: 3 }],
])("%s: gradients, norms and weights to the bit", async (_, memory, model) => {
  const [inside, outside] = [await make(memory, model), await make({ ...memory, gradients: "host" }, model)];
  expect(await course(outside)).toEqual(await course(inside));
  const [within, beside] = [inside.memory(), outside.memory()];
  // Two layers' places stay.
  const layers = model.layers ?? 5;
  expect(beside.hostGradients * (layers - 2)).toBe(layers * (within.gradients - beside.gradients));
  expect(within.total - within.gradients).toBe(beside.total - beside.gradients);
  expect(beside.hostGradients).toBeGreaterThan(0);
  await Promise.all([inside.close(), outside.close()]);
});

test("of two layers none waits", async () => {
  const [inside, outside] = [await make({}, { layers: 2 }), await make({ gradients: "host" }, { layers: 2 })];
  expect(outside.memory()).toEqual(inside.memory());
  await Promise.all([inside.close(), outside.close()]);
});

test("a backward pass that was given up leaves nothing that disturbs the next", async () => {
  const expected = await make({});
  const engine = await make({ gradients: "host", moments: "host" });
  const running = engine.accumulate(batch(TOKENS, 9));
  engine.cancel();
  await running.catch((error: Error & { code?: string }) => expect(error.code).toBe("CTX_CANCELLED"));
  await engine.zeroGradients();
  expect(await course(engine)).toEqual(await course(expected));
  await Promise.all([expected.close(), engine.close()]);
});

test("what cannot be done is refused", async () => {
  const gradients = "host";
  await expect(make({ gradients: "tape" as never })).rejects.toThrow(/memory.gradients is "tape", expected device or/);
  await expect(make({ gradients }, {}, { ring: 2 })).rejects.toThrow(
    /gradients wait in the host's memory for one rank alone, and there are 2/,
  );
  const lora = { rank: 2, alpha: 4, targets: ["q_proj"], seed: 1 };
  await expect(make({ gradients }, {}, { training: { lora } })).rejects.toThrow(
    /where all weights are trained, and model.embed_tokens.weight is not/,
  );
});
