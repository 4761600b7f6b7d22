// Frozen matrices beside activations in bf16 are held in bf16: nothing may come of it but less memory.
import { copyFileSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { NativeEngine, NativeEngineOptions, NativeSlot } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readSafetensors } from "../../runtime/engine/safetensors.ts";
import { tensorHeader } from "../../runtime/export/tensor_header.ts";
import { digest, HYPER, madeUpBatch, readAll, setSmallRope } from "./native.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-frozen-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TOKENS = 96;
const VOCAB = 97;
const lora = { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"], seed: 1 };
type Shape = Partial<NativeEngineOptions["model"]>;
interface Given {
  model?: Shape;
  ring?: number;
  dtype?: "f32" | "bf16";
  alsoTrain?: string[];
}

function make({ model = {}, ring = 1, dtype = "bf16", alsoTrain = [] }: Given = {}): NativeEngine {
  const engine = loadAddon().createEngine({
    ...{ device: "cpu", threads: 2, ring, training: { lora, alsoTrain } },
    model: {
      ...{ vocabSize: VOCAB, hiddenSize: 32, intermediateSize: 80, layers: 3, heads: 4, kvHeads: 2, headDim: 8 },
      ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true },
      ...model,
    },
    memory: { maxTokens: TOKENS, train: true, checkpointEvery: 1, lossChunk: 64, kvCacheTokens: 0, dtype },
  });
  setSmallRope(engine);
  return engine;
}

const EVERYTHING = ["layers", "embed_tokens", "norm", "lm_head"];
const all = ({ model }: Given) => EVERYTHING.filter((part) => part !== "lm_head" || model?.tieWordEmbeddings === false);

/** Weights of an engine in fp32, which bf16 cannot hold. */
async function fineWeights(given: Given): Promise<Map<string, Float32Array>> {
  const engine = make({ ...given, dtype: "f32" });
  await engine.initialize(5, 0.3);
  const values = await readAll(engine, "value");
  await engine.close();
  for (const [name, numbers] of values)
    if (name.includes("lora_B"))
      values.set(
        name,
        numbers.map((_, i) => ((i % 7) - 3) / 50),
      );
  return values;
}

/** Loss, and gradients of what both train. */
async function gradients(engine: NativeEngine, values: Map<string, Float32Array>) {
  for (const [name, numbers] of values) await engine.write(name, "value", numbers);
  const { nll } = await engine.accumulate(madeUpBatch(TOKENS, 1, VOCAB));
  const found = new Map([["nll", nll]]);
  for (const { name } of engine.parameters())
    if (name.includes("lora_")) found.set(name, await engine.read(name, "gradient"));
  const { weights } = engine.memory();
  await engine.close();
  return { bits: digest(found), weights };
}

test.each<[string, Given]>([
  ["one matrix for embedding and output", {}],
  ["two matrices", { model: { tieWordEmbeddings: false } }],
  ["biases and norms of queries and keys", { model: { qkvBias: true, mlpBias: true, qkNorm: true } }],
  ["a ring of two", { ring: 2 }],
])("%s: the same bits as beside weights in fp32, which products round", async (_, given) => {
  const values = await fineWeights(given);
  const held = await gradients(make(given), values);
  const whole = await gradients(make({ ...given, alsoTrain: all(given) }), values);
  expect(held.bits).toBe(whole.bits);
  expect(held.weights).toBeLessThan(0.6 * whole.weights);
});

test("what one product reads is held alike", async () => {
  const bytes = async (given: Given) => {
    const engine = make(given);
    const { weights } = engine.memory();
    await engine.close();
    return weights;
  };
  const frozen = await bytes({});
  const [q, k, v, up, down] = [32 * 32, 16 * 32, 16 * 32, 80 * 32, 80 * 32];
  expect((await bytes({ alsoTrain: ["k_proj.weight"] })) - frozen).toBe(3 * 2 * (q + k + v));
  expect((await bytes({ alsoTrain: ["up_proj.weight"] })) - frozen).toBe(3 * 2 * (2 * up));
  expect((await bytes({ alsoTrain: ["down_proj.weight"] })) - frozen).toBe(3 * 2 * down);
});

/** Writes the engine's parameters, adapters left out unless merged. */
async function save(engine: NativeEngine, path: string, slot: NativeSlot, dtype: "F32" | "BF16"): Promise<void> {
  const base = engine.parameters().filter(({ name }) => !name.includes("lora_"));
  const header = tensorHeader(base.map(({ name, shape }) => ({ name, dtype, shape })));
  await engine.save(
    path,
    header,
    base.map(({ name }) => ({ name, slot, dtype })),
  );
}

const contents = async (path: string) => {
  const engine = make({ dtype: "f32" });
  await engine.load(await readSafetensors(path), "value", false);
  const values = await readAll(engine, "value");
  await engine.close();
  return values;
};

test("what was loaded is written again whole, adapters merged into it", async () => {
  const values = await fineWeights({});
  const base = join(folder, "base.safetensors");
  const whole = make({ dtype: "f32" });
  for (const [name, numbers] of values) await whole.write(name, "value", numbers);
  await save(whole, base, "value", "F32");
  await save(whole, join(folder, "expected.safetensors"), "merged", "F32");
  await whole.close();

  const engine = make();
  for (const [name, numbers] of values) if (name.includes("lora_")) await engine.write(name, "value", numbers);
  await engine.load(await readSafetensors(base), "value", false);
  await save(engine, join(folder, "again.safetensors"), "value", "F32");
  await save(engine, join(folder, "merged.safetensors"), "merged", "F32");
  expect(digest(await contents(join(folder, "again.safetensors")))).toBe(digest(await contents(base)));
  const merged = await contents(join(folder, "merged.safetensors"));
  expect(digest(merged)).toBe(digest(await contents(join(folder, "expected.safetensors"))));

  // Another value is what is there from then on.
  const name = "model.embed_tokens.weight";
  await engine.write(name, "value", new Float32Array(VOCAB * 32).fill(1 + 2 ** -12));
  expect(await engine.read(name, "value")).toEqual(new Float32Array(VOCAB * 32).fill(1));

  renameSync(base, `${base}.gone`);
  await expect(engine.read("model.layers.0.self_attn.q_proj.weight", "merged")).rejects.toThrow(/base\.safetensors/);
  renameSync(`${base}.gone`, base);
  await engine.accumulate(madeUpBatch(TOKENS, 1, VOCAB));
  await engine.step({ ...HYPER, lr: 0.01 });
  await engine.read("model.layers.0.self_attn.q_proj.weight", "merged");
  await engine.close();
});

test("weights that bf16 holds need their file no more", async () => {
  const engine = make();
  const rounded = join(folder, "rounded.safetensors");
  const other = join(folder, "other.safetensors");
  await engine.initialize(5, 0.3);
  await save(engine, rounded, "value", "BF16");
  copyFileSync(rounded, other);
  await engine.load(await readSafetensors(other), "value", false);
  rmSync(other);
  await save(engine, join(folder, "back.safetensors"), "value", "F32");
  await engine.close();
  const expected = [...(await contents(rounded))].filter(([name]) => !name.includes("lora_"));
  const back = [...(await contents(join(folder, "back.safetensors")))].filter(([name]) => !name.includes("lora_"));
  expect(digest(new Map(back))).toBe(digest(new Map(expected)));
});
