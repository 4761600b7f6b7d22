import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { readModelConfig, standsOnBase } from "../../compiler/model/index.ts";
import type { Plan } from "../../compiler/plan.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readModelFolder, readSafetensors } from "../../runtime/engine/safetensors.ts";
import { type ExportOptions, exportRun } from "../../runtime/export/export_run.ts";
import { configJson } from "../../runtime/export/model_folder.ts";
import { tensorHeader } from "../../runtime/export/tensor_header.ts";
import { StopSignal } from "../../runtime/run/events.ts";
import { readPlan } from "../../runtime/run/folder.ts";
import { plainRope, samplePlan, sampleStage } from "./sample_run.ts";
import { corpus, start } from "./tiny_run.ts";

const python = process.env.CTX_ORACLE_PYTHON;

/** A run that trains a base from nothing, and one that adapts it with LoRA in two stages. */
let base: string;
let adapted: string;

const lora = { rank: 2, alpha: 6, targets: ["q_proj", "v_proj", "down_proj"], also: ["norm"], plus_ratio: 4 };

beforeAll(async () => {
  const folder = corpus();
  base = (await start(samplePlan({ stages: [sampleStage("only")] }), folder)).root;
  const weights = join(base, "stages", "only");
  const fresh = samplePlan().model;
  const model = { ...fresh, from: "some/base", path: weights, initialize: null, rope: plainRope(40000, 16) };
  const stages = ["one", "two"].map((name) => {
    const stage = sampleStage(name, { rope: plainRope(80000, 16) });
    stage.train = {
      ...stage.train,
      method: "lora",
      lora,
      optimizer: { ...stage.train.optimizer, lr: 1e-2, state: "carry" },
    };
    return stage;
  });
  const plan: Plan = samplePlan({
    model,
    stages,
    tokenizer: { kind: "file", path: join(weights, "tokenizer.json"), vocab: null },
  });
  adapted = (await start(plan, folder)).root;
}, 60_000);

const options = (change: Partial<ExportOptions> = {}): ExportOptions => ({
  addon: loadAddon(),
  stage: null,
  merge: false,
  dtype: null,
  listen: () => {},
  stop: new StopSignal(),
  ...change,
});

const fresh = () => join(mkdtempSync(join(tmpdir(), "ctx-export-")), "model");

/** A tensor's values as numbers, decoded here from the file's bytes. */
async function tensor(file: string, name: string): Promise<{ shape: number[]; values: number[] }> {
  const found = (await readSafetensors(file)).find((source) => source.name === name);
  if (!found) throw new Error(`${file} has no ${name}`);
  const bytes = readFileSync(found.file);
  const count = found.shape.reduce((product, size) => product * size, 1);
  const values = Array.from({ length: count }, (_, n) => {
    if (found.dtype === "F32") return bytes.readFloatLE(found.offset + 4 * n);
    const half = bytes.readUInt16LE(found.offset + 2 * n);
    if (found.dtype === "BF16") return new Float32Array(Uint32Array.of(half << 16).buffer)[0]!;
    const exponent = (half >> 10) & 31;
    const size = exponent === 0 ? (half & 1023) * 2 ** -24 : (1 + (half & 1023) / 1024) * 2 ** (exponent - 15);
    return half & 0x8000 ? -size : size;
  });
  return { shape: found.shape, values };
}

const Q = "model.layers.1.self_attn.q_proj";

test("a header says where each tensor lies, and ends at a multiple of eight", () => {
  const header = Buffer.from(
    tensorHeader([
      { name: "a", dtype: "BF16", shape: [3] },
      { name: "β", dtype: "F32", shape: [] },
    ]),
  );
  expect(header.length % 8).toBe(0);
  expect(Number(header.readBigUInt64LE(0))).toBe(header.length - 8);
  expect(JSON.parse(header.subarray(8).toString())).toEqual({
    __metadata__: { format: "pt" },
    a: { dtype: "BF16", shape: [3], data_offsets: [0, 6] },
    β: { dtype: "F32", shape: [], data_offsets: [6, 10] },
  });
});

