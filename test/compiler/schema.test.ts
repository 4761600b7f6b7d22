import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import fc from "fast-check";
import { expect, test } from "vitest";
import { compile, emptyHost } from "../../compiler/index.ts";
import { type Schema, schemaFaults, strangeKeywords } from "../../compiler/schema.ts";

const schema = JSON.parse(readFileSync("compiler/plan.schema.json", "utf8")) as Schema;
const ajv = new Ajv({ allErrors: true, strict: false, strictNumbers: true }).compile(schema);

const RECIPE = `recipe small
model { new = llama(layers: 2, hidden: 64, heads: 2, context: 128, tie: true)  tokenizer = bpe(vocab: 512) }
data { source text { files = "*.md"  holdout = 10% } source q { synthesize = needle(haystack: text) } mix = { text: 50%, q: 50% } }
train { method = lora(rank: 4) }
stage only { length = 128  steps = 2  batch = 1 }
evaluate { needle { lengths = [64] } perplexity { lengths = [64] } gate { needle >= 50% } }
`;
const plan = JSON.parse(JSON.stringify(compile(RECIPE, emptyHost).plan));

/** Every place in a document: how to get there. */
function places(value: unknown, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => places(item, [...path, key]))];
}

const all = places(plan).filter((path) => path.length > 0);

test("the plan's schema says nothing that is passed over", () => {
  expect(strangeKeywords(schema)).toEqual([]);
  expect(strangeKeywords({ items: { pattern: "x" } } as Schema)).toEqual(["pattern"]);
});

test("a plan is one; with anything in it changed, the verdict is that of a general validator, and so is the place", () => {
  expect(schemaFaults(plan, schema)).toEqual([]);
  const values = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, "cpu", "mask", [], {}),
  );
  const what = fc.constantFrom("set", "delete", "add");
  fc.assert(
    fc.property(fc.constantFrom(...all), values, what, (path, value, what) => {
      const changed = structuredClone(plan);
      let parent = changed;
      for (const key of path.slice(0, -1)) parent = parent[key];
      const last = path.at(-1)!;
      if (what === "set") parent[last] = value;
      else if (what === "delete") delete parent[last];
      else parent[`${last}_more`] = value;
      const found = schemaFaults(changed, schema);
      expect(found.length === 0, JSON.stringify(found)).toBe(ajv(changed));
      const known = (ajv.errors ?? []).map(({ instancePath }) => instancePath);
      for (const { pointer } of found) expect(known).toContain(pointer);
    }),
    { numRuns: 2000 },
  );
});

test.each([
  [(p: typeof plan) => (p.seed = "0"), "/seed must be number"],
  [(p: typeof plan) => (p.extra = 1), "the document must NOT have additional properties (extra)"],
  [(p: typeof plan) => Reflect.deleteProperty(p.model, "heads"), "/model must have required property 'heads'"],
  [(p: typeof plan) => (p.version = 99), "/version must be equal to constant"],
  [(p: typeof plan) => (p.stages[0].rope.inv_freq[3] = "x"), "/stages/0/rope/inv_freq/3 must be number"],
  [(p: typeof plan) => (p.stages[0].train.lora.rank = null), "/stages/0/train/lora/rank must be number"],
  [
    (p: typeof plan) => p.stages[0].train.optimizer.betas.pop(),
    "/stages/0/train/optimizer/betas must NOT have fewer than 2 items",
  ],
])("%s", async (change, sentence) => {
  const { planFaults } = await import("../../compiler/validate_plan.ts");
  const changed = structuredClone(plan);
  change(changed);
  expect(planFaults(changed)).toEqual([sentence]);
});
