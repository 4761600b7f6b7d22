import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { analyze } from "../../compiler/analyze.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { memoryHost } from "./recipes.ts";

const recipe = readFileSync("recipes/gradient-llama3-1m.ctx", "utf8");
const words = [
  "stage",
  "{",
  "}",
  "(",
  ")",
  "=",
  ":",
  ",",
  "..",
  "x2",
  "64Ki",
  "-1",
  "0",
  "1e400",
  '"',
  "#",
  "if",
  "model.theta",
  "\n",
  "é",
  "\t",
];

test("whatever is done to a recipe: no throw, diagnostics inside the text, and either a plan or an error", () => {
  const mutation = fc.record({
    at: fc.nat(recipe.length),
    remove: fc.nat(40),
    insert: fc.array(fc.constantFrom(...words), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.array(mutation, { minLength: 1, maxLength: 3 }), (mutations) => {
      let text = recipe;
      for (const { at, remove, insert } of mutations) {
        text = text.slice(0, at) + insert.join(" ") + text.slice(at + remove);
      }
      const analysis = analyze(text, memoryHost());
      for (const diagnostic of analysis.diagnostics) {
        expect(diagnostic.at.start).toBeLessThanOrEqual(diagnostic.at.end);
        expect(diagnostic.at.end).toBeLessThanOrEqual(text.length);
        expect(render(diagnostic, (file) => analysis.texts.get(file), { color: false })).toContain(diagnostic.code);
      }
      const failed = analysis.diagnostics.some(({ severity }) => severity === "error");
      expect(analysis.plan === null).toBe(failed);
      if (analysis.plan) expect(analysis.plan.stages.length).toBeGreaterThan(0);
    }),
    { numRuns: 150 },
  );
});

test("hostile config.json of the base model", () => {
  const hostile = ["", "{", "null", "[]", '"x"', "1e999", '{"model_type":"llama"}', `{"a":${"[".repeat(5000)}`];
  for (const config of hostile) {
    const host = memoryHost({ "models/x/config.json": config });
    const { diagnostics, plan } = analyze('model { from = "models/x" }\nstage a { length = 8 steps = 1 }\n', host);
    expect(plan).toBeNull();
    expect(diagnostics.some(({ code }) => code.startsWith("CTX8"))).toBe(true);
  }
});

test("one broken line gives one error, and what stands after it is still checked", () => {
  const broken = recipe.replace(
    "optimizer = adamw(lr: 2e-5, betas: [0.9, 0.95])",
    "optimizer = adamw(lr: 2e-5 betas: )",
  );
  expect(broken).not.toBe(recipe);
  const found = analyze(broken.replace("ring = 64", "ring = 48"), memoryHost()).diagnostics;
  expect(found.map(({ code }) => code)).toEqual(["CTX1010", "CTX7003"]);
});
