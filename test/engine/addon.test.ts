import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import type { NativeEngineOptions } from "../../runtime/engine/addon.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readSafetensors } from "../../runtime/engine/safetensors.ts";
import { tensorHeader } from "../../runtime/export/tensor_header.ts";
import { caseFolder, distance, readGolden } from "./golden.ts";
import { digest, goldenEngine, readAll, toBatch } from "./native.ts";

const folder = mkdtempSync(join(tmpdir(), "ctx-addon-"));
afterAll(() => rmSync(folder, { recursive: true }));

const OPTIONS: NativeEngineOptions = {
  device: "cpu",
  threads: 2,
  ring: 1,
  model: {
    vocabSize: 64,
    hiddenSize: 32,
    intermediateSize: 48,
    layers: 2,
    heads: 2,
    kvHeads: 1,
    headDim: 16,
    rmsNormEps: 1e-5,
    tieWordEmbeddings: true,
  },
  memory: { maxTokens: 64, train: true, checkpointEvery: 0, lossChunk: 16, kvCacheTokens: 0 },
};

const batch = (tokens: number) => ({
  ids: new Int32Array(tokens).map((_, t) => (t * 5) % 64),
  positions: new Int32Array(tokens).map((_, t) => t),
  starts: new Int32Array(tokens),
  targets: new Int32Array(tokens).map((_, t) => (t * 7) % 64),
  weights: new Float32Array(tokens).fill(1 / tokens),
});

function make(overrides: Partial<NativeEngineOptions> = {}) {
  const engine = loadAddon().createEngine({ ...OPTIONS, ...overrides });
  engine.setRope(new Float64Array(8).fill(0.1), 1);
  return engine;
}

test("describe", () => {
  const { backends, cores, memoryBytes, cuda } = loadAddon().describe();
  expect(backends.length).toBeGreaterThan(0);
  expect(backends.map(({ name }) => name)).toContain("cpu-portable");
  expect(cores).toBeGreaterThan(0);
  expect(memoryBytes).toBeGreaterThan(1e8);
  if (!cuda.available) expect(cuda.reason).not.toBe("");
});

describe("engines that cannot be made", () => {
  const { model, memory } = OPTIONS;
  test.each<[string, object, RegExp]>([
    ["no model", { model: undefined }, /options.model must be an object/],
    ["a size that is text", { model: { ...model, layers: "2" } }, /options.model.layers must be a number/],
    ["half a layer", { model: { ...model, layers: 1.5 } }, /layers must be a whole number/],
    ["no layers", { model: { ...model, layers: 0 } }, /layers is 0, expected 1/],
    ["huge sizes", { model: { ...model, vocabSize: 2 ** 40 } }, /vocab_size is 1099511627776/],
    ["heads that do not divide", { model: { ...model, heads: 3, kvHeads: 2 } }, /3 heads cannot be shared by 2/],
    ["odd head_dim", { model: { ...model, headDim: 15 } }, /head_dim is 15, must be even/],
    ["no loss chunk", { memory: { ...memory, lossChunk: 0 } }, /lossChunk is 0/],
    ["more memory than there is", { memory: { ...memory, maxTokens: 2 ** 31 - 1 } }, /createEngine: /],
    ["ring that does not divide", { ring: 3 }, /maxTokens 64 does not divide into 2 x ring = 6/],
    ["no threads", { threads: 0 }, /threads is 0/],
    ["unknown isa", { isa: "avx9000" }, /no CPU backend "avx9000".*\n.*cpu-portable/s],
    ["unknown device", { device: "tpu" }, /device is "tpu"/],
    [
      "unknown LoRA target",
      { training: { lora: { rank: 1, alpha: 1, targets: ["x"], seed: 0 } } },
      /target "x" is none of/,
    ],
    ["LoRA without rank", { training: { lora: { rank: 0, alpha: 1, targets: ["q_proj"], seed: 0 } } }, /rank is 0/],
    [
      "a pattern that names nothing",
      { training: { lora: { rank: 1, alpha: 1, targets: ["q_proj"], seed: 0 }, alsoTrain: ["lm_head"] } },
      /"lm_head" is part of no parameter's name \(the output layer is tied/,
    ],
  ])("%s", (_, overrides, message) => {
    expect(() => make(overrides as Partial<NativeEngineOptions>)).toThrow(message);
  });

  test("cuda where there is none", () => {
    const { available, reason } = loadAddon().describe().cuda;
    if (available) return;
    expect(reason).toMatch(/npm run build:cuda|NVIDIA driver|GPU/);
    expect(loadAddon().cudaProducts()).toBe("");
    expect(loadAddon().cudaPeers()).toBe("");
    expect(() => make({ device: "cuda" })).toThrow(`device "cuda" is not available: ${reason}`);
  });
});

