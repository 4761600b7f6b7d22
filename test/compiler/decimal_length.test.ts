// `512K` where a length goes is a slip in every place that the language has for a length.
import { expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { applyEdits } from "../../compiler/diagnostics/fix.ts";
import { emptyHost } from "../../compiler/host.ts";
import type { PropertyDefinition, ValueType } from "../../grammar/definition.ts";
import { language } from "../../grammar/generated/language.ts";

const model = 'model { from = "meta-llama/Meta-Llama-3-8B" }\n';
const data = 'data { source books { files = "books/*.jsonl" } }\n';
const rope = "rope { theta = critical_base(length) }\n";
const stage = "stage a { length = 512Ki  steps = 5000  batch = 64 }\n";
const made = (call: string) => `model { new = ${call}  tokenizer = bpe(vocab: 1024) }\n${data}${stage}`;
const rest = model + rope;

/** A recipe for each property and parameter that takes a length. */
const places: { [place: string]: string } = {
  "stage.length": `${rest}${data}stage a { length = 512K  steps = 5000  batch = 64 }\n`,
  "stage.context": `${rest}${data}stage a { length = 64Ki  context = 512K  steps = 5000  batch = 64  train { positions = pose } }\n`,
  "curriculum.lengths": `${rest}${data}curriculum { lengths = [64Ki, 512K]  steps = 5000  batch = 64 }\n`,
  "perplexity.lengths": `${rest}${data}${stage}evaluate { perplexity { lengths = [64Ki, 512K] } }\n`,
  "needle.lengths": `${rest}${data}${stage}evaluate { needle { lengths = 64Ki..512K x2 } }\n`,
  "source.filter": `${rest}data { source books { files = "books/*.jsonl"  filter = 512K > tokens } }\n${stage}`,
  "rope.original": `${model}${data}rope { method = yarn(factor: 8)  original = 512K }\n${stage}`,
  "critical_base.length": `${model}${data}rope { theta = floor(critical_base(512K)) }\n${stage}`,
  "pose.context": `${rest}${data}stage a { length = 64Ki  steps = 5000  batch = 64  train { positions = pose(2, 512K) } }\n`,
  "llama.context": made("llama(layers: 2, hidden: 64, heads: 2, context: 512K)"),
  "mistral.context": made("mistral(layers: 2, hidden: 64, heads: 2, context: 512K)"),
  "model.context": `model { from = "mistralai/Mistral-7B-v0.1"  context = 512K }\n${rope}${data}${stage}`,
  "model.sliding_window": `model { from = "mistralai/Mistral-7B-v0.1"  sliding_window = 512K }\n${rope}${data}${stage}`,
  "mistral.sliding_window": made("mistral(layers: 2, hidden: 64, heads: 2, context: 512Ki, sliding_window: (512K))"),
  "qwen2.context": made("qwen2(layers: 2, hidden: 64, heads: 2, context: 512K)"),
  "qwen3.context": made("qwen3(layers: 2, hidden: 64, heads: 2, context: 512K)"),
};

function takesLength({ type, group, status }: PropertyDefinition): boolean {
  const within = (of: ValueType): boolean => {
    if (of.kind === "tokens") return true;
    if (of.kind === "condition") return of.sees.includes("tokens");
    if (of.kind === "union") return of.of.some(within);
    return of.kind === "list" || of.kind === "range" || of.kind === "formula" ? within(of.of) : false;
  };
  return group !== "budget" && status === "ready" && within(type);
}

test("there is a case for every length of the language", () => {
  const properties = Object.values(language.blocks)
    .filter(({ status }) => status === "ready")
    .flatMap(({ name, properties }) =>
      Object.values(properties)
        .filter(takesLength)
        .map((property) => `${name}.${property.name}`),
    );
  const parameters = Object.values(language.functions).flatMap((set) =>
    Object.values(set)
      .filter(({ status }) => status === "ready")
      .flatMap(({ name, parameters }) =>
        parameters.filter(takesLength).map((parameter) => `${name}.${parameter.name}`),
      ),
  );
  expect([...properties, ...parameters].sort()).toEqual(Object.keys(places).sort());
});

test.each(Object.entries(places))("%s", (_, recipe) => {
  const slips = (text: string) => analyze(text, emptyHost).diagnostics.filter(({ code }) => code === "CTX2103");
  const [slip, ...others] = slips(recipe);
  expect(others).toEqual([]);
  expect(recipe.slice(slip!.at.start, slip!.at.end)).toBe("512K");
  expect(slip!.fixes.map(({ title, safety }) => `${title} ${safety}`)).toEqual(["512Ki safe"]);
  expect(slips(applyEdits(recipe, slip!.fixes[0]!.edits).text)).toEqual([]);
});

test.each([
  ["a let", "let long = 512K", "length = long"],
  ["a let behind a let", "let base = 512K\nlet long = max(base, 8Ki)", "length = long"],
  ["arithmetic", "", "length = 2 * 512K - 8Ki"],
  ["a choice", "", "length = if true then 512K else 64Ki"],
])("behind %s, as a choice for a person", (_, before, length) => {
  const recipe = `${before}\n${rest}${data}stage a { ${length}  steps = 5000  batch = 64 }\n`;
  const slips = analyze(recipe, emptyHost).diagnostics.filter(({ code }) => code === "CTX2103");
  expect(slips.map(({ at }) => recipe.slice(at.start, at.end))).toEqual(["512K"]);
  expect(slips[0]!.fixes).toHaveLength(1);
});

test("budgets and what is no length are decimal", () => {
  const recipe = `let budget = 400M\n${model}${data}stage a { length = 64Ki  tokens = budget  batch = 64  rope { theta = 500K } }\n`;
  expect(analyze(recipe, emptyHost).diagnostics.filter(({ code }) => code === "CTX2103")).toEqual([]);
});
