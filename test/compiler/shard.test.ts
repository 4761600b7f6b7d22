import { expect, test } from "vitest";
import { gatherSeconds, hardwarePreset, scatterSeconds } from "../../compiler/cost/index.ts";
import { knownConfig, modelFromConfig } from "../../compiler/model/index.ts";
import { codesOf, planOf } from "./recipes.ts";

const name = "meta-llama/Meta-Llama-3-8B-Instruct";
const model = modelFromConfig(knownConfig(name)!, name).model!;

const recipe = (parallel: string, hardware = "preset = l40s") => `model { from = "${name}" }
rope { theta = critical_base(length) }
data { source text { files = "text/*.jsonl" } }
train { optimizer = adamw(lr: 2e-5)  dtype = bf16 }
hardware { ${hardware}  devices = 8 }
parallel { devices = 8  ring = 8  ${parallel} }
stage s64k { length = 64Ki  steps = 30  batch = 32 }
`;

test("all weights of an 8B model learn on L40S of 48 GB where weights and gradients are divided too, and only there", () => {
  expect(codesOf(recipe(""), {}, {})).toContain("CTX7006");
  expect(codesOf(recipe("shard = all"), {}, {})).toEqual([]);
});

test("a device holds its share, the unit at work and the one that arrives; activations are as before", () => {
  const roomy = "preset = l40s  memory = 900GiB";
  const memory = (parallel: string) => {
    const stage = planOf(`${recipe(parallel, roomy)}memory { checkpoint = every(1)  offload = none }\n`, {}, {});
    return stage.stages[0]!.memory.device!;
  };
  const [whole, divided] = [memory(""), memory("shard = all")];
  // What travels whole: of the two that are there at once one is a layer.
  const head = 128_256 * 4096 + 4096;
  const layer = 2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14_336 + 2 * 4096;
  const near = (value: number, expected: number) => expect(value / expected).toBeCloseTo(1, 6);
  near(divided.weights, 4 * (model.parameters / 8 + layer + head));
  near(divided.gradients, 4 * (model.parameters / 8 + head));
  near(whole.weights, 4 * model.parameters);
  const { activations, checkpoints, logits, workspace, optimizer } = whole;
  expect(divided).toMatchObject({ activations, checkpoints, logits, workspace, optimizer });
});

test("the plan holds it; what it does not say divides moments alone", () => {
  expect(planOf(recipe("shard = all"), {}, {}).stages[0]!.parallel.shard).toBe("all");
  const roomy = recipe("shard = moments", "preset = l40s  memory = 900GiB");
  expect(planOf(roomy, {}, {}).stages[0]!.parallel).not.toHaveProperty("shard");
});

test("divided weights travel behind the work, unless the way is too slow; sums of gradients before it goes on", () => {
  const l40s = hardwarePreset("l40s")!;
  const trained = model.parameters;
  const work = { rows: 120, length: 65_536, ring: 8, devices: 8, checkpointEvery: 1, trained, frozen: 0 };
  // Four rows at once: 30 micro batches, forward and backward in fp32, seven eighths of it from elsewhere.
  const once = (30 * 4 * trained * (7 / 8)) / 32e9;
  expect(gatherSeconds(work, l40s) / (2 * once)).toBeCloseTo(1, 9);
  expect(gatherSeconds({ ...work, checkpointEvery: 2 }, l40s) / (3 * once)).toBeCloseTo(1, 9);
  expect(scatterSeconds(work, l40s) / once).toBeCloseTo(1, 9);
  const adapter = { ...work, trained: 0, frozen: 2 * trained };
  expect(gatherSeconds(adapter, l40s) / once).toBeCloseTo(1, 9);
  expect(scatterSeconds(adapter, l40s)).toBe(0);
  expect(gatherSeconds({ ...work, devices: 16 }, l40s)).toBeGreaterThan(gatherSeconds(work, l40s));
  const seconds = (hardware: string) => planOf(recipe("shard = all", hardware), {}, {}).stages[0]!.seconds;
  const usual = seconds("preset = l40s");
  // 30 steps of 32 rows: eight micro batches each, as many sums at half the speed.
  const slower = (30 * 8 * 4 * trained * (7 / 8)) / 32e9;
  expect((seconds("preset = l40s  link = 16GB") - usual) / slower).toBeCloseTo(1, 3);
  expect(seconds("preset = l40s  link = 1MB")).toBeGreaterThan(100 * usual);
});
