import { expect, test } from "vitest";
import { formulas } from "../../compiler/evaluate/formulas.ts";
import { language } from "../../grammar/generated/language.ts";
import { codesOf, planOf, tiny } from "./recipes.ts";

const ropeOf = (rope: string, length = "512") =>
  planOf(`${tiny}rope { ${rope} }\nstage a { length = ${length}  steps = 500  batch = 8 }\n`).stages[0]!.rope;

test.each(["yarn", "llama3", "linear"])(
  "%s without a factor stretches the trained length to the stage's context",
  (method) => {
    expect(ropeOf(`method = ${method}()`).parameters?.factor).toBe(2);
    expect(ropeOf(`method = ${method}()  original = 128`).parameters?.factor).toBe(4);
  },
);

test("a stage within the trained length is not squeezed", () => {
  expect(ropeOf("method = yarn()", "128").parameters?.factor).toBe(1);
});

test("original counts where the base model's table is left behind or a method starts from it", () => {
  const recipe = (rope: string) => `${tiny}rope { ${rope} }\nstage a { length = 512  steps = 500  batch = 8 }\n`;
  expect(codesOf(recipe("theta = 20_000  original = 128"))).toContain("CTX3017");
  expect(codesOf(recipe("method = llama3()  original = 128"))).not.toContain("CTX3017");
});

test("what some stage needs may stand at the top for all", () => {
  const codes = codesOf(`${tiny}
rope { theta = critical_base(length)  original = 128 }
stage a { length = 512  steps = 500  batch = 8 }
stage b { length = 1Ki  steps = 500  batch = 8  rope { method = yarn() } }
`);
  expect(codes).not.toContain("CTX3017");
});

test("the named formulas refuse what the language's table says they do", () => {
  for (const [name, { parameter, least }] of Object.entries(formulas)) {
    const definition = language.functions.theta?.[name]?.parameters[0];
    expect([name, definition?.name, definition?.min, definition?.minIncluded]).toEqual([
      ...[name, parameter, least.value, !least.exclusive],
    ]);
  }
});

test.each([
  ["both in one block", "theta = critical_base(length)  method = yarn(factor: scale)", true],
  ["linear counts as well", "theta = 2 * model.theta  method = linear(factor: scale)", true],
  ["the method alone", "method = yarn(factor: scale)", false],
  ["the base model's own theta", "theta = model.theta  method = yarn(factor: scale)", false],
  ["theta alone", "theta = critical_base(length)  method = none", false],
  ["rounded wavelengths stretch nothing", "theta = critical_base(length)  method = resonance()", false],
  ["a little more theta is a choice", "theta = 1.3 * model.theta  method = yarn(factor: scale)", false],
])("theta and method: %s", (_, rope, twice) => {
  const codes = codesOf(`${tiny}rope { ${rope} }\nstage a { length = 1Ki  steps = 500  batch = 8 }\n`);
  expect(codes.includes("CTX3022")).toBe(twice);
});

test("a method may start from a theta that a stage has trained", () => {
  const codes = codesOf(`${tiny}
stage a { length = 512  steps = 500  batch = 8  rope { theta = 40K } }
stage b { length = 2Ki  steps = 500  batch = 8  rope { theta = 40K  method = yarn(factor: 4)  original = 512 } }
`);
  expect(codes).not.toContain("CTX3022");
  expect(codes).not.toContain("CTX3026"); // 512 is what stage a was trained at
});

test("a length that nothing was trained at is not what a method scales from", () => {
  const codes = (original: string) =>
    codesOf(
      `${tiny}rope { method = yarn()  original = ${original} }\nstage a { length = 512  steps = 500  batch = 8 }\n`,
    );
  expect(codes("128")).toContain("CTX3026");
  expect(codes("256")).not.toContain("CTX3026");
});

test("what each pair does stands in the plan", () => {
  const plan = planOf(`${tiny}rope { theta = critical_base(length) }
stage a { length = 256  steps = 500  batch = 8 }
stage b { length = 2Ki  steps = 500  batch = 8 }
`);
  const [a, b] = plan.stages.map((stage) => stage.pairs);
  expect(a).toMatchObject({ unchanged: 32, extrapolated: 0, furthest: 1 });
  expect(a?.unfinished).toBe(a?.unfinished_before);
  expect(b).toMatchObject({ unchanged: 1, interpolated: 31, extrapolated: 0, stopped: 0 });
  expect(b?.classes).toEqual(["unchanged", ...new Array(31).fill("interpolated")]);
});
