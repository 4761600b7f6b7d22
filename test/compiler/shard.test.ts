import { expect, test } from "vitest";
import { exchangeSeconds, gatherSeconds, hardwarePreset, scatterSeconds } from "../../compiler/cost/index.ts";
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
  near(divided.gradients, 4 * (model.parameters / 8 + layer + head));
  near(whole.weights, 4 * model.parameters);
  const { activations, checkpoints, logits, workspace, optimizer } = whole;
  expect(divided).toMatchObject({ activations, checkpoints, logits, workspace, optimizer });
});

test("the plan holds it; what it does not say divides moments alone", () => {
  expect(planOf(recipe("shard = all"), {}, {}).stages[0]!.parallel.shard).toBe("all");
  const roomy = recipe("shard = moments", "preset = l40s  memory = 900GiB");
  expect(planOf(roomy, {}, {}).stages[0]!.parallel).not.toHaveProperty("shard");
});

test("divided weights and sums of gradients travel behind the work, unless the way is too slow for both", () => {
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
  const seconds = (ring: number, link = "") => {
    const text = recipe("shard = all", `preset = l40s  memory = 900GiB  ${link}`).replace("ring = 8", `ring = ${ring}`);
    return planOf(text, {}, {}).stages[0]!.seconds;
  };
  const usual = seconds(1);
  expect(seconds(1, "link = 16GB")).toBe(usual);
  // 30 steps of four rows each: as many micro batches, in which all weights come twice and the sums once.
  const travel = (30 * 4 * 3 * 4 * trained * (7 / 8)) / 1e6;
  expect(travel).toBeGreaterThan(100 * usual);
  expect(seconds(1, "link = 1MB") / travel).toBeCloseTo(1, 6);
  // A ring's keys and values come by the same way.
  const exchange = { rows: 30 * 32, length: 65_536, ring: 8, checkpointEvery: 0, dtype: "bf16" } as const;
  const together = exchangeSeconds(model, exchange, { ...l40s, kind: "cuda", link_bytes_per_second: 1e6 });
  expect(seconds(8, "link = 1MB") / (2 * travel + together)).toBeCloseTo(1, 6);
});
