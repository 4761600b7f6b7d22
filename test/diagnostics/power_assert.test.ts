import { expect, test } from "vitest";
import { render } from "../../compiler/diagnostics/render.ts";
import { analyzeFixture } from "./fixture.ts";

const RECIPE = `model { from = "meta-llama/Meta-Llama-3-8B" }
data { source books { files = "books/*.jsonl" } }
rope { theta = critical_base(length) }
stage a { length = 64Ki  steps = 30  batch = 32 }
stage b { length = 128Ki  steps = 30  batch = 32 }
`;

/** What a terminal shows of the only requirement that fails, from its line on. */
function shown(requirement: string): string[] {
  const { diagnostics, texts } = analyzeFixture(`${RECIPE}${requirement}\n`);
  expect(diagnostics.map(({ code }) => code)).toEqual(["CTX2201"]);
  return render(diagnostics[0]!, (file) => texts.get(file), { color: false }).split("\n");
}

test("each operand's value stands under it, those of operators under their signs", () => {
  expect(shown('require a.tokens + b.tokens * 2 < 100M "the budget is spent"')).toEqual([
    "error CTX2201: the budget is spent",
    "  ┌─ recipe.ctx:6:9",
    ' 6│ require a.tokens + b.tokens * 2 < 100M "the budget is spent"',
    "  │         ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^",
    "  │         │        │ │        │   │",
    "  │         │        │ │        │   false",
    "  │         │        │ │        251,658,240",
    "  │         │        │ 125,829,120",
    "  │         │        314,572,800",
    "  │         62,914,560",
  ]);
});

test.each([
  [
    "calls and groups",
    "require max(a.steps, 3) == (b.length - 1)",
    ["│   │           │   │        │", "30  30          │   131,072  131,071", "                false"],
  ],
  [
    "not, and, or",
    "require not (a.steps > 3) or model.layers == 7",
    ["│    │       │    │  │            │", "│    30      true │  32           false", "false             false"],
  ],
  [
    "of a conditional only the branch that was taken",
    "require if a.steps > 10 then a.tokens == 5 else b.tokens > 0",
    ["│  │       │         │        │", "│  30      true      │        false", "false                62,914,560"],
  ],
  ["nothing under what is written out", "require 1 > 2", ["  │", "  false"]],
])("%s", (_, requirement, drawing) => {
  const lines = shown(requirement).slice(4);
  expect(lines.map((line) => line.slice("  │         ".length))).toEqual(drawing);
});

test("a condition of several lines is repeated on one", () => {
  const lines = shown("require (a.steps > 1   # few\n  and b.steps > 99)\n");
  expect(lines.slice(5).map((line) => line.slice("  │         ".length))).toEqual([
    "(a.steps > 1 and b.steps > 99)",
    " │       │   │   │       │",
    " 30      │   │   30      false",
    "         │   false",
    "         true",
  ]);
});

test("one line of it is for editors", () => {
  const [diagnostic] = analyzeFixture(`${RECIPE}require a.steps == b.steps + 1\n`).diagnostics;
  expect(diagnostic!.label).toBe("a.steps = 30, b.steps = 30");
});