describe("calls that cannot be carried out", () => {
  const good = batch(8);
  const starts = Int32Array.from([0, 0, 0, 5, 0, 0, 0, 0]);
  test.each<[string, object, RegExp]>([
    ["ids as a list", { ids: [1, 2] }, /ids must be an Int32Array/],
    ["no tokens", batch(0), /no tokens/],
    ["too many tokens", batch(65), /65 tokens, but the engine was made for at most 64/],
    ["an id outside the vocabulary", { ids: good.ids.with(3, 64) }, /ids\[3\] is 64, the vocabulary has 64/],
    ["a negative position", { positions: good.positions.with(2, -1) }, /positions\[2\] is -1/],
    ["a start ahead of its token", { starts }, /starts\[3\] is 5/],
    ["a target outside the vocabulary", { targets: good.targets.with(0, 99) }, /targets\[0\] is 99/],
    ["short positions", { positions: new Int32Array(3) }, /positions has 3 entries for 8 ids/],
    ["no weights", { weights: undefined }, /weights has 0 entries/],
  ])("%s", async (_, overrides, message) => {
    const engine = make();
    const call = async () => engine.accumulate({ ...good, ...overrides });
    await expect(call()).rejects.toThrow(message);
    await engine.close();
  });

  test("training calls on an engine made for scoring, rope not set, closed", async () => {
    const engine = make({ memory: { ...OPTIONS.memory, train: false } });
    await expect(engine.accumulate(good)).rejects.toThrow(/made without training/);
    await expect(engine.read("model.norm.weight", "gradient")).rejects.toThrow(/not trained/);
    await expect(engine.read("model.nrm.weight", "value")).rejects.toThrow(/no parameter model.nrm.weight/);
    await expect(engine.write("model.norm.weight", "value", new Float32Array(3))).rejects.toThrow(
      /\[32\] has 32 numbers, got 3/,
    );
    await expect(engine.generate(good.ids, 1, [])).rejects.toThrow(/key-value cache of 9/);
    await engine.close();
    await engine.close();
    await expect(engine.score(good)).rejects.toThrow(/closed/);
    const bare = loadAddon().createEngine(OPTIONS);
    await expect(bare.score(good)).rejects.toThrow(/setRope/);
    await bare.close();
  });
});

test("weights that hold a NaN give no text", async () => {
  const engine = make({ memory: { ...OPTIONS.memory, train: false, kvCacheTokens: 16 } });
  await engine.initialize(1, 0.3);
  expect(await engine.generate(Int32Array.of(1, 2, 3), 4, [])).toHaveLength(4);
  await engine.write("model.layers.1.self_attn.k_proj.weight", "value", new Float32Array(16 * 32).fill(Number.NaN));
  await expect(engine.generate(Int32Array.of(1, 2, 3), 4, [])).rejects.toThrow(/logits are NaN after 3 tokens/);
  await engine.close();
});

test.runIf(process.platform === "linux")("close ends all threads of an engine", async () => {
  const threads = () => readdirSync("/proc/self/task").length;
  await make().close();
  const before = threads();
  const engines = Array.from({ length: 8 }, () => make({ threads: 3 }));
  expect(threads()).toBeGreaterThanOrEqual(before + 8 * 3);
  await Promise.all(engines.map((engine) => engine.close()));
  expect(threads()).toBe(before);
  engines[0]!.cancel();
});

test("every instruction set gives the same numbers to rounding", async () => {
  const all = [];
  for (const { name } of loadAddon().describe().backends) {
    const engine = make({ isa: name.replace("cpu-", "") });
    await engine.initialize(1, 0.3);
    all.push((await engine.score(batch(64))).nll);
    await engine.close();
  }
  for (const nll of all) for (const [t, value] of nll.entries()) expect(value).toBeCloseTo(all[0]![t]!, 3);
});

test("cancel ends what was asked for before, not what comes after", async () => {
  const engine = await goldenEngine("untied-llama3-d32");
  const { plain } = readGolden("untied-llama3-d32");
  const calls = [0, 1, 2].map(() => engine.accumulate(toBatch(plain)));
  engine.cancel();
  for (const call of calls) await expect(call).rejects.toMatchObject({ code: "CTX_CANCELLED" });
  await engine.zeroGradients();
  expect((await engine.score(toBatch(plain))).nll.length).toBe(plain.ids.length);
  await engine.close();
});

test("cancel reaches every rank of a ring", async () => {
  const engine = await goldenEngine("untied-llama3-d32", { ring: 4, threads: 4 });
  const { plain } = readGolden("untied-llama3-d32");
  const call = engine.accumulate(toBatch(plain));
  setTimeout(() => engine.cancel(), 3);
  await call.catch((error: { code: string }) => expect(error.code).toBe("CTX_CANCELLED"));
  await engine.zeroGradients();
  await engine.accumulate(toBatch(plain));
  await engine.close();
});

