import { expect, test } from "vitest";
import { attention, canonicalJson, check, compile, Engine, emptyHost, format, parse, planFaults } from "../index.ts";

const RECIPE = `recipe small
model { new = llama(layers: 2, hidden: 64, heads: 2, context: 128, tie: true)  tokenizer = bpe(vocab: 512) }
data { source text { files = "*.md"  holdout = 10% } }
stage only { length = 128  steps = 2  batch = 1 }
`;

test("the library has the names that users rely on", () => {
  for (const call of [parse, format, check, compile, attention]) expect(call).toBeTypeOf("function");
  expect(Engine.load).toBeTypeOf("function");
});

test("a recipe is compiled, checked and formatted by plain calls", () => {
  const { plan, diagnostics } = compile(RECIPE, emptyHost, { file: "small.ctx" });
  expect(diagnostics.filter((diagnostic) => diagnostic.severity === "error")).toEqual([]);
  expect(plan).toMatchObject({ recipe: "small", stages: [{ name: "only", tokens: 256 }] });
  expect(planFaults(JSON.parse(canonicalJson(plan)))).toEqual([]);
  const { diagnostics: faults } = check(RECIPE.replace("batch = 1", "bach = 1"), emptyHost);
  expect(faults.map((fault) => fault.code)).toContainEqual(expect.stringMatching(/^CTX2/));
  const formatted = format("recipe   small\nstage only {length=128 steps=2}");
  expect(format(formatted)).toBe(formatted);
  expect(formatted).toContain("length = 128");
});

test("a model folder that is not there is refused by name", async () => {
  await expect(Engine.load("no/such/folder")).rejects.toThrow(/no\/such\/folder/);
});
