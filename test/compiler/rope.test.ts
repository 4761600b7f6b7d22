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