test("an exported model has the run's weights, table and length, in each dtype", async () => {
  const stage = join(base, "stages", "only", "model.safetensors");
  const exact = await tensor(stage, `${Q}.weight`);
  for (const [dtype, step] of [
    ["f32", 0],
    ["bf16", 2 ** -8],
    ["f16", 2 ** -11],
  ] as const) {
    const to = fresh();
    const result = await exportRun(base, to, options({ dtype }));
    expect(result).toMatchObject({ kind: "model", stage: "only", dtype, context: 64 });
    const written = await tensor(join(to, "model.safetensors"), `${Q}.weight`);
    expect(written.shape).toEqual(exact.shape);
    // Rounded to nearest: within half a unit in the last place.
    written.values.forEach((value, n) => {
      expect(Math.abs(value - exact.values[n]!)).toBeLessThanOrEqual(Math.abs(exact.values[n]!) * step + 2 ** -25);
    });
    const { model } = readModelConfig(readFileSync(join(to, "config.json"), "utf8"), to);
    expect(model!.rope.inv_freq).toEqual(plainRope(40000, 16).inv_freq);
    expect(model!.context).toBe(64);
    expect(JSON.parse(readFileSync(join(to, "config.json"), "utf8")).torch_dtype).toBe(
      { f32: "float32", bf16: "bfloat16", f16: "float16" }[dtype],
    );
    expect(readdirSync(to)).toContain("tokenizer.json");
  }
});

test("values of RoPE are floats for Python, whole as they may be, and nothing else is touched", () => {
  const rope = {
    rope_type: "yarn",
    rope_theta: 500_000,
    factor: 8,
    beta_fast: 4,
    attention_factor: 1,
    truncate: false,
  };
  const config = {
    ...{ rope_theta: 500_000, rope_scaling: rope, rope_parameters: { ...rope, factor: 1.5, short_factor: [1, 2] } },
    ...{ hidden_size: 64, note: '"factor": 8', original_max_position_embeddings: 8192 },
  };
  const text = configJson(config);
  expect(JSON.parse(text)).toEqual(config);
  expect(text.match(/"(rope_theta|factor|beta_fast|attention_factor)": \d+(?![\d.])/g)).toBeNull();
  expect(text.match(/: 8\.0|: 4\.0|: 1\.0|: 500000\.0/g)).toHaveLength(8);
  expect(text).toContain('"hidden_size": 64');
  expect(text).toContain('"original_max_position_embeddings": 8192');
  expect(text).toContain('"factor": 1.5');
});

test("a large model is split into shards with an index, and reads back whole", async () => {
  const to = fresh();
  await exportRun(base, to, options({ shardBytes: 30_000 }));
  const index = JSON.parse(readFileSync(join(to, "model.safetensors.index.json"), "utf8"));
  const files = readdirSync(to).filter((name) => name.endsWith(".safetensors"));
  expect(files.length).toBeGreaterThan(2);
  expect(new Set(Object.values(index.weight_map))).toEqual(new Set(files));
  expect(files[0]).toMatch(/^model-00001-of-0000\d\.safetensors$/);
  const whole = await readModelFolder(join(base, "stages", "only"));
  const sharded = await readModelFolder(to);
  expect(sharded.map((source) => source.name).sort()).toEqual(whole.map((source) => source.name).sort());
});

test("an adapter is written as PEFT reads it, and its merged weights are base + alpha / rank × B × A", async () => {
  const to = fresh();
  const result = await exportRun(adapted, to, options({ dtype: "f32" }));
  expect(result).toMatchObject({ kind: "adapter", stage: "two", dtype: "f32" });
  const config = JSON.parse(readFileSync(join(to, "adapter_config.json"), "utf8"));
  expect(config).toMatchObject({
    peft_type: "LORA",
    task_type: "CAUSAL_LM",
    r: 2,
    lora_alpha: 6,
    target_modules: lora.targets,
    base_model_name_or_path: "some/base",
  });
  expect(config.modules_to_save.sort()).toEqual(["input_layernorm", "norm", "post_attention_layernorm"]);
  const file = join(to, "adapter_model.safetensors");
  const a = await tensor(file, `base_model.model.${Q}.lora_A.weight`);
  const b = await tensor(file, `base_model.model.${Q}.lora_B.weight`);
  expect([a.shape, b.shape]).toEqual([
    [2, 32],
    [32, 2],
  ]);
  const merged = await tensor(join(adapted, "stages", "two", "model.safetensors"), `${Q}.weight`);
  const before = await tensor(join(base, "stages", "only", "model.safetensors"), `${Q}.weight`);
  let moved = 0;
  for (let row = 0; row < 32; row++) {
    for (let column = 0; column < 32; column++) {
      let delta = 0;
      for (let r = 0; r < 2; r++) delta += b.values[row * 2 + r]! * a.values[r * 32 + column]!;
      const n = row * 32 + column;
      expect(Math.abs(merged.values[n]! - before.values[n]! - 3 * delta)).toBeLessThan(1e-6);
      moved = Math.max(moved, Math.abs(delta));
    }
  }
  expect(moved).toBeGreaterThan(1e-4);
  // A layer without an adapter, and not among the others trained, is the base's to the bit.
  const still = "model.layers.0.mlp.up_proj.weight";
  expect(await tensor(join(adapted, "stages", "two", "model.safetensors"), still)).toEqual(
    await tensor(join(base, "stages", "only", "model.safetensors"), still),
  );
});

