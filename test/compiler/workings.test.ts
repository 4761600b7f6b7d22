// What an editor shows beside expressions: the values that they had for each stage.
import { expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { emptyHost } from "../../compiler/index.ts";
import type { LetNode } from "../../grammar/ast.ts";

const recipe = (lets: string) => `${lets}
model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.jsonl" } }
stage a { length = 32Ki  steps = n  batch = 16 }
stage b { length = 64Ki  steps = n  batch = 16 }
`;

/** The values of every `let`, by stage. */
function letValues(text: string) {
  const { tree, workings } = analyze(text, emptyHost);
  const lets = tree.body.filter((node): node is LetNode => node.kind === "let");
  return lets.map(({ value }) => workings.valuesOf(value).map(({ stage, value }) => [stage, value]));
}

test("a definition has a value for each stage that asks for it", () => {
  expect(letValues(recipe("let n = length / 1Ki"))).toEqual([
    [
      ["a", { kind: "number", value: 32, unit: "number" }],
      ["b", { kind: "number", value: 64, unit: "number" }],
    ],
  ]);
});

test("definitions in a circle have no values, and asking for them ends", () => {
  expect(letValues(recipe("let n = m\nlet m = n"))).toEqual([[], []]);
});
