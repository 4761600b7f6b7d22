import { describe, expect, test } from "vitest";
import { applyEdits } from "../../compiler/diagnostics/fix.ts";
import { analyze } from "../../compiler/index.ts";
import { memoryHost } from "./recipes.ts";

const ground = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.jsonl" } }
`;
const stage = (rest = "") => `stage s64k { length = 64Ki  steps = 30  batch = 32${rest} }\n`;
const files = { "books/a.jsonl": "" };

const found = (recipe: string) => analyze(ground + recipe, memoryHost(files)).diagnostics;
const wrong = (recipe: string) => found(recipe).filter(({ severity }) => severity === "error");
const arcs = (recipe: string) => found(recipe).filter(({ code }) => code === "CTX3001");
const titles = (recipe: string) => arcs(recipe).flatMap(({ fixes }) => fixes.map(({ title }) => title));

const settings = ["theta = critical_base(length)", "method = yarn(factor: scale)"];
const blocks = settings.map((setting) => `rope { ${setting} }`);

describe("each fix of a table that leaves the trained arc brings it back", () => {
  test.each([
    ["no block", stage(), blocks],
    ["no block and several stages", `${stage()}stage s128k { length = 128Ki  steps = 30  batch = 32 }\n`, blocks],
    ["a curriculum", "curriculum { lengths = [64Ki, 128Ki]  tokens = 60M }\n", blocks],
    [
      "another stage's block",
      `stage a { length = 16Ki  steps = 30  batch = 32  rope { theta = 2M } }\n${stage()}`,
      blocks,
    ],
    ["theta", `rope { theta = 1M }\n${stage()}`, settings],
    ["theta of the stage", stage("  rope { theta = ntk(scale) }"), settings],
    ["a method that does too little", `rope { method = llama3(factor: 2) }\n${stage()}`, settings],
    ["none", `rope { method = none }\n${stage()}`, settings],
    ["theta and a method", `rope { theta = model.theta  method = none }\n${stage()}`, settings.slice(1)],
    ["an expression", `rope { theta = if length > 8Ki then 1M else model.theta }\n${stage()}`, settings],
  ])("%s", (_, recipe, expected) => {
    const before = arcs(recipe);
    expect([...new Set(titles(recipe))]).toEqual(expected);
    for (const { at, fixes } of before) {
      for (const { title, edits, safety } of fixes) {
        expect(safety).toBe("review");
        const shifted = edits.map((edit) => ({
          ...edit,
          start: edit.start - ground.length,
          end: edit.end - ground.length,
        }));
        const mended = applyEdits(recipe, shifted).text;
        expect(wrong(mended), title).toEqual([]);
        expect(arcs(mended).length, `${title} at ${at.start}`).toBeLessThan(before.length);
      }
    }
  });

  test.each([
    ["no block", stage(), blocks.map((block) => block.replace(" }", "  original = 8Ki }"))],
    ["theta", `rope { theta = 1M  original = 8Ki }\n${stage()}`, settings],
    ["a method that does too little", `rope { method = llama3(factor: 8)  original = 8Ki }\n${stage()}`, settings],
    ["the length as an expression", `rope { theta = 1M  original = 4Ki * 2 }\n${stage()}`, []],
  ])("of a base that is scaled already: %s", (_, recipe, expected) => {
    // A million tokens to a row, and still few of them in all.
    const text = recipe.replace("64Ki  steps = 30", "1Mi  steps = 3");
    const scaled = (text: string) =>
      analyze(ground.replace("Meta-Llama-3-8B", "Llama-3.1-8B") + text, memoryHost(files)).diagnostics.filter(
        ({ code, severity }) => code === "CTX3001" || severity === "error",
      );
    const [before, ...others] = scaled(text);
    expect(others).toEqual([]);
    expect(before!.fixes.map(({ title }) => title)).toEqual(expected);
    const from = ground.replace("Meta-Llama-3-8B", "Llama-3.1-8B").length;
    for (const { title, edits } of before!.fixes) {
      const shifted = edits.map((edit) => ({ ...edit, start: edit.start - from, end: edit.end - from }));
      expect(scaled(applyEdits(text, shifted).text), title).toEqual([]);
    }
  });

  test.each([
    ["frequency", `rope { frequency = model.theta ^ (-2 * i / d) }\n${stage()}`],
    ["theta raised under a method", `rope { theta = 900K  method = none }\n${stage()}`],
    [
      "previous",
      `stage a { length = 8Ki  steps = 1  batch = 32 }\n${stage("  rope { theta = previous.theta  previous = a }")}`,
    ],
  ])("none where another setting has a say: %s", (_, recipe) => {
    expect(arcs(recipe).length).toBe(1);
    expect(titles(recipe)).toEqual([]);
  });
});
