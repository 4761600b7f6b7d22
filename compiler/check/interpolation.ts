import { showNumber } from "../values/show.ts";
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
