// The engine over the CUDA backend, which here runs on the host with device memory that only kernels and copies can touch and streams that
// run as late as they may (native/cuda/host/runtime.h): whole steps against the CPU backend. A host that reads or writes device memory ends
// this process with a signal; host memory handed to an operation is an error.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { scoringBytes } from "../../compiler/memory/index.ts";
import { readModelConfig } from "../../compiler/model/index.ts";
import type { NativeEngine, NativeMemoryPlan } from "../../runtime/engine/addon.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readModelFolder, readSafetensors } from "../../runtime/engine/safetensors.ts";
import { loadCheckpoint, newestCheckpoint, saveCheckpoint } from "../../runtime/train/checkpoint.ts";
import { scoringEngine } from "../../runtime/train/stage_engine.ts";
import { caseFolder, FAMILY_CASES, type GoldenSequence, norm, readGolden } from "../engine/golden.ts";
import {
  digest,
  goldenEngine,
  HYPER,
  lossAndGradients,
  madeUpBatch,
  type Overrides,
  readAll,
  setSmallRope,
  toBatch,
} from "../engine/native.ts";
import { buildShim, SHIM } from "./shim.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 400_000 });
Object.assign(process.env, SHIM); // before the engine looks for the library

/** The first tokens of a sequence, as two documents. */
const short = ({ ids, targets, ...rest }: GoldenSequence, tokens: number): GoldenSequence => ({
  ...rest,
  ids: ids.slice(0, tokens),
  targets: targets.slice(0, tokens),
  documents: [0, 4],
});

/** The same engine on both devices. */
async function both(name: string, overrides: Overrides = {}) {
  const memory = { maxTokens: 64, lossChunk: 20, ...overrides.memory };
  const make = (device: "cpu" | "cuda") => goldenEngine(name, { ...overrides, memory, device });
  return { cpu: await make("cpu"), gpu: await make("cuda") };
}

/** Relative to the size of the second. */
function error(ours: Float32Array, theirs: Float32Array): number {
  expect(ours.length).toBe(theirs.length);
  return norm(ours.map((value, i) => value - theirs[i]!)) / (norm(theirs) || 1);
}

/** Of the tensor that differs most. */
function worst(ours: Map<string, Float32Array>, theirs: Map<string, Float32Array>): number {
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  return Math.max(...[...theirs].map(([name, data]) => error(ours.get(name)!, data)));
}

