import { describe, expect, test } from "vitest";
import { knownConfig, promisedContext, trainedContext } from "../../compiler/model/index.ts";
import { codesOf, planOf, tiny } from "./recipes.ts";

const K = 1024;

const promised = (recipe: string) => {
  const plan = planOf(`${tiny}${recipe}`);
  return plan.stages.map((_, k) => promisedContext(plan, k));
};
const trained = (recipe: string) => {
  const plan = planOf(`${tiny}${recipe}`);
  return plan.stages.map((_, k) => trainedContext(plan, k));
};

test("an exported model promises the longest length that its table was trained with", () => {
  expect(
    promised("rope { theta = critical_base(length) }\nstage a { length = 512  steps = 500  batch = 8 }\n"),
  ).toEqual([512]);
});

test("a short stage that keeps the table keeps the promise, be it a stage's or the base model's", () => {
  const dialogue = `rope { theta = 80K }
stage long  { length = 1Ki  steps = 500  batch = 8 }
stage short { length = 256  steps = 100  batch = 8 }
`;
  expect(promised(dialogue)).toEqual([1024, 1024]);
  expect(promised("stage short { length = 64  steps = 100  batch = 8 }\n")).toEqual([256]);
});

test("with a table of its own a short stage takes the promise back, and that is said", () => {
  const recipe = "rope { theta = 20K }\nstage short { length = 64  steps = 100  batch = 8 }\n";
  expect(promised(recipe)).toEqual([64]);
  expect(codesOf(`${tiny}${recipe}`)).toContain("CTX8022");
});

test("skipped positions count, not rows", () => {
  const pose = `rope { theta = critical_base(length) }
train { positions = pose(chunks: 2) }
stage a { length = 128  context = 1Ki  steps = 500  batch = 8 }
`;
  expect(promised(pose)).toEqual([1024]);
});

test("a table stretched further than its rows promises more than was trained; one that is not is refused", () => {
  const stretched = `rope { method = yarn(factor: scale) }
stage a { length = 512  context = 1Ki  steps = 500  batch = 8 }
`;
  expect(promised(stretched)).toEqual([1024]);
  expect(trained(stretched)).toEqual([512]);
  expect(codesOf(`${tiny}${stretched}`)).toContain("CTX4018");
  for (const rope of ["theta = model.theta", "method = llama3(factor: 2)", "theta = ntk(scale)"]) {
    const short = `rope { ${rope} }\nstage a { length = 512  context = 2Ki  steps = 500  batch = 8 }\n`;
    expect(codesOf(`${tiny}${short}`).filter((code) => code.startsWith("CTX4"))).toEqual(["CTX4008"]);
  }
  // A factor that falls short of the context has its own error.
  const factor = "rope { method = yarn(factor: 2) }\nstage a { length = 512  context = 1Ki  steps = 500  batch = 8 }\n";
  expect(codesOf(`${tiny}${factor}`)).toContain("CTX3005");
  expect(codesOf(`${tiny}${factor}`)).not.toContain("CTX4008");
});

test("positions that an earlier stage has shown with the same table are promised and shown", () => {
  const recipe = `rope { theta = critical_base(1Ki) }
stage long  { length = 1Ki  steps = 500  batch = 8 }
stage short { length = 256  context = 1Ki  steps = 100  batch = 8 }
`;
  expect(promised(recipe)).toEqual([1024, 1024]);
  expect(trained(recipe)).toEqual([1024, 1024]);
  expect(codesOf(`${tiny}${recipe}`)).not.toContain("CTX4018");
});

describe("published models whose config.json promises more than was trained", () => {
  const data = 'data { source books { files = "books/*.jsonl" } }\n';
  const planFor = (model: string, rest: string, files = {}) => planOf(`model { ${model} }\n${data}${rest}`, {}, files);
  const long = "stage long { length = 128Ki  steps = 100  batch = 16 }\n";

  test.each([
    ["Qwen/Qwen2.5-7B", 32 * K, 128 * K],
    ["Qwen/Qwen2-7B", 32 * K, 128 * K],
    ["Qwen/Qwen3-8B", 32 * K, 40 * K],
    ["mistralai/Mistral-7B-v0.1", 8 * K, 32 * K],
  ])("%s", (name, trained, promised) => {
    const plan = planFor(`from = "${name}"`, `rope { method = yarn() }\n${long}`);
    expect(plan.model).toMatchObject({ context: trained, promised_context: promised });
    expect(plan.defaults.find(({ path }) => path === "model.context")?.from).toMatch(/arXiv .*; config\.json promises/);
    // A method that says nothing counts from what was trained.
    const { factor, original_max_position_embeddings: original } = plan.stages[0]!.rope.parameters!;
    expect([factor, original]).toEqual([(128 * K) / trained, trained]);
    // The table as it was keeps the word of config.json.
    const short = planFor(`from = "${name}"`, "stage chat { length = 8Ki  steps = 100  batch = 16 }\n");
    expect(promisedContext(short, 0)).toBe(promised);
    expect(trainedContext(short, 0)).toBe(trained);
  });

  test.each([
    ["Qwen/Qwen2.5-7B-Instruct", 32 * K],
    ["Qwen/Qwen3-8B-Base", 32 * K],
    ["mistralai/Mistral-7B-v0.3", 32 * K],
    ["01-ai/Yi-6B-200K", 200_000],
    ["meta-llama/Llama-3.1-8B", 128 * K],
  ])("%s is taken at its word", (name, context) => {
    const { model } = planFor(`from = "${name}"`, "stage chat { length = 8Ki  steps = 100  batch = 16 }\n");
    expect([model.context, model.promised_context]).toEqual([context, undefined]);
  });

  test("Qwen2.5-7B with YaRN factor 4 is the published table", () => {
    const { rope } = planFor('from = "Qwen/Qwen2.5-7B"', `rope { method = yarn(factor: 4) }\n${long}`).stages[0]!;
    // https://huggingface.co/Qwen/Qwen2.5-7B-Instruct, "Processing Long Texts": pairs 29, 32 and 63 of its table.
    const pairs = { 29: 0.001405112481595912, 32: 0.0006029411764705882, 63: 3.102344401879299e-7 };
    for (const [i, frequency] of Object.entries(pairs)) {
      expect(rope.inv_freq[Number(i)]! / frequency).toBeCloseTo(1, 12);
    }
  });

  test("a copy in a folder is known too, and one that was trained on says so", () => {
    const files = {
      "mine/config.json": JSON.stringify(knownConfig("Qwen/Qwen2.5-7B")),
      "mine/tokenizer.json": "{}",
      "books/a.jsonl": "",
    };
    const stage = "stage chat { length = 8Ki  steps = 100  batch = 16 }\n";
    expect(planFor('from = "mine"', stage, files).model).toMatchObject({ context: 32 * K, promised_context: 128 * K });
    const on = planFor('from = "mine"  context = 128Ki', stage, files).model;
    expect([on.context, on.promised_context]).toEqual([128 * K, undefined]);
    const half = planFor('from = "mine"  context = 64Ki', stage, files);
    expect([half.model.context, half.model.promised_context]).toEqual([64 * K, 128 * K]);
    expect(half.defaults.find(({ path }) => path === "model.context")).toEqual({
      path: "model.context",
      value: "64Ki",
      from: "as the recipe says; config.json promises 128Ki",
    });
  });
});
