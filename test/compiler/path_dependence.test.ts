import { expect, test } from "vitest";
import { applySafeFixes } from "../../compiler/diagnostics/fix.ts";
import { analyze } from "../../compiler/index.ts";
import { codesOf, memoryHost, planOf, tiny, tinyFiles } from "./recipes.ts";

const stages = "stage a { length = 512  steps = 500  batch = 8 }\nstage b { length = 1Ki  steps = 500  batch = 8 }\n";
const raises = (rope: string, more = stages) => codesOf(`${tiny}${rope}\n${more}`).includes("CTX3003");

test.each([
  ["ntk_dynamic with a factor", "rope { theta = ntk_dynamic(4) }", true],
  ["by its argument's name", "rope { theta = ntk_dynamic(factor: 2) }", true],
  ["inside an expression", "rope { theta = floor(1.1 * ntk_dynamic(4)) }", true],
  ["behind a let", "let t = ntk_dynamic(4)\nrope { theta = t }", true],
  ["with a factor that a param gives", "param f = 4\nrope { theta = ntk_dynamic(f) }", true],
  ["a factor of 1 is NTK", "rope { theta = ntk_dynamic(1) }", false],
  ["a factor that a param makes 1", "param f = 1\nrope { theta = ntk_dynamic(f) }", false],
  ["formulas from the base model", "rope { theta = critical_base(length) }", false],
  ["NTK", "rope { theta = ntk(scale) }", false],
  // Whoever writes `previous` has said that the stage before counts.
  ["previous spelt out", "rope { theta = previous.theta * (4 * length / previous.length - 3) ^ (d / (d - 2)) }", false],
])("%s", (_, rope, want) => {
  expect(raises(rope)).toBe(want);
});

test("previous named in the stage's block", () => {
  const named = `${stages.trimEnd().slice(0, -1)}  rope { previous = a } }\n`;
  expect(named).toContain("previous = a");
  expect(raises("rope { theta = ntk_dynamic(4) }", named)).toBe(false);
});

test("one stage has no path", () => {
  expect(raises("rope { theta = ntk_dynamic(4) }", "stage a { length = 512  steps = 500  batch = 8 }\n")).toBe(false);
});

test.each([
  ["a stage without a block of its own", `rope { theta = ntk_dynamic(4) }\n${stages}`, "rope { previous = a }"],
  [
    "a stage with one",
    `stage a { length = 512  steps = 500  batch = 8  rope { theta = 20K } }
stage b { length = 1Ki  steps = 500  batch = 8  rope { theta = ntk_dynamic(4) } }\n`,
    "theta = ntk_dynamic(4)  previous = a }",
  ],
])("--fix writes the stage that it is now, and no number changes: %s", (_, rest, written) => {
  const before = `${tiny}${rest}`;
  const { diagnostics } = analyze(before, memoryHost(tinyFiles));
  const { text, applied } = applySafeFixes(before, "recipe.ctx", diagnostics);
  expect(applied).toHaveLength(1);
  expect(text).toContain(written);
  expect(codesOf(text)).not.toContain("CTX3003");
  const thetas = (recipe: string) => planOf(recipe).stages.map((stage) => stage.rope.theta);
  expect(thetas(text)).toEqual(thetas(before));
});

test("a curriculum's stages have no block to write into", () => {
  const recipe = `${tiny}rope { theta = ntk_dynamic(4) }\ncurriculum { lengths = [512, 1Ki]  tokens = 2M  batch = 8 }\n`;
  const found = analyze(recipe, memoryHost(tinyFiles)).diagnostics.filter(({ code }) => code === "CTX3003");
  expect(found.map(({ fixes }) => fixes)).toEqual([[]]);
});