describe.skipIf(process.arch !== "x64")("the engine on the CUDA backend", () => {
  beforeAll(buildShim);

  test.each(FAMILY_CASES)("logits, scores, gradients and generated tokens as on the CPU: %s", async (name) => {
    const sequence = short(readGolden(name).plain, name.includes("window") ? 58 : 30); // a window is of 50 tokens
    const batch = toBatch(sequence);
    const { cpu, gpu } = await both(name, { memory: { kvCacheTokens: 16 } });
    expect(gpu.memory().total).toBe(cpu.memory().total);
    expect(error(await gpu.logits(batch, 3, 28), await cpu.logits(batch, 3, 28))).toBeLessThan(1e-5);
    const [expected, ours] = [await lossAndGradients(cpu, sequence), await lossAndGradients(gpu, sequence)];
    expect(Math.abs(ours.loss / expected.loss - 1)).toBeLessThan(1e-5);
    expect(worst(ours.gradients, expected.gradients)).toBeLessThan(1e-5);
    expect((await gpu.score(batch)).correct).toEqual((await cpu.score(batch)).correct);
    const prompt = Int32Array.from(sequence.ids.slice(0, 10));
    expect(await gpu.generate(prompt, 4, [])).toEqual(await cpu.generate(prompt, 4, []));
    await Promise.all([cpu.close(), gpu.close()]);
  });

  test.each(["untied-llama3-d32", "qwen3-alternating-d16"])(
    "bf16 activations within their rounding: %s",
    async (name) => {
      const sequence = short(readGolden(name).plain, 30);
      const { cpu, gpu } = await both(name, { memory: { dtype: "bf16" } });
      const [expected, ours] = [await lossAndGradients(cpu, sequence), await lossAndGradients(gpu, sequence)];
      expect(Math.abs(ours.loss / expected.loss - 1)).toBeLessThan(1e-3);
      expect(worst(ours.gradients, expected.gradients)).toBeLessThan(5e-2);
      await Promise.all([cpu.close(), gpu.close()]);
    },
  );

  const NAME = "tied-default-d24";

  /** Steps of two micro batches each. */
  async function steps(engine: NativeEngine, from: number, to: number, name = NAME): Promise<void> {
    const { plain } = readGolden(name);
    for (let step = from; step <= to; step++) {
      for (const tokens of [12, 9]) await engine.accumulate(toBatch(short(plain, tokens - step)));
      await engine.step({ ...HYPER, step });
    }
  }

  test("steps as on the CPU, and the same after a checkpoint", async () => {
    const { cpu, gpu } = await both(NAME);
    for (const engine of [cpu, gpu]) await steps(engine, 1, 2);
    expect(worst(await readAll(gpu, "value"), await readAll(cpu, "value"))).toBeLessThan(1e-3);
    const folder = mkdtempSync(join(tmpdir(), "ctx-cuda-"));
    const at = { stage: "s", stage_index: 0, step: 2, global_step: 2, adam_step: 2, plan_sha256: "" };
    await saveCheckpoint(folder, gpu, at);
    const again = await goldenEngine(NAME, { device: "cuda", memory: { maxTokens: 64, lossChunk: 20 } });
    await loadCheckpoint((await newestCheckpoint(folder, () => {}))!, again, true);
    for (const engine of [gpu, again]) await steps(engine, 3, 3);
    expect(digest(await readAll(again, "value"))).toBe(digest(await readAll(gpu, "value")));
    await Promise.all([cpu.close(), gpu.close(), again.close()]);
  });

  test.each([
    ["untied-llama3-d32", "f32", 1e-5],
    ["qwen2-windows-d12", "f32", 1e-5],
    ["untied-llama3-d32", "bf16", 5e-2], // and frozen matrices in bf16
  ] as const)("adapters learn and merge as on the CPU: %s, %s", async (name, dtype, allowed) => {
    const { rank, alpha, targets, also } = readGolden(name).lora!;
    const training = { lora: { rank, alpha, targets, seed: 1 }, alsoTrain: also };
    const { cpu, gpu } = await both(name, { training, memory: { dtype } });
    expect(gpu.memory().weights).toBe(cpu.memory().weights);
    for (const engine of [cpu, gpu]) {
      await engine.load(await readSafetensors(join(caseFolder(name), "adapter.safetensors")), "value", true);
    }
    const sequence = short(readGolden(name).plain, 30);
    const [expected, ours] = [await lossAndGradients(cpu, sequence), await lossAndGradients(gpu, sequence)];
    expect(worst(ours.gradients, expected.gradients)).toBeLessThan(allowed);
    await cpu.step(HYPER);
    await gpu.step(HYPER);
    const merged = "model.layers.1.self_attn.q_proj.weight";
    expect(error(await gpu.read(merged, "merged"), await cpu.read(merged, "merged"))).toBeLessThan(10 * allowed);
    expect(error(await gpu.read(merged, "merged"), await gpu.read(merged, "value"))).toBeGreaterThan(1e-3);
    await Promise.all([cpu.close(), gpu.close()]);
  });

  test("an evaluation computes in bf16, and takes what it is said to need", async () => {
    const name = "tied-default-d24";
    const folder = caseFolder(name);
    const { model } = readModelConfig(readFileSync(join(folder, "config.json"), "utf8"), folder);
    const scoring = scoringEngine({ addon: loadAddon(), device: "cuda", threads: 1 }, model!, 64);
    expect(scoring.memory().total).toBe(scoringBytes(model!, 64, "cuda"));
    scoring.setRope(Float64Array.from(model!.rope.inv_freq), model!.rope.attention_factor);
    await scoring.load(await readModelFolder(folder), "value", false);
    const training = await goldenEngine(name, {
      device: "cuda",
      memory: { maxTokens: 64, lossChunk: 64, dtype: "bf16" },
    });
    const batch = toBatch(short(readGolden(name).plain, 40));
    expect((await scoring.score(batch)).nll).toEqual((await training.score(batch)).nll);
    await Promise.all([scoring.close(), training.close()]);
  });

  test("a cancelled step leaves nothing behind", async () => {
    const { cpu, gpu } = await both(NAME);
    const sequence = short(readGolden(NAME).plain, 60);
    const running = gpu.accumulate(toBatch(sequence));
    gpu.cancel();
    await running.catch((error: Error & { code?: string }) => expect(error.code).toBe("CTX_CANCELLED"));
    const [expected, ours] = [await lossAndGradients(cpu, sequence), await lossAndGradients(gpu, sequence)];
    expect(worst(ours.gradients, expected.gradients)).toBeLessThan(1e-5);
    await Promise.all([cpu.close(), gpu.close()]);
  });

  // Transfers of the cancelled step may be under way when the next one begins: none may write into it.
  test.each(["000", "011", "010"])(
    "a cancelled step with what can wait in the host's memory, early queues %s",
    async (early) => {
      vi.stubEnv("CTX_SHIM_EARLY", early);
      const clean = await layered({});
      const engine = await layered({ offload: { to: "host" }, gradients: "host", moments: "host" });
      await engine.accumulate(tokens(30, 5)); // gradients have left, and come back
      for (const delay of [0, 60]) {
        const running = engine.accumulate(tokens(30, 7)).catch((error: Error & { code?: string }) => error.code);
        await new Promise((wake) => setTimeout(wake, delay));
        engine.cancel();
        expect([undefined, "CTX_CANCELLED"]).toContain(
          await running.then((code) => (typeof code === "string" ? code : undefined)),
        );
        await engine.zeroGradients();
      }
      for (const one of [clean, engine]) await one.accumulate(tokens(24, 1));
      expect(digest(await readAll(engine, "gradient"))).toBe(digest(await readAll(clean, "gradient")));
      await Promise.all([clean.close(), engine.close()]);
    },
  );

  // Wherever a step ends, some of its transfers are under way: none may read or write beside the next step.
  test.each<[string, string, Partial<NativeMemoryPlan>]>([
    ["layer inputs", "011", { offload: { to: "host" } }],
    ["all", "000", { moments: "host", gradients: "host", offload: { to: "host" } }],
  ])("a step that any kernel ends, with %s in the host's memory, early queues %s", async (_, early, memory) => {
    vi.stubEnv("CTX_SHIM_EARLY", early);
    const engine = await layered(memory);
    const gradients = async () => {
      await engine.zeroGradients();
      await engine.accumulate(tokens(24, 1));
      return digest(await readAll(engine, "gradient")); // and they stay: the step that fails fetches what has left
    };
    const expected = await gradients();
    const ends: string[] = [];
    for (let ended = true, kernel = 10; ended; kernel += 22) {
      vi.stubEnv("CTX_SHIM_FAIL_KERNEL", `${kernel}`);
      ended = await engine.accumulate(tokens(30, 7)).then(
        () => false,
        (error: Error) => ends.push(error.message) > 0,
      );
      vi.stubEnv("CTX_SHIM_FAIL_KERNEL", "0");
      expect(await gradients(), `after ${ends.at(-1)}`).toBe(expected);
    }
    expect(ends.length).toBeGreaterThan(6);
    for (const message of ends) expect(message).toMatch(/^(?!transfer).*: unspecified launch failure/);
    await engine.close();
  });

  // They come and go on the two queues of transfers, each as late as it may or as early as it may, while the other is the other way: what comes
  // where nothing has left yet, or leaves where what was to come is not there, is seen. A step that is given up leaves some on their way.
  test.each<[string, string, Partial<NativeMemoryPlan>, number]>([
    ["moments, and heads in groups,", "000", { moments: "host", headGroups: 2 }, 2],
    ["moments", "010", { moments: "host" }, 1],
    ["moments", "001", { moments: "host" }, 1],
    ["moments", "011", { moments: "host" }, 2],
    ["moments and masters", "000", { moments: "host", weights: "bf16", dtype: "bf16" }, 2],
    ["moments and masters", "010", { moments: "host", weights: "bf16", dtype: "bf16" }, 1],
    [
      "gradients, moments and masters",
      "011",
      { gradients: "host", moments: "host", weights: "bf16", dtype: "bf16" },
      1,
    ],
    ["gradients", "010", { gradients: "host" }, 1],
    ["gradients", "001", { gradients: "host" }, 1],
    ["all", "000", { moments: "host", gradients: "host", offload: { to: "host" } }, 1],
    ["all", "010", { moments: "host", gradients: "host", offload: { to: "host" } }, 1],
    ["all", "011", { moments: "host", gradients: "host", offload: { to: "host" } }, 1],
  ])("%s wait in the host's memory, early queues %s", async (_, early, memory, ring) => {
    vi.stubEnv("CTX_SHIM_EARLY", early);
    const gradients: string[] = [];
    const engines: NativeEngine[] = [];
    for (const where of [memory.dtype ? { dtype: memory.dtype } : {}, memory]) {
      const engine = await layered(where, ring);
      engines.push(engine);
      for (const step of [1, 2]) {
        for (let micro = 0; micro < step; micro++) await engine.accumulate(tokens(12 - 4 * micro, step + micro));
        if (step === 2) gradients.push(digest(await readAll(engine, "gradient")));
        await engine.step({ ...HYPER, step });
      }
    }
    const [inside, outside] = engines as [NativeEngine, NativeEngine];
    const [within, beside] = [inside.memory(), outside.memory()];
    expect(beside.hostMoments).toBe(memory.moments ? (memory.weights ? 1.5 : 1) * within.optimizer : 0);
    expect(beside.hostGradients > 0).toBe(memory.gradients !== undefined);
    expect(beside.total).toBeLessThan(within.total);
    expect(gradients[1]).toBe(gradients[0]);
    expect(digest(await readAll(outside, "value"))).toBe(digest(await readAll(inside, "value")));
    for (const slot of ["adam_m", "adam_v"] as const) {
      for (const { name } of inside.parameters())
        expect(await outside.read(name, slot), name).toEqual(await inside.read(name, slot));
    }
    for (const call of [() => outside.accumulate(tokens(12, 3)), () => outside.step({ ...HYPER, step: 3 })]) {
      const given = call();
      outside.cancel();
      await given.catch((error: Error & { code?: string }) => expect(error.code).toBe("CTX_CANCELLED"));
    }
    await Promise.all(engines.map((engine) => engine.close()));
  });

  test("moments of a checkpoint go to the host's memory", async () => {
    const folder = mkdtempSync(join(tmpdir(), "ctx-cuda-"));
    const make = () => layered({ moments: "host" });
    const [before, after] = [await make(), await make()];
    const train = async (engine: NativeEngine, step: number) => {
      await engine.accumulate(tokens(12, step));
      await engine.step({ ...HYPER, step });
    };
    await train(before, 1);
    const at = { stage: "s", stage_index: 0, step: 1, global_step: 1, adam_step: 1, plan_sha256: "" };
    await saveCheckpoint(folder, before, at);
    await loadCheckpoint((await newestCheckpoint(folder, () => {}))!, after, true);
    for (const engine of [before, after]) await train(engine, 2);
    expect(digest(await readAll(after, "value"))).toBe(digest(await readAll(before, "value")));
    await Promise.all([before.close(), after.close()]);
  });

  test("takes what its ledger says of the GPU's memory, to the byte", async () => {
    const before = loadAddon().cudaFreeMemory();
    for (const [memory, ring] of [
      [{}, 1],
      [{ checkpointEvery: 1, offload: { to: "host" } as const }, 1],
      [{ moments: "host" as const, gradients: "host" as const }, 1],
      [{ dtype: "bf16" as const, kvCacheTokens: 40 }, 2],
      [{ dtype: "bf16" as const, weights: "bf16" as const }, 1],
    ] as const) {
      const engine = await layered({ checkpointEvery: 0, ...memory }, ring);
      if (ring === 1) await engine.accumulate(tokens(8, 1));
      const { total, scratch } = engine.memory();
      const flags = 4 * ring; // where each rank's kernels tell of a token that is none
      expect(before - loadAddon().cudaFreeMemory()).toBe(total + scratch + flags);
      await engine.close();
      expect(loadAddon().cudaFreeMemory()).toBe(before);
    }
  });

  // Layer inputs leave and come back on the queues of transfers, while the queue of operations goes on: each as late as it may, then
  // transfers of one direction, then of both as early as they may.
  test.each([
    [1, "000"],
    [1, "010"],
    [2, "001"],
    [1, "011"],
  ])("layer inputs that wait in the host's memory: every %i, early queues %s", async (checkpointEvery, early) => {
    vi.stubEnv("CTX_SHIM_EARLY", early);
    const engines = [];
    for (const offload of [{}, { offload: { to: "host" } as const }]) {
      const engine = await layered({ checkpointEvery, ...offload });
      await engine.accumulate(tokens(24, 1));
      await engine.accumulate(tokens(16, 2));
      engines.push(engine);
    }
    const [inside, outside] = engines as [NativeEngine, NativeEngine];
    expect(outside.memory().offloaded).toBeGreaterThan(0);
    expect(outside.memory().total + outside.memory().offloaded).toBe(inside.memory().total);
    expect(digest(await readAll(outside, "gradient"))).toBe(digest(await readAll(inside, "gradient")));
    await Promise.all(engines.map((engine) => engine.close()));
  });

  test.each([2, 4])("a ring of %i ranks on one GPU as one rank", async (ring) => {
    for (const offload of ring === 2 ? [{}, { offload: { to: "host" } as const }] : [{}]) {
      vi.stubEnv("CTX_SHIM_EARLY", "offload" in offload ? "011" : "000");
      const one = await layered({ checkpointEvery: 1 });
      const many = await layered({ checkpointEvery: 1, ...offload }, ring);
      for (const engine of [one, many]) {
        await engine.accumulate(tokens(16, 1));
        await engine.step(HYPER);
        await engine.accumulate(tokens(24, 2));
      }
      expect(worst(await readAll(many, "gradient"), await readAll(one, "gradient"))).toBeLessThan(1e-3);
      await Promise.all([one.close(), many.close()]);
    }
  });
});

/** An engine of five small layers on the GPU. */
async function layered(memory: Partial<NativeMemoryPlan>, ring = 1): Promise<NativeEngine> {
  const engine = loadAddon().createEngine({
    ...{ device: "cuda", threads: ring, ring },
    model: {
      ...{ vocabSize: 61, hiddenSize: 16, intermediateSize: 24, layers: 5, heads: 4, kvHeads: 2, headDim: 8 },
      ...{ rmsNormEps: 1e-5, tieWordEmbeddings: true },
    },
    memory: { maxTokens: 32, train: true, checkpointEvery: 1, lossChunk: 16, kvCacheTokens: 0, ...memory },
  });
  setSmallRope(engine);
  await engine.initialize(5, 0.3);
  return engine;
}

const tokens = (count: number, shift: number) => madeUpBatch(count, shift, 61);
