// Matrices that learn held in bf16, beside activations in bf16, with their fp32 masters at the moments: nothing may come of it but other memory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type {
  NativeEngine,
  NativeEngineOptions,
  NativeMemoryPlan,
  NativeModelShape,
  NativeTraining,
} from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readSafetensors } from "../../runtime/engine/safetensors.ts";
import { tensorHeader } from "../../runtime/export/tensor_header.ts";
import { loadCheckpoint, newestCheckpoint, saveCheckpoint } from "../../runtime/train/checkpoint.ts";
import { digest, HYPER, madeUpBatch, readAll, setSmallRope } from "./native.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-masters-"));
afterAll(() => rmSync(folder, { recursive: true }));

const VOCAB = 61;
const lora = { rank: 3, alpha: 6, targets: ["q_proj", "v_proj", "down_proj"], seed: 3 };

interface Case {
  weights?: "f32" | "bf16";
  moments?: "device" | "host";
  /** Of one process, each with memory of its own; 1: none. */
  ranks?: number;
  ring?: number;
  shard?: NativeEngineOptions["shard"];
  model?: Partial<NativeModelShape>;
  training?: NativeTraining;
  memory?: Partial<NativeMemoryPlan>;
}

function make(given: Case): NativeEngine {
  const { weights = "f32", moments = "device", ranks = 1, ring = 1, shard, model, training, memory } = given;
  const engine = loadAddon().createEngine({
    ...{ device: "cpu", threads: 2, ring, ...(ranks > 1 && { devices: Array.from({ length: ranks }, () => 0) }) },
    ...(shard && { shard }),
    model: {
      ...{ vocabSize: VOCAB, hiddenSize: 16, intermediateSize: 24, layers: 3, heads: 4, kvHeads: 2, headDim: 8 },
      ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true, ...model },
    },
    ...(training && { training }),
    memory: {
      ...{ maxTokens: 48, train: true, checkpointEvery: 1, lossChunk: 16, kvCacheTokens: 8, dtype: "bf16" },
      ...{ weights, moments, ...memory },
    },
  });
  setSmallRope(engine);
  return engine;
}

/** Steps of two micro batches; losses and norms. */
async function steps(engine: NativeEngine, from: number, to: number): Promise<number[]> {
  const told: number[] = [];
  for (let step = from; step <= to; step++) {
    const batches = [16, 12].map((tokens, k) => madeUpBatch(tokens, 7 * step + k, VOCAB, 1 / 28));
    for (const { nll } of await engine.accumulateAll(batches)) told.push(nll.reduce((sum, value) => sum + value));
    told.push((await engine.step({ ...HYPER, step, loraPlusRatio: 4 })).gradNorm);
  }
  return told;
}

/** Values and moments of what learns. */
async function state(engine: NativeEngine): Promise<string[]> {
  const trained = engine.parameters().filter(({ trainable }) => trainable);
  const of = async (slot: "value" | "adam_m" | "adam_v") =>
    digest(new Map(await Promise.all(trained.map(async ({ name }) => [name, await engine.read(name, slot)] as const))));
  return [await of("value"), await of("adam_m"), await of("adam_v")];
}

/** The weights that a run begins with, which bf16 cannot hold. */
async function begin(engine: NativeEngine): Promise<NativeEngine> {
  await engine.initialize(5, 0.3);
  return engine;
}

const FULL: [string, Case][] = [
  ["all weights", {}],
  ["two matrices for embedding and output", { model: { tieWordEmbeddings: false } }],
  ["biases, norms of queries and keys", { model: { qkvBias: true, mlpBias: true, qkNorm: true } }],
  ["an adapter, the embedding and norms", { training: { lora, alsoTrain: ["embed_tokens", "norm"] } }],
  ["an adapter and a third of what one product reads", { training: { lora, alsoTrain: ["k_proj.weight"] } }],
  ["a ring of two", { ring: 2 }],
  ["three ranks that divide moments", { ranks: 3 }],
  ["two rings of two", { ranks: 4, ring: 2 }],
  ["gradients in the host's memory", { memory: { gradients: "host" } }],
];

test.each(
  FULL.flatMap(([what, given]) =>
    (["device", "host"] as const).map((moments) => [what, moments, { ...given, moments }] as const),
  ),
)("%s, moments %s: the same bits as of weights in fp32", async (_, __, given) => {
  const told: number[][] = [];
  const states: string[][] = [];
  for (const weights of ["f32", "bf16"] as const) {
    const engine = await begin(make({ ...given, weights }));
    told.push(await steps(engine, 1, 3));
    states.push(await state(engine));
    await engine.close();
  }
  expect(told[1]).toEqual(told[0]);
  expect(states[1]).toEqual(states[0]);
});

