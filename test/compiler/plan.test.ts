import { expect, test } from "vitest";
import { canonicalJson, planFaults } from "../../compiler/index.ts";
import { planOf, tiny, tinyFiles } from "./recipes.ts";

const recipe = `recipe small
${tiny}rope { theta = critical_base(length) }
stage a { length = 512  steps = 30  batch = 4 }
evaluate { perplexity { source = speeches } }
`;

test("a plan fits its schema, and a broken one is told by field", () => {
  const plan = planOf(recipe);
  expect(planFaults(plan)).toEqual([]);
  expect(planFaults({ ...plan, seed: "0" })).toEqual(["/seed must be number"]);
  expect(planFaults({ ...plan, extra: 1 })).toEqual(["the document must NOT have additional properties (extra)"]);
});

test("the same recipe gives the same bytes", () => {
  const bytes = canonicalJson(planOf(recipe));
  expect(canonicalJson(planOf(recipe))).toBe(bytes);
  expect(JSON.parse(bytes)).toEqual(planOf(recipe));
  expect(canonicalJson({ b: 1, a: [1, 2], c: { z: [], y: {} } })).toBe(
    '{\n  "a": [1, 2],\n  "b": 1,\n  "c": {\n    "y": {},\n    "z": []\n  }\n}\n',
  );
});

test("values point back into the recipe", () => {
  const plan = planOf(
    recipe,
    { file: "recipes/small.ctx" },
    {
      ...tinyFiles,
      "recipes/models/tiny/config.json": JSON.stringify({
        ...{ model_type: "llama", vocab_size: 1024, hidden_size: 256, intermediate_size: 688, num_hidden_layers: 4 },
        ...{ num_attention_heads: 4, max_position_embeddings: 256, rope_theta: 10_000 },
      }),
      "recipes/models/tiny/tokenizer.json": "{}",
    },
  );
  const line = recipe.split("\n").findIndex((text) => text.startsWith("stage a"));
  const character = recipe.split("\n")[line]!.indexOf("512");
  expect(plan.trace["/stages/0/length"]).toEqual({ file: "recipes/small.ctx", line, character });
  expect(plan.source.file).toBe("recipes/small.ctx");
  expect(plan.model.path).toBe("models/tiny");
  expect(plan.tokenizer).toEqual({ kind: "file", path: "models/tiny/tokenizer.json", vocab: null });
});

test("a bare lora says its defaults as one with arguments does", () => {
  const noted = (method: string) => {
    const { defaults } = planOf(`${recipe}train { method = ${method} }\n`);
    return defaults.filter(({ path }) => path.startsWith("train.method"));
  };
  expect(noted("lora").map(({ path }) => path)).toEqual(
    ["alpha", "also", "plus_ratio", "rank", "targets"].map((name) => `train.method.${name}`),
  );
  expect(noted("lora")).toEqual(noted("lora()"));
});
