import { TURN_HEAD_DIMS } from "../memory/index.ts";
import type { PlanStage } from "../plan.ts";
import { type Check, type CheckContext, steps } from "./context.ts";

/** Sums in any order are for one kernel: a GPU's, for bf16 and heads of 64 or 128. Elsewhere leave for them buys nothing. */
export const orderOfSums: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    if (stage.train.deterministic !== false) continue;
    const why = whyNotFaster(plan, stage);
    if (why) report.add("CTX7018", trace.nearest(`${pointer}/train/deterministic`), why);
  }
};

/** Where a stage has none of that kernel's work, and what there is to do about it; null: it is faster for the leave. */
function whyNotFaster(
  { hardware, model }: CheckContext["plan"],
  { train }: PlanStage,
): { where: string; hint: string } | null {
  if (hardware.kind === "cpu")
    return { where: "on a CPU", hint: "its kernels add in one order, and are none the slower" };
  if (train.dtype === "f32")
    return { where: "in f32", hint: "the kernel that it makes faster computes in bf16: write dtype = bf16 in train" };
  if (TURN_HEAD_DIMS.includes(model.head_dim)) return null;
  const widths = TURN_HEAD_DIMS.join(" or ");
  return { where: `for heads of ${model.head_dim}`, hint: `the kernel that it makes faster is for heads of ${widths}` };
}