test("half the bytes, and a third number of each beside the moments", async () => {
  const [whole, rounded, away] = [
    make({}),
    make({ weights: "bf16" }),
    make({ weights: "bf16", moments: "host" }),
  ] as const;
  const [before, after, beside] = [whole.memory(), rounded.memory(), away.memory()];
  expect(after.weights).toBeLessThan(0.55 * before.weights);
  expect(after.optimizer).toBe(1.5 * before.optimizer);
  expect(beside.hostMoments).toBe(after.optimizer);
  expect(beside.weights).toBe(after.weights);
  expect(beside.total).toBeLessThan(before.total - 0.45 * before.weights - 0.8 * before.optimizer);
  await Promise.all([whole, rounded, away].map((engine) => engine.close()));
});

test("what is read, written, scored and generated is of the masters, rounded for products alone", async () => {
  const [whole, rounded] = [await begin(make({})), await begin(make({ weights: "bf16", moments: "host" }))] as const;
  const name = "model.layers.1.mlp.up_proj.weight";
  const fine = new Float32Array(24 * 16).map((_, i) => 1 / 3 + i / 1000);
  for (const engine of [whole, rounded]) await engine.write(name, "value", fine);
  expect(await rounded.read(name, "value")).toEqual(fine);
  for (const engine of [whole, rounded]) await steps(engine, 1, 1);
  expect(await rounded.read(name, "value")).toEqual(await whole.read(name, "value"));
  const batch = madeUpBatch(20, 3, VOCAB);
  expect(await rounded.logits(batch, 0, 20)).toEqual(await whole.logits(batch, 0, 20));
  expect(await rounded.score(batch)).toEqual(await whole.score(batch));
  const prompt = Int32Array.from([3, 1, 4]);
  expect(await rounded.generate(prompt, 5, [])).toEqual(await whole.generate(prompt, 5, []));
  await Promise.all([whole.close(), rounded.close()]);
});

test("files hold the masters: a checkpoint of one is a checkpoint of the other, whoever divides what", async () => {
  const at = { stage: "s", stage_index: 0, step: 2, global_step: 2, adam_step: 2, plan_sha256: "" };
  const unbroken = await begin(make({ ranks: 3 }));
  await steps(unbroken, 1, 4);
  const expected = await state(unbroken);
  await unbroken.close();
  const rounded: Case = { ranks: 3, weights: "bf16" };
  for (const [k, [first, second]] of (
    [
      [rounded, { ...rounded, moments: "host" }],
      [rounded, { ranks: 3 }],
      [{ ranks: 3 }, { ...rounded, moments: "host" }],
    ] as [Case, Case][]
  ).entries()) {
    const before = await begin(make(first));
    await steps(before, 1, 2);
    await saveCheckpoint(join(folder, `${k}`), before, at);
    const after = await begin(make(second));
    await steps(after, 1, 1); // what it had goes
    await loadCheckpoint((await newestCheckpoint(join(folder, `${k}`), () => {}))!, after, true);
    await steps(after, 3, 4);
    expect(await state(after)).toEqual(expected);
    await Promise.all([before.close(), after.close()]);
  }
});

test("weights of a file that holds more than bf16 learn from all of it", async () => {
  const path = join(folder, "base.safetensors");
  const whole = await begin(make({}));
  const tensors = whole.parameters().map(({ name, shape }) => ({ name, dtype: "F32" as const, shape }));
  const sinks = tensors.map(({ name }) => ({ name, slot: "value" as const, dtype: "F32" as const }));
  await whole.save(path, tensorHeader(tensors), sinks);
  const rounded = make({ weights: "bf16" });
  await rounded.load(await readSafetensors(path), "value", false);
  rmSync(path); // it is not needed again
  expect(digest(await readAll(rounded, "value"))).toBe(digest(await readAll(whole, "value")));
  expect(await steps(rounded, 1, 2)).toEqual(await steps(whole, 1, 2));
  expect(await state(rounded)).toEqual(await state(whole));
  await Promise.all([whole.close(), rounded.close()]);
});

test("adapters are merged into what the masters hold", async () => {
  const training = { lora, alsoTrain: ["q_proj.weight"] };
  const read: Float32Array[] = [];
  for (const given of [{}, { weights: "bf16" }, { weights: "bf16", moments: "host", ranks: 2 }] as Case[]) {
    const engine = await begin(make({ ...given, training }));
    await steps(engine, 1, 2);
    read.push(await engine.read("model.layers.1.self_attn.q_proj.weight", "merged"));
    await engine.close();
  }
  expect(read[1]).toEqual(read[0]);
  // Two ranks add micro batches up in another order.
  expect(Math.max(...read[2]!.map((value, i) => Math.abs(value - read[0]![i]!)))).toBeLessThan(1e-2);
});

test("what would be other numbers, or is not there, is refused", () => {
  expect(() => make({ weights: "bf16", memory: { dtype: "f32" } })).toThrow(/beside activations in bf16 alone/);
  expect(() => make({ weights: "bf16", ranks: 2, shard: "all" })).toThrow(/divide the weights hold them in fp32/);
  expect(() => make({ weights: "f16" as never })).toThrow(/memory.weights is "f16", expected f32 or bf16/);
});