test("an adapter's file that lacks a tensor is refused, and so are a stage's weights of another shape", async () => {
  const run = mkdtempSync(join(tmpdir(), "ctx-export-"));
  cpSync(adapted, run, { recursive: true });
  const file = join(run, "stages", "two", "adapter", "adapter_model.safetensors");
  // A name as long: all else of the header stays.
  const other = (name: string) => name.replace("layers.1", "layers.9");
  replaceIn(file, `${Q}.lora_A`, other(`${Q}.lora_A`));
  await expect(exportRun(run, fresh(), options())).rejects.toThrow(
    `${file}: 2 tensors do not fit the adapter of stage two: no ${Q}.lora_A.weight [2, 32]; ${other(Q)}.lora_A.weight has no place there`,
  );
  const weights = join(run, "stages", "two", "model.safetensors");
  replaceIn(weights, '"model.norm.weight"', '"model.nerm.weight"');
  await expect(exportRun(run, fresh(), options({ merge: true }))).rejects.toThrow(
    `${weights}: 2 tensors do not fit config.json: no model.norm.weight [32]; model.nerm.weight has no place there`,
  );
  // It is what is read that is at fault, not where it is to go.
  writeFileSync(weights, readFileSync(weights).subarray(0, -100));
  await expect(exportRun(run, fresh(), options({ merge: true }))).rejects.toMatchObject({
    kind: "input",
    message: expect.stringContaining(`${weights}: is cut short`),
    hint: expect.stringContaining("copy the file anew"),
  });
});

/** Writes other text of the same length into a file. */
function replaceIn(file: string, text: string, other: string): void {
  const bytes = readFileSync(file);
  const at = bytes.indexOf(text);
  expect([at > 0, other.length]).toEqual([true, text.length]);
  bytes.write(other, at);
  writeFileSync(file, bytes);
}

test("an adapter on weights that no base model has is refused unless it is merged, and checking says so before (CTX8029)", async () => {
  const folder = corpus();
  const adapting = (name: string, rank: number) => {
    const stage = sampleStage(name);
    stage.train = { ...stage.train, method: "lora", lora: { ...lora, rank } };
    stage.train.optimizer = { ...stage.train.optimizer, state: "reset" };
    return stage;
  };
  const plan = samplePlan({ stages: [adapting("first", 2), adapting("second", 4)] });
  expect(plan.stages.map((_, index) => standsOnBase(plan, index))).toEqual([false, false]);
  const { root } = await start(plan, folder);
  for (const [stage, weights] of [
    ["first", "this run began with, from nothing"],
    ["second", "an earlier stage trained"],
  ] as const) {
    const refused = exportRun(root, fresh(), options({ stage }));
    await expect(refused).rejects.toThrow(`the adapter of stage ${stage} stands on weights that ${weights}`);
    expect(await exportRun(root, fresh(), options({ stage, merge: true }))).toMatchObject({ kind: "model" });
  }
  const before = readPlan(join(adapted, "plan.json"));
  expect(before.stages.map((_, index) => standsOnBase(before, index))).toEqual([true, true]);
});

