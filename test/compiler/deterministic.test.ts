// train { deterministic }: the plan holds it where it is false, and the engine is told.
import { expect, test } from "vitest";
import type { Plan } from "../../compiler/plan.ts";
import { planFaults } from "../../compiler/validate_plan.ts";
import type { NativeAddon, NativeEngineOptions } from "../../runtime/engine/addon.ts";
import { trainingEngine } from "../../runtime/train/stage_engine.ts";
import { codesOf, planOf } from "./recipes.ts";

const recipe = (train: string, second = "") => `model { from = "meta-llama/Meta-Llama-3-8B-Instruct" }
rope { theta = critical_base(length) }
data { source text { files = "text/*.jsonl" } }
train { optimizer = adamw(lr: 2e-5)  dtype = bf16  ${train} }
hardware { preset = h100  devices = 8 }
parallel { devices = 8  ring = 8 }
stage s32k { length = 32Ki  steps = 30  batch = 32 }
stage s64k { length = 64Ki  steps = 30  batch = 32  train { ${second} } }
`;

/** What the engine of each stage is made with. */
function trainingOf(plan: Plan) {
  return plan.stages.map((stage) => {
    let made: NativeEngineOptions | undefined;
    const createEngine = (options: NativeEngineOptions) => {
      made = options;
      return { setRope() {} };
    };
    const addon = { createEngine } as unknown as NativeAddon;
    trainingEngine({ addon, device: "cpu", threads: 1 }, plan, stage, "/");
    return made!.training;
  });
}

test("sums have one order unless a recipe says otherwise", () => {
  const [silent, said] = [planOf(recipe(""), {}, {}), planOf(recipe("deterministic = true"), {}, {})];
  expect(silent.stages[0]!.train).not.toHaveProperty("deterministic");
  expect(said.stages).toEqual(silent.stages);
  expect(trainingOf(silent)).toEqual([{}, {}]);
});

test("a stage may say so for itself; the plan and the engine hold it, and it is right on Hopper's kernels", () => {
  const text = recipe("deterministic = false", "deterministic = true");
  const plan = planOf(text, {}, {});
  expect(plan.stages.map(({ train }) => train.deterministic)).toEqual([false, undefined]);
  expect(planFaults(plan)).toEqual([]);
  expect(trainingOf(plan)).toEqual([{ deterministic: false }, {}]);
  expect(codesOf(text, {}, {})).not.toContain("CTX7018");
  expect(trainingOf(planOf(recipe("method = lora(rank: 8)  deterministic = false"), {}, {}))[0]).toMatchObject({
    ...{ lora: { rank: 8 }, deterministic: false },
  });
});
