import { TURN_HEAD_DIMS } from "../memory/index.ts";
import { type Check, steps } from "./context.ts";

/** Sums in any order are for one kernel: a GPU's, for bf16 and heads of 64 or 128. Elsewhere leave for them buys nothing. */
export const orderOfSums: Check = ({ plan, trace, report }) => {
  const { head_dim: width } = plan.model;
  for (const { stage, pointer } of steps(plan)) {
    if (stage.train.deterministic !== false) continue;
    const why =
      plan.hardware.kind === "cpu"
        ? { where: "on a CPU", hint: "its kernels add in one order, and are none the slower" }
        : stage.train.dtype === "f32"
          ? { where: "in f32", hint: "the kernel that it makes faster computes in bf16: write dtype = bf16 in train" }
          : !TURN_HEAD_DIMS.includes(width)
            ? {
                where: `for heads of ${width}`,
                hint: `the kernel that it makes faster is for heads of ${TURN_HEAD_DIMS.join(" or ")}`,
              }
            : undefined;
    if (why) report.add("CTX7018", trace.nearest(`${pointer}/train/deterministic`), why);
  }
};
