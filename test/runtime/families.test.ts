import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readModelConfig } from "../../compiler/model/index.ts";
import type { PlanModel } from "../../compiler/plan.ts";
import { Engine } from "../../runtime/engine/engine.ts";
import { loadAddon } from "../../runtime/engine/load.ts";
import { readModelFolder } from "../../runtime/engine/safetensors.ts";
import { exportRun } from "../../runtime/export/export_run.ts";
import { StopSignal } from "../../runtime/run/events.ts";
import { samplePlan, sampleStage } from "./sample_run.ts";
import { corpus, start } from "./tiny_run.ts";

const families: { [name: string]: Partial<PlanModel> } = {
  mistral: { family: "mistral", window: { tokens: 24, layers: [true, true] } },
  qwen2: { family: "qwen2", qkv_bias: true },
  "qwen3 with a window in one layer": {
    ...{ family: "qwen3", qk_norm: true, qkv_bias: true, o_bias: true, head_dim: 16 },
    window: { tokens: 20, layers: [false, true] },
  },
};

const lora = { rank: 2, alpha: 6, targets: ["q_proj", "k_proj", "o_proj", "up_proj"], also: [], plus_ratio: 4 };

/** The bytes of every tensor of a folder whose name has a part. */
async function tensors(folder: string, part: string): Promise<Map<string, string>> {
  const sources = (await readModelFolder(folder)).filter(({ name }) => name.includes(part));
  const bytes = (file: string, offset: number, count: number) =>
    readFileSync(file)
      .subarray(offset, offset + 4 * count)
      .toString("hex");
  return new Map(
    sources.map(({ name, file, offset, shape }) => [
      name,
      bytes(
        file,
        offset,
        shape.reduce((a, b) => a * b, 1),
      ),
    ]),
  );
}

test.each(Object.keys(families))("%s: trained in full, adapted, merged and exported", async (name) => {
  const change = families[name]!;
  const stages = ["full", "adapted"].map((stage) => sampleStage(stage));
  stages[1]!.train = { ...stages[1]!.train, method: "lora", lora };
  const plan = samplePlan({ model: { ...samplePlan().model, ...change }, stages });
  const { root } = await start(plan, corpus());
  const target = join(mkdtempSync(join(tmpdir(), "ctx-family-")), "model");
  const options = {
    addon: loadAddon(),
    stage: null,
    merge: true,
    dtype: null,
    listen: () => {},
    stop: new StopSignal(),
  };
  expect((await exportRun(root, target, options)).kind).toBe("model");
  expect(readdirSync(target)).toContain("tokenizer.json");

  const { model } = readModelConfig(readFileSync(join(target, "config.json"), "utf8"), target);
  const { family, qkv_bias, o_bias, mlp_bias, qk_norm, window } = plan.model;
  expect(model).toMatchObject({ family, qkv_bias, o_bias, mlp_bias, qk_norm, window });

  // The adapters leave what PEFT leaves: biases and norms. The maps that they are for have moved.
  const before = join(root, "stages", "full");
  const biases = await tensors(before, ".bias");
  expect(biases.size > 0).toBe(qkv_bias);
  expect(await tensors(target, ".bias")).toEqual(biases);
  expect(await tensors(target, "norm")).toEqual(await tensors(before, "norm"));
  expect((await tensors(before, "_norm")).size).toBe(qk_norm ? 4 : 0);
  for (const [tensor, bytes] of await tensors(before, "q_proj.weight")) {
    expect((await tensors(target, tensor)).get(tensor)).not.toBe(bytes);
  }

  const ids = Int32Array.from({ length: 60 }, (_, t) => (t * 37 + 11) % 400);
  const logits = await Promise.all(
    [join(root, "stages", "adapted"), target].map(async (folder) => {
      const engine = await Engine.load(folder, { threads: 1 });
      const computed = await engine.logits(ids);
      await engine.close();
      return computed;
    }),
  );
  expect(logits[1]).toEqual(logits[0]);
});