test("an adapter is written in the dtype that was asked for, and what it was saved as is not touched", async () => {
  const name = `base_model.model.${Q}.lora_B.weight`;
  const saved = await tensor(join(adapted, "stages", "two", "adapter", "adapter_model.safetensors"), name);
  for (const [dtype, bits] of [
    ["bf16", 8],
    ["f16", 11],
    ["f32", 24],
  ] as const) {
    const to = fresh();
    mkdirSync(to);
    expect(await exportRun(adapted, to, options({ dtype }))).toMatchObject({ kind: "adapter", dtype });
    const file = join(to, "adapter_model.safetensors");
    expect((await readSafetensors(file)).map((source) => source.dtype)).toContain(dtype.toUpperCase());
    const { values } = await tensor(file, name);
    for (const [n, value] of values.entries())
      expect(Math.abs(value - saved.values[n]!)).toBeLessThanOrEqual(
        Math.abs(saved.values[n]!) * 2 ** -bits + 2 ** -25,
      );
    expect(readdirSync(to).sort()).toEqual(["adapter_config.json", "adapter_model.safetensors", "config.json"]);
  }
});

test("an adapter names the base model by its name, or by a folder that is found from anywhere", async () => {
  const nameIn = (folder: string) => {
    const config = JSON.parse(readFileSync(join(folder, "adapter_config.json"), "utf8"));
    return config.base_model_name_or_path;
  };
  expect(nameIn(join(adapted, "stages", "two", "adapter"))).toBe("some/base");
  const weights = join(base, "stages", "only");
  const stage = sampleStage("one", { rope: plainRope(80000, 16) });
  stage.train = { ...stage.train, method: "lora", lora };
  const folder = corpus();
  const path = relative(folder, weights);
  const model = { ...samplePlan().model, from: path, path, initialize: null, rope: plainRope(40000, 16) };
  const tokenizer = { kind: "file" as const, path: join(weights, "tokenizer.json"), vocab: null };
  const { root } = await start(samplePlan({ model, stages: [stage], tokenizer }), folder);
  expect(nameIn(join(root, "stages", "one", "adapter"))).toBe(weights);
  const to = fresh();
  await exportRun(root, to, options());
  expect(nameIn(to)).toBe(weights);
});

test("--merge gives the whole model instead of the adapter", async () => {
  const to = fresh();
  expect(await exportRun(adapted, to, options({ merge: true, stage: "one" }))).toMatchObject({
    kind: "model",
    stage: "one",
  });
  expect(await tensor(join(to, "model.safetensors"), `${Q}.weight`)).toEqual(
    await tensor(join(adapted, "stages", "one", "model.safetensors"), `${Q}.weight`),
  );
});

test("what cannot be exported is refused with a reason", async () => {
  await expect(exportRun(base, fresh(), options({ stage: "none" }))).rejects.toThrow(/no finished stage none/);
  await expect(exportRun(join(base, "stages"), fresh(), options())).rejects.toThrow(/is not a run folder/);
  await expect(exportRun(base, base, options())).rejects.toThrow(/is not empty/);
  const file = fresh();
  writeFileSync(file, "");
  await expect(exportRun(base, file, options())).rejects.toThrow(/is a file/);
  await expect(exportRun(base, join(file, "below"), options())).rejects.toThrow(/a part of this path is a file/);
});

test.skipIf(!python)(
  "transformers reads the export and computes the same logits",
  async () => {
    for (const [run, merge] of [
      [base, false],
      [adapted, true],
    ] as const) {
      const to = fresh();
      await exportRun(run, to, options({ merge, dtype: "f32" }));
      const ids = Int32Array.from({ length: 48 }, (_, t) => (t * 37 + 11) % 400);
      writeFileSync(join(to, "ids.json"), JSON.stringify([...ids]));
      const script = fileURLToPath(new URL("oracle_logits.py", import.meta.url));
      const { status, stderr } = spawnSync(python!, [script, to], { encoding: "utf8" });
      expect(stderr.includes("Error") ? stderr : "").toBe("");
      expect(status).toBe(0);
      const bytes = readFileSync(join(to, "logits.f32"));
      const theirs = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
      const engine = await Engine.load(to, { threads: 1 });
      const ours = await engine.logits(ids);
      await engine.close();
      expect(ours.length).toBe(theirs.length);
      let difference = 0;
      for (let n = 0; n < ours.length; n++) difference = Math.max(difference, Math.abs(ours[n]! - theirs[n]!));
      expect(difference).toBeLessThan(2e-5);
    }
  },
  240_000,
);
