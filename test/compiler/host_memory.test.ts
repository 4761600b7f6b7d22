// Where the optimizer's moments and the layers' gradients lie, and in what matrices that learn are held: what is chosen, what it frees, what it costs.
import { expect, test } from "vitest";
import { knownConfig, modelFromConfig } from "../../compiler/model/index.ts";
import type { PlanStage } from "../../compiler/plan.ts";
import { codesOf, planOf, tiny } from "./recipes.ts";

const name = "meta-llama/Meta-Llama-3-8B-Instruct";
const { parameters } = modelFromConfig(knownConfig(name)!, name).model!;
const GiB = 2 ** 30;

const recipe = (hardware: string, memory = "", length = "128Ki", train = "") => `model { from = "${name}" }
rope { theta = critical_base(length) }
data { source text { files = "text/*.jsonl" } }
train { dtype = bf16  ${train} }
hardware { ${hardware} }
memory { ${memory} }
stage long { length = ${length}  steps = 30  batch = 8 }
`;
const stageOf = (...words: Parameters<typeof recipe>): PlanStage => planOf(recipe(...words), {}, {}).stages[0]!;

test("all weights of an 8B model learn at 128K on one H200 where the moments wait in the host's memory, and only there", () => {
  const { memory } = stageOf("preset = h200", "gradients = device  weights = f32");
  expect(memory.moments).toBe("host");
  expect(memory).not.toHaveProperty("gradients");
  expect(memory.host.optimizer! / (8 * parameters)).toBeCloseTo(1, 4);
  expect(memory.device!.total).toBeLessThan(0.9 * 138 * GiB);
  expect(memory.device!.optimizer).toBe(4 * 4 * 2 ** 22);
  const without = stageOf("preset = h200", "moments = device  weights = f32  gradients = device").memory.device!;
  expect(without.total).toBeGreaterThan(0.9 * 138 * GiB);
  const { defaults } = planOf(recipe("preset = h200", "weights = f32"), {}, {});
  const why = defaults.find(({ path }) => path === "stage long.memory.moments");
  expect(why).toMatchObject({ value: "host" });
  expect(why!.from).toMatch(
    /^the fastest that fits, .* they take 59.8 GiB of the host, and 2.6 s of each step on their/,
  );
});

test("on an H100 the gradients wait too, or attention is computed for some heads at once; the message says what would fit", () => {
  const grouped = stageOf("preset = h100", "gradients = device  weights = f32").memory;
  expect(grouped).toMatchObject({ moments: "host", head_groups: 2 });
  expect(grouped).not.toHaveProperty("gradients");
  const { memory } = stageOf("preset = h100", "weights = f32");
  expect(memory).toMatchObject({ moments: "host", gradients: "host" });
  expect(memory).not.toHaveProperty("head_groups");
  // Of 32 layers two stay, with the embedding and the output.
  const embeddings = 2 * 128_256 * 4096;
  const layer = 4 * Math.ceil((parameters - embeddings) / 32);
  expect(memory.host.gradients! / (32 * layer)).toBeCloseTo(1, 4);
  expect(memory.device!.gradients / (4 * embeddings + 2 * layer)).toBeCloseTo(1, 4);
  expect(codesOf(recipe("preset = h100"), {}, {})).not.toContain("CTX7006");
  expect(codesOf(recipe("preset = h100", "moments = device"), {}, {})).toContain("CTX7006");
  expect(codesOf(recipe("preset = h100", "gradients = device  moments = device"), {}, {})).toContain("CTX7006");
});

test("where all fits, on several devices, with an adapter, on a CPU: they stay, or moments alone go", () => {
  expect(stageOf("preset = h200  memory = 900GiB").memory).not.toHaveProperty("moments");
  expect(stageOf("preset = h200", "", "64Ki", "method = lora(rank: 16)").memory).not.toHaveProperty("moments");
  const several = stageOf("preset = h100  devices = 2", "moments = host  weights = f32").memory;
  expect(several).not.toHaveProperty("gradients");
  // Shares of two devices in one host.
  expect(several.host.optimizer! / (8 * parameters)).toBeCloseTo(1, 4);
  expect(planOf(`${tiny}stage s { length = 256  steps = 2  batch = 2 }\n`).stages[0]!.memory).not.toHaveProperty(
    "moments",
  );
});

