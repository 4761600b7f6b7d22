import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { applyEdits } from "../../compiler/diagnostics/fix.ts";
import { emptyHost } from "../../compiler/index.ts";
import { splitStage } from "../../compiler/refactor/split_stage.ts";

const recipe = (stages: string) => `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.txt" } }
rope { theta = critical_base(length) }
${stages}`;

function split(stages: string, name = "long") {
  const text = recipe(stages);
  const before = analyze(text, emptyHost);
  const fix = splitStage(before, name);
  if (!fix) return undefined;
  const after = analyze(applyEdits(text, fix.edits).text, emptyHost);
  return { before, after, fix };
}

describe("a stage that grows the context far", () => {
  test("becomes stages that grow it by at most four, and read about as much", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 33, max: 4096 }),
        fc.integer({ min: 10, max: 500 }),
        fc.integer({ min: 1, max: 64 }),
        fc.boolean(),
        (kibi, steps, batch, byTokens) => {
          const budget = byTokens ? `tokens = ${steps * batch * kibi * 1024}` : `steps = ${steps}`;
          const { before, after } = split(`stage long { length = ${kibi}Ki  ${budget}  batch = ${batch} }\n`)!;
          const errors = after.diagnostics.filter(({ severity }) => severity === "error");
          expect(errors.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
          const { stages } = after.workings;
          expect(stages.length).toBeGreaterThan(1);
          expect(stages.at(-1)).toMatchObject({ name: "long", length: kibi * 1024, sequences: batch });
          let known = 8192;
          for (const { length } of stages) {
            expect(length / known).toBeLessThanOrEqual(4.01);
            expect(length).toBeGreaterThan(known);
            known = length;
          }
          const read = stages.reduce((sum, { tokens }) => sum + tokens, 0);
          const whole = before.workings.stages[0]!.tokens;
          // Each stage is rounded to whole steps, of which it has at least one.
          const rounding = stages.reduce((sum, { length }) => sum + length * batch, 0);
          expect(Math.abs(read - whole)).toBeLessThanOrEqual(rounding);
        },
      ),
      { numRuns: 40, seed: 8 },
    );
  });

  test("keeps what else it says, and leaves taken names alone", () => {
    const { after, fix } = split(
      "let s32k = 3\nstage long { length = 128Ki  steps = s32k * 10  train { clip = 0.5 } }\n",
    )!;
    expect(fix.title).toBe("split into stages of 32Ki, 128Ki");
    expect(after.workings.stages.map(({ name, train }) => [name, train.clip])).toEqual([
      ["s32k_2", 0.5],
      ["long", 0.5],
    ]);
  });

  test("is not split where it grows little, sets a context of its own, or has no numbers", () => {
    expect(split("stage long { length = 32Ki  steps = 30 }\n")).toBeUndefined();
    expect(
      split("stage long { length = 256  context = 64Ki  steps = 30  train { positions = pose(chunks: 2) } }\n"),
    ).toBeUndefined();
    expect(split("stage long { length = many  steps = 30 }\n")).toBeUndefined();
    expect(split("stage long { length = 64Ki  steps = 30 }\n", "other")).toBeUndefined();
  });
});
