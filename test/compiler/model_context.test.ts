import { expect, test } from "vitest";
import { promisedContext, trainedContext } from "../../compiler/model/index.ts";
import { codesOf, planOf, tiny } from "./recipes.ts";

const promised = (recipe: string) => {
  const plan = planOf(`${tiny}${recipe}`);
  return plan.stages.map((_, k) => promisedContext(plan, k));
};
const trained = (recipe: string) => {
  const plan = planOf(`${tiny}${recipe}`);
  return plan.stages.map((_, k) => trainedContext(plan, k));
};

test("an exported model promises the longest length that its table was trained with", () => {
  expect(
    promised("rope { theta = critical_base(length) }\nstage a { length = 512  steps = 500  batch = 8 }\n"),
  ).toEqual([512]);
});

test("a short stage that keeps the table keeps the promise, be it a stage's or the base model's", () => {
  const dialogue = `rope { theta = 80K }
stage long  { length = 1Ki  steps = 500  batch = 8 }
stage short { length = 256  steps = 100  batch = 8 }
`;
  expect(promised(dialogue)).toEqual([1024, 1024]);
  expect(promised("stage short { length = 64  steps = 100  batch = 8 }\n")).toEqual([256]);
});

test("with a table of its own a short stage takes the promise back, and that is said", () => {
  const recipe = "rope { theta = 20K }\nstage short { length = 64  steps = 100  batch = 8 }\n";
  expect(promised(recipe)).toEqual([64]);
  expect(codesOf(`${tiny}${recipe}`)).toContain("CTX8022");
});

test("skipped positions count, not rows", () => {
  const pose = `rope { theta = critical_base(length) }
train { positions = pose(chunks: 2) }
stage a { length = 128  context = 1Ki  steps = 500  batch = 8 }
`;
  expect(promised(pose)).toEqual([1024]);
});

test("a table stretched further than its rows promises more than was trained; one that is not is refused", () => {
  const stretched = `rope { method = yarn(factor: scale) }
stage a { length = 512  context = 1Ki  steps = 500  batch = 8 }
`;
  expect(promised(stretched)).toEqual([1024]);
  expect(trained(stretched)).toEqual([512]);
  expect(codesOf(`${tiny}${stretched}`)).toContain("CTX4018");
  for (const rope of ["theta = model.theta", "method = llama3(factor: 2)", "theta = ntk(scale)"]) {
    const short = `rope { ${rope} }\nstage a { length = 512  context = 2Ki  steps = 500  batch = 8 }\n`;
    expect(codesOf(`${tiny}${short}`).filter((code) => code.startsWith("CTX4"))).toEqual(["CTX4008"]);
  }
  // A factor that falls short of the context has its own error.
  const factor = "rope { method = yarn(factor: 2) }\nstage a { length = 512  context = 1Ki  steps = 500  batch = 8 }\n";
  expect(codesOf(`${tiny}${factor}`)).toContain("CTX3005");
  expect(codesOf(`${tiny}${factor}`)).not.toContain("CTX4008");
});

test("positions that an earlier stage has shown with the same table are promised and shown", () => {
  const recipe = `rope { theta = critical_base(1Ki) }
stage long  { length = 1Ki  steps = 500  batch = 8 }
stage short { length = 256  context = 1Ki  steps = 100  batch = 8 }
`;
  expect(promised(recipe)).toEqual([1024, 1024]);
  expect(trained(recipe)).toEqual([1024, 1024]);
  expect(codesOf(`${tiny}${recipe}`)).not.toContain("CTX4018");
});