describe("files", () => {
  const entries = (parameters: { name: string; shape: number[] }[], dtype: "F32" | "BF16" | "F16") =>
    tensorHeader(parameters.map(({ name, shape }) => ({ name, dtype, shape })));

  test.each(["F32", "BF16", "F16"] as const)("%s weights come back", async (dtype) => {
    const engine = await goldenEngine("untied-bf16-d128");
    const path = join(folder, `${dtype}.safetensors`);
    const parameters = engine.parameters();
    const sinks = parameters.map(({ name }) => ({ name, slot: "value" as const, dtype }));
    await engine.save(path, entries(parameters, dtype), sinks);
    const before = await readAll(engine, "value");
    await engine.initialize(7, 1);
    await engine.load(await readSafetensors(path), "value", false);
    const after = await readAll(engine, "value");
    if (dtype === "F16") {
      for (const [name, values] of after) {
        const wrong = values.findIndex(
          (x, i) => Math.abs(x - before.get(name)![i]!) > 2 ** -11 * Math.abs(x) + 2 ** -25,
        );
        expect(wrong, name).toBe(-1);
      }
    } else expect(digest(after)).toBe(digest(before)); // the case's weights are bf16
    await engine.close();
  });

  test("moments come back", async () => {
    const engine = await goldenEngine("tied-default-d24");
    await engine.accumulate(toBatch(readGolden("tied-default-d24").plain));
    const hyper = {
      lr: 1e-3,
      beta1: 0.9,
      beta2: 0.99,
      eps: 1e-8,
      weightDecay: 0,
      clipNorm: Number.POSITIVE_INFINITY,
      step: 1,
      loraPlusRatio: 1,
    };
    await engine.step(hyper);
    const parameters = engine.parameters();
    const other = await goldenEngine("tied-default-d24");
    for (const slot of ["adam_m", "adam_v"] as const) {
      const path = join(folder, `${slot}.safetensors`);
      await engine.save(
        path,
        entries(parameters, "F32"),
        parameters.map(({ name }) => ({ name, slot, dtype: "F32" })),
      );
      await other.load(await readSafetensors(path), slot, false);
      for (const { name } of parameters) {
        expect(distance(await other.read(name, slot), await engine.read(name, slot)), name).toBe(0);
      }
    }
    await Promise.all([engine.close(), other.close()]);
  });

  test("what is missing, cut or wrong is named", async () => {
    const engine = await goldenEngine("tied-default-d24", { memory: { train: false } });
    const sources = await readSafetensors(join(caseFolder("tied-default-d24"), "model.safetensors"));
    await expect(engine.load(sources.slice(1), "value", false)).rejects.toThrow(
      /parameter model.embed_tokens.weight \[128, 48\] is missing/,
    );
    await engine.load(sources.slice(1), "value", true);
    await expect(engine.load(sources, "adam_m", true)).rejects.toThrow(/no optimizer state/);
    await expect(engine.load([{ ...sources[0]!, shape: [48, 128] }], "value", true)).rejects.toThrow(
      /shape \[48, 128\], the model expects/,
    );
    await expect(engine.load([{ ...sources[0]!, name: "x" }], "value", true)).rejects.toThrow(/no parameter x/);
    await expect(engine.load([{ ...sources[0]!, file: join(folder, "no") }], "value", true)).rejects.toMatchObject({
      code: "CTX_IO",
    });
    const cut = join(folder, "cut.safetensors");
    writeFileSync(cut, readFileSync(sources[0]!.file));
    truncateSync(cut, 20_000);
    const truncated = sources.map((source) => ({ ...source, file: cut }));
    await expect(engine.load(truncated, "value", true)).rejects.toThrow(/cut.safetensors: tensor .* \(truncated\?\)/);
    await engine.close();
  });

  test("a file that cannot be written leaves nothing behind", async () => {
    const engine = make();
    const sinks = [{ name: "model.norm.weight", slot: "value" as const, dtype: "F32" as const }];
    const path = join(folder, "none", "a.safetensors");
    await expect(engine.save(path, new Uint8Array(8), sinks)).rejects.toThrow(
      /cannot create .*none\/a.safetensors.*No such file/,
    );
    await engine.close();

    // A limit on file sizes fails like a full disk: in the middle of a write.
    const target = mkdtempSync(join(folder, "full-"));
    writeFileSync(join(target, "a.safetensors"), "the old one");
    const script = `
      const addon = require(${JSON.stringify(fileURLToPath(new URL("../../native/build/ctx.node", import.meta.url)))});
      const engine = addon.createEngine(${JSON.stringify({ ...OPTIONS, model: { ...OPTIONS.model, vocabSize: 4096 } })});
      engine.save(${JSON.stringify(join(target, "a.safetensors"))}, new Uint8Array(8), [{ name: "model.embed_tokens.weight", slot: "value", dtype: "F32" }])
        .then(() => process.exit(9), (error) => { console.log(error.code, error.message); process.exit(0); });`;
    const output = execFileSync("bash", ["-c", 'ulimit -f 64; exec "$0" -e "$1"', process.execPath, script], {
      encoding: "utf8",
    });
    expect(output).toMatch(/CTX_IO save: cannot write .*a.safetensors: File too large/);
    expect(readdirSync(target)).toEqual(["a.safetensors"]);
    expect(readFileSync(join(target, "a.safetensors"), "utf8")).toBe("the old one");
  });
});

