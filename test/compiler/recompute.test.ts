import { expect, test } from "vitest";
import { planOf, tiny } from "./recipes.ts";

const recompute = (checkpoint: string) => {
  const { stages, defaults } = planOf(`${tiny}rope { theta = critical_base(length) }
memory { checkpoint = ${checkpoint} }
stage a { length = 512  steps = 30  batch = 4 }
`);
  return { flops: stages[0]!.flops, note: defaults.find(({ path }) => path === "stage a.memory.recompute") };
};

test("a plan says what checkpoints compute again, and how much work that is", () => {
  expect(recompute("none").note).toBeUndefined();
  // One segment of all four layers: everything is at hand but gate and up.
  const one = recompute("every(4)");
  expect(one.note!.from).toBe("gate and up of each MLP, which no checkpoint keeps; nothing else");
  const share = one.flops.recompute / (one.flops.total - one.flops.recompute);
  expect(Number.parseFloat(one.note!.value)).toBeCloseTo(100 * share, 0);
  expect(recompute("every(2)").note!.from).toMatch(/and the other work of the first 2 layers$/);
});