test("their way is counted: 25 GB/s in and as much out, nothing of it hidden", () => {
  const roomy = "preset = h200  memory = 900GiB";
  const [checkpoint, rows, steps] = ["checkpoint = every(1)  offload = none", 8 * 30, 30];
  const seconds = (memory: string) => stageOf(roomy, `${checkpoint}  ${memory}`).seconds;
  const device = seconds("");
  const moments = seconds("moments = host");
  expect((moments - device) / ((steps * 8 * parameters) / 25e9)).toBeCloseTo(1, 3);
  // Masters come with them, and are written rounded.
  const masters = seconds("moments = host  weights = bf16") - moments;
  expect(masters / (steps * parameters * (4 / 25e9 + 6 / 4.8e12))).toBeCloseTo(1, 3);
  // A layer's gradients go while another's come for each row, and come twice at a step.
  const layers = 4 * (parameters - 2 * 128_256 * 4096);
  expect((seconds("gradients = host") - device) / ((layers * (rows + 2 * steps)) / 25e9)).toBeCloseTo(1, 3);
});

test("matrices that learn are held in bf16 where their masters go to the host with the moments, if that is faster", () => {
  const { memory } = stageOf("preset = h200");
  expect(memory).toMatchObject({ moments: "host", weights: "bf16" });
  expect(memory.host.optimizer! / (12 * parameters)).toBeCloseTo(1, 4);
  expect(memory.device!.weights / (2 * parameters)).toBeCloseTo(1, 3);
  expect(memory.device!.optimizer).toBe(3 * 4 * 2 * 2 ** 22);
  expect(stageOf("preset = h200", "weights = f32").seconds).toBeGreaterThan(stageOf("preset = h200").seconds);
  const { defaults } = planOf(recipe("preset = h200"), {}, {});
  const why = (property: string) => defaults.find(({ path }) => path === `stage long.memory.${property}`);
  expect(why("weights")).toMatchObject({ value: "bf16" });
  expect(why("weights")!.from).toMatch(/^the fastest that fits, .*: their fp32 masters lie in the host's memory$/);
  expect(why("moments")!.from).toMatch(/they take 89.7 GiB of the host, and 3.9 s of each step on their way$/);
});

test("several GPUs divide masters as they do moments, from three on for less than whole matrices take", () => {
  const eight = "preset = h100  devices = 8";
  const whole = recipe(eight, "moments = device  weights = f32", "2Mi");
  const { memory } = stageOf(eight, "moments = device", "2Mi");
  expect(memory).toMatchObject({ weights: "bf16" });
  expect(memory.device!.weights / (2 * parameters)).toBeCloseTo(1, 3);
  expect(memory.device!.optimizer / ((12 * parameters) / 8)).toBeCloseTo(1, 4);
  expect(codesOf(recipe(eight, "moments = device", "2Mi"), {}, {})).not.toContain("CTX7006");
  expect(codesOf(whole, {}, {})).toContain("CTX7006");
  const two = stageOf("preset = h200  devices = 2", "moments = device").memory;
  expect(two).not.toHaveProperty("weights");
});

test("where all fits they stay fp32, and wherever nothing is rounded", () => {
  expect(stageOf("preset = h200  memory = 900GiB").memory).not.toHaveProperty("weights");
  // With moments in the host's memory there is nothing left that would make room.
  const tight = (train: string) => stageOf("preset = h100", "moments = host", "128Ki", train).memory;
  expect(tight("")).toHaveProperty("weights");
  expect(tight("method = lora(rank: 16)")).not.toHaveProperty("weights");
  expect(tight("method = lora(rank: 16, also: [norm])")).not.toHaveProperty("weights");
});

test("a GPU that nobody names is taken for an H100, and one of a host's eight comes with its part of the memory", () => {
  const { hardware, defaults } = planOf(recipe("kind = cuda  memory = 140GiB"), {}, {});
  expect(hardware).toMatchObject({ name: "H100", kind: "cuda", peak_flops_bf16: 989e12, host_bytes: 256 * GiB });
  expect(defaults.find(({ path }) => path === "hardware.preset")?.from).toMatch(/^assumed: kind = cuda names no GPU/);
  expect(planOf(recipe("preset = h100  devices = 8"), {}, {}).hardware.host_bytes).toBe(2048 * GiB);
  const own = planOf(recipe("preset = h100  host_memory = 1TiB  peak = 494.5e12"), {}, {}).hardware;
  expect(own).toMatchObject({ host_bytes: 1024 * GiB, peak_flops: 33.5e12, peak_flops_bf16: 494.5e12 });
});
