import { expect, test } from "vitest";
import { analyze } from "../../compiler/index.ts";
import { memoryHost } from "./recipes.ts";

/** The tables of two stages on a base model, after a block of the top level. */
function tables(from: string, rope: string, files: Record<string, string> = {}) {
  const recipe = `model { from = "${from}" }
data { source books { files = "books/*.jsonl" } }
rope { ${rope} }
stage a { length = 512Ki  steps = 3  batch = 16 }
stage b { length = 1Mi  steps = 3  batch = 16 }
`;
  const { plan, diagnostics } = analyze(recipe, memoryHost({ "books/a.jsonl": "", ...files }));
  expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
  return plan!.stages.map(({ rope: { theta, inv_freq } }) => ({ theta, inv_freq }));
}

const PLAIN = "meta-llama/Meta-Llama-3-8B";

// Llama 3.1 is Llama 3, whose theta of 500,000 was trained at 8K, with a scaling that a table of the recipe's replaces.
test.each([
  "theta = critical_base(length)",
  "theta = ntk(scale)",
  "theta = ntk_dynamic(4)",
  "theta = floor(previous.theta * (4 * length / previous.length - 3) ^ (d / (d - 2)))",
  "theta = model.theta ^ (ln(length / (2 * pi)) / ln(model.original / (2 * pi)))",
  "method = yarn(factor: scale)",
  "frequency = model.theta ^ (-2 * i / d) / scale",
])("on a base that is scaled already a new table counts from before the scaling: %s", (formula) => {
  expect(tables("meta-llama/Llama-3.1-8B", `${formula}  original = 8Ki`)).toEqual(tables(PLAIN, formula));
});

test("critical_base gives what the paper's formula gives from 8K (Liu et al., theorem 2)", () => {
  const [half, whole] = tables("meta-llama/Llama-3.1-8B", "theta = critical_base(length)  original = 8Ki");
  expect(half!.theta).toBeCloseTo(1_007_391_702.690092, 3);
  expect(whole!.theta).toBeCloseTo(3_580_165_449.113034, 3);
});

test("where another stage has kept the base's table, the next one still counts from before the scaling", () => {
  const recipe = (from: string, kept: string, block: string) => `model { from = "${from}" }
data { source books { files = "books/*.jsonl" } }
${kept}stage b { length = 1Mi  steps = 3  batch = 16  rope { theta = ntk_dynamic(4)${block} } }
`;
  const theta = (text: string) => analyze(text, memoryHost({ "books/a.jsonl": "" })).plan?.stages.at(-1)?.rope.theta;
  const kept = "stage a { length = 128Ki  steps = 3  batch = 16 }\n";
  const plain = theta(recipe(PLAIN, "", ""));
  expect(plain).toBeGreaterThan(1e8);
  expect(theta(recipe("meta-llama/Llama-3.1-8B", kept, "  original = 8Ki"))).toBe(plain);
});

test("a base with linear scaling, whose config.json names no length, turned as far unscaled at a factor-th of its context", () => {
  const config = (promised: number, scaling: object | null) =>
    JSON.stringify({
      ...{ model_type: "llama", vocab_size: 32_000, hidden_size: 4096, intermediate_size: 11_008, rms_norm_eps: 1e-5 },
      ...{ num_hidden_layers: 32, num_attention_heads: 32, num_key_value_heads: 32, rope_theta: 10_000 },
      ...{ max_position_embeddings: promised, rope_scaling: scaling },
    });
  const files = {
    "plain/config.json": config(4096, null),
    "plain/tokenizer.json": "{}",
    "linear/config.json": config(16_384, { type: "linear", factor: 4 }),
    "linear/tokenizer.json": "{}",
  };
  const formula = "theta = critical_base(length)";
  expect(tables("linear", `${formula}  original = 4Ki`, files)).toEqual(tables("plain", formula, files));
});