test("process.exit while the engine computes ends at once", () => {
  const script = `
    const addon = require(${JSON.stringify(fileURLToPath(new URL("../../native/build/ctx.node", import.meta.url)))});
    const model = { vocabSize: 2048, hiddenSize: 256, intermediateSize: 512, layers: 8, heads: 4, kvHeads: 2, headDim: 64, rmsNormEps: 1e-5, tieWordEmbeddings: true };
    const engine = addon.createEngine({ device: "cpu", threads: 2, ring: Number(process.argv[1]), model, memory: { maxTokens: 8192, train: true, checkpointEvery: 1, lossChunk: 512, kvCacheTokens: 0 } });
    engine.setRope(new Float64Array(32).fill(0.1), 1);
    const n = 8192, fill = (make) => new Int32Array(n).map((_, i) => make(i));
    engine.initialize(1, 0.02);
    engine.accumulate({ ids: fill((i) => i % 2048), positions: fill((i) => i), starts: fill(() => 0), targets: fill((i) => i % 2048), weights: new Float32Array(n).fill(1 / n) });
    setTimeout(() => { const { user, system } = process.cpuUsage(); process.stdout.write((user + system) / 1e6 + "\\n"); process.exit(0); }, 700);`;
  for (const ring of ["1", "2"]) {
    // Of the processor, all threads together, since others may want it: in the whole, and until the end began.
    const words = ["-c", 'TIMEFORMAT="%U %S"; time "$0" -e "$1" "$2"', process.execPath, script, ring];
    const { status, stdout, stderr } = spawnSync("bash", words, {
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    });
    expect(status, stderr).toBe(0);
    const [user, system] = stderr.trim().split(" ").map(Number);
    expect(user! + system! - Number(stdout)).toBeLessThan(3); // 0.5 s of two threads, and room; all of it takes 16
  }
});

test("Engine.load refuses what it cannot do", async () => {
  const path = caseFolder("tied-default-d24");
  await expect(Engine.load(path, { dtype: "f64" as "f32" })).rejects.toThrow(/f32 or bf16, not "f64"/);
  await expect(Engine.load(join(folder, "nowhere"))).rejects.toThrow(/cannot read .*config.json/);
  const engine = await Engine.load(path);
  await expect(engine.logits([])).rejects.toThrow(/ids is empty/);
  await expect(engine.loss([1, 2], [1])).rejects.toThrow(/targets has 1 entries for 2 ids/);
  await expect(engine.loss([1, 2], [-100, -100])).rejects.toThrow(/every target is -100/);
  await expect(engine.loss([1, 2], [-1, 2])).rejects.toThrow(/targets\[0\] is -1/);
  await expect(engine.logits([1, 2, 3], { documents: [1] })).rejects.toThrow(/ascending from 0/);
  await expect(engine.logits([1, 2, 3], { positions: [0] })).rejects.toThrow(/positions has 1 entries/);
  await engine.close();
  await expect(engine.logits([1])).rejects.toThrow(/closed/);
});

describe("the processor's peak", () => {
  test("bf16 is no slower than fp32, two threads no slower than one", () => {
    const addon = loadAddon();
    expect(addon.cpuPeak("f32", 1)).toBeGreaterThan(1e8);
    // By CPU time; but a core that is shared with another program gives less in it, so a pair of figures may be of unlike moments.
    const once = (holds: () => boolean) => Array.from({ length: 10 }).some(holds);
    expect(once(() => addon.cpuPeak("bf16", 1) > 0.8 * addon.cpuPeak("f32", 1))).toBe(true);
    expect(once(() => addon.cpuPeak("f32", 2) > 0.8 * addon.cpuPeak("f32", 1))).toBe(true);
  });

  test.each([
    ["f64", 1],
    ["f32", 0],
    ["f32", Number.NaN],
    ["f32", 5000],
  ])("%s with %d threads is refused", (dtype, threads) => {
    expect(() => loadAddon().cpuPeak(dtype as "f32", threads)).toThrow(/^cpuPeak: (dtype|threads) must/);
  });
});
