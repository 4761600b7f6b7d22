import { ln, pow } from "../arithmetic/elementary.ts";
import type { PlanPairs } from "../plan.ts";
import { wavelength } from "./base.ts";

/**
 * What a stage's table does to one pair of dimensions that was trained with another table.
 *
 * - `extrapolated`: it never made a full turn in training and now reaches angles it has not seen;
 * - `stopped`: it turned in training and no longer does, so it tells no positions apart;
 * - `interpolated`: it turns slower than in training and sees no new angle;
 * - `raised`: it turns faster and sees no new angle (rounded wavelengths do this);
 * - `unchanged`: as it was.
 */
export type PairClass = PlanPairs["classes"][number];

/** Relative slack: what is within it is rounding. */
const SAME = 1e-9;
const SAME_ANGLE = 1e-6;

/**
 * Sorts the pairs of a table by what training has shown them (Liu et al. 2310.05209, section 3: a pair whose period is
 * longer than the training window has only seen part of its circle).
 *
 * @param trained frequencies the model was trained with, at `context` tokens
 * @param stage frequencies of the stage, at `length` tokens
 */
export function classifyPairs(
  trained: readonly number[],
  context: number,
  stage: readonly number[],
  length: number,
): PlanPairs {
  let furthest = 1;
  const classes = stage.map((now, i): PairClass => {
    const before = trained[i]!;
    const wholeCircleSeen = wavelength(before) <= context;
    if (!wholeCircleSeen && length * now > context * before * (1 + SAME_ANGLE)) {
      // A pair that stood still in training has seen one angle alone: nothing to compare with.
      if (before > 0) furthest = Math.max(furthest, (length * now) / (context * before));
      return "extrapolated";
    }
    if (now === 0 && before > 0) return "stopped";
    if (now < before * (1 - SAME)) return "interpolated";
    return now > before * (1 + SAME) ? "raised" : "unchanged";
  });
  const counts = { unchanged: 0, interpolated: 0, raised: 0, extrapolated: 0, stopped: 0 };
  for (const name of classes) counts[name]++;
  return {
    classes,
    ...counts,
    unfinished: stage.length - fullTurns(stage, length),
    unfinished_before: trained.length - fullTurns(trained, context),
    furthest,
  };
}

/** Pairs of a table that make at least one full turn within `length` tokens. */
export function fullTurns(frequencies: readonly number[], length: number): number {
  let turns = 0;
  for (const frequency of frequencies) if (wavelength(frequency) <= length) turns++;
  return turns;
}

/**
 * How many pairs of plain RoPE turn fully within `length` tokens, as a real number: k = (d/2)·ln(length/2π)/ln theta.
 * `criticalBase` is the theta that keeps it at its trained value.
 */
export function turningPairs(theta: number, length: number, d: number): number {
  return ((d / 2) * ln(length / (2 * Math.PI))) / ln(theta);
}

/** Critical dimension (Liu et al. 2310.05209, theorem 1): 2·⌈k⌉, the dimensions that saw a full period in training. */
export function criticalDimension(theta: number, context: number, d: number): number {
  return 2 * Math.ceil(turningPairs(theta, context, d));
}

/**
 * Length up to which a new, larger base keeps every pair within its trained angles (Liu et al., theorem 2):
 * 2π·base^(d_extra/d), d_extra from `criticalDimension` of the original model.
 */
export function extrapolationLimit(base: number, criticalDim: number, d: number): number {
  return 2 * Math.PI * pow(base, criticalDim / d);
}
