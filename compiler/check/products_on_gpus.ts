import { type Check, replacing, steps } from "./context.ts";

/** What a GPU is bought for are its products of bf16. Of f32 it is told where it was asked for: left alone, GPUs train in bf16. */
export const productsOnGpus: Check = ({ plan, trace, report }) => {
  if (plan.hardware.kind !== "cuda") return;
  for (const { stage, pointer } of steps(plan)) {
    const at = trace.exact(`${pointer}/train/dtype`);
    if (stage.train.dtype === "f32" && at)
      report.add("CTX7019", at, {}, { fixes: replacing(at, "dtype = bf16", "bf16") });
  }
};
