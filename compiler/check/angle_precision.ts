import { bfloat16StillPairs, FLOAT32_POSITIONS, float32AngleErrorAt } from "../rope/index.ts";
import { showTokens } from "../values/show.ts";
import type { Check } from "./context.ts";

/** Errors of an angle above this are told: a tenth of a radian. */
const tolerated = 0.1;

/**
 * The engine forms angles in float64. transformers and vLLM form them in float32, where far positions of the exported model
 * turn a little otherwise than in training; and from 2^24 on two neighbours share one position.
 */
export const anglePrecision: Check = ({ plan, trace, report }) => {
  const last = plan.stages.at(-1);
  if (!last) return;
  const at = trace.nearest(`/stages/${plan.stages.length - 1}/length`);
  const length = showTokens(last.context);
  if (last.context > FLOAT32_POSITIONS) {
    report.add("CTX3024", at, { length, exact: showTokens(FLOAT32_POSITIONS) });
    return;
  }
  const error = float32AngleErrorAt(last.rope, last.context);
  if (error > tolerated) report.add("CTX3008", at, { length, error: Number(error.toPrecision(2)) });
};

/** Tables that slow pairs further than the length asks for, which has been said. */
const slowed = ["CTX3002", "CTX3021", "CTX3022"] as const;

/** The share of the pairs that may stand still in bfloat16; Gradient's 4M model has just as many. */
const still = 1 / 4;

/** Pairs so slow that their cosine rounds to 1 at every position, where tables are kept in the bfloat16 of the exported weights. */
export const stillPairs: Check = ({ plan, trace, report }) => {
  const last = plan.stages.at(-1);
  if (
    !last ||
    plan.export.dtype !== "bf16" ||
    slowed.some((code) => report.has(code)) ||
    last.context > FLOAT32_POSITIONS
  )
    return;
  const pairs = bfloat16StillPairs(last.rope.inv_freq, last.context);
  const before = bfloat16StillPairs(plan.model.rope.inv_freq, plan.model.context);
  const all = last.rope.inv_freq.length;
  if (pairs <= Math.max(still * all, before) || last.pairs.stopped > 0) return;
  report.add("CTX3025", trace.nearest(`/stages/${plan.stages.length - 1}/rope/theta`), {
    pairs,
    all,
    length: showTokens(last.context),
  });
};
