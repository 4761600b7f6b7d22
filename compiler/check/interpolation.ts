import { showNumber, showTokens } from "../values/show.ts";
import { type Check, plentyOfTokens, steps } from "./context.ts";

/** The slowest rate at which the fastest pair may turn from one token to the next, in radians. */
const slowest = 1 / 8;

/**
 * Position interpolation presses neighbouring tokens together. Beyond a factor of 8 short-range accuracy falls (BoolQ of
 * LLaMA-7B: 76.1 → 73.2, 69.8, 64.7 at 4, 8, 16 times; Chen et al. 2306.15595, table 5).
 */
export const interpolationTooStrong: Check = ({ plan, trace, report }) => {
  for (const { stage, pointer } of steps(plan)) {
    const fastest = stage.rope.inv_freq[0] ?? 1;
    if (!(fastest > 0 && fastest < slowest) || stage.tokens >= plentyOfTokens(plan)) continue;
    report.add("CTX3010", trace.nearest(`${pointer}/rope/method`), { angle: showNumber(fastest) });
  }
};

/** Where float32 angles, as Hugging Face computes them, are off by more than a tenth of a radian. */
const floatError = 7.2e-8;

/** Angles at far positions need float64; servers that use float32 see other positions than the training did. */
export const anglePrecision: Check = ({ plan, trace, report }) => {
  const last = plan.stages.at(-1);
  if (!last) return;
  const error = floatError * last.context;
  if (error <= 0.1) return;
  report.add("CTX3008", trace.nearest(`/stages/${plan.stages.length - 1}/length`), {
    length: showTokens(last.context),
    error: Number(error.toPrecision(2)),
  });
};
