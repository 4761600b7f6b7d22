/**
 * How far a frequency table can tell a near token from a random one (Men et al. 2405.14591, "Base of RoPE Bounds Context
 * Length", equation 13): B(m) = Σ_i cos(m·θ_i) is the expected advantage in attention of a similar token over a random
 * one at distance m. The obtainable length is the largest L with B(m) ≥ 0 for all m ≤ L.
 *
 * The paper states it for plain RoPE; here it is taken of any table. Models with llama3 or YaRN tables are known to work
 * past it, so it is evidence, not a law.
 */

const TURN = 2 * Math.PI;

/** B(m) of a table at distance m. */
export function similarity(frequencies: readonly number[], m: number): number {
  let sum = 0;
  for (const frequency of frequencies) sum += Math.cos(m * frequency);
  return sum;
}

/** A stretch whose bound leaves this share of the largest B to spare lets the next one be twice as wide. */
const TO_SPARE = 0.05;

/** Cosines that may still be computed: a head of 100,000 dimensions over a billion tokens must not hold a check up. */
export interface Budget {
  left: number;
}

/**
 * The obtainable length of a table, searched up to `limit`.
 *
 * Exact, yet far from evaluating every m: over a stretch of w tokens each pair's cosine stays above a simple bound (-1
 * where its angle passes π, else the smaller end); when the bounds add up to 0 or more the whole stretch is cleared at
 * once. Stretches double after an easy success and halve after a failure; a stretch of one token is the exact test.
 *
 * @param budget shared by several searches; once it is used up, nothing more is found wrong
 * @returns the largest L ≤ limit such that B(m) ≥ 0 for all m ≤ L; `limit` when the budget did not suffice
 */
export function obtainableLength(
  frequencies: readonly number[],
  limit: number,
  budget: Budget = { left: Number.POSITIVE_INFINITY },
): number {
  const theta = Float64Array.from(frequencies);
  const here = new Float64Array(theta.length).fill(1); // cos(m·θ_i); NaN: not computed
  const there = new Float64Array(theta.length);
  let m = 0; // B ≥ 0 is known up to here
  let width = 1;
  while (m < limit) {
    budget.left -= theta.length;
    if (budget.left < 0) return limit;
    width = Math.min(width, limit - m);
    const bound = width === 1 ? exactly(theta, m + 1, there) : atLeast(theta, m, width, here, there);
    if (bound >= 0) {
      m += width;
      here.set(there);
      if (bound >= TO_SPARE * theta.length) width *= 2;
    } else if (width === 1) {
      return m;
    } else {
      width >>= 1;
    }
  }
  return limit;
}

/** B(m), every cosine left in `there`. */
function exactly(theta: Float64Array, m: number, there: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < theta.length; i++) {
    const cosine = Math.cos(m * theta[i]!);
    there[i] = cosine;
    sum += cosine;
  }
  return sum;
}

/** A number that B is not below anywhere in (m, m + width]; negative as soon as it is sure to be. */
function atLeast(theta: Float64Array, m: number, width: number, here: Float64Array, there: Float64Array): number {
  let bound = 0;
  for (let i = 0; i < theta.length; i++) {
    const from = m * theta[i]!;
    const to = (m + width) * theta[i]!;
    if (passesPi(from, to)) {
      there[i] = Number.NaN;
      bound -= 1;
    } else {
      if (Number.isNaN(here[i])) here[i] = Math.cos(from);
      there[i] = Math.cos(to);
      bound += Math.min(here[i]!, there[i]!);
    }
    if (bound + theta.length - 1 - i < 0) return -1;
  }
  return bound;
}

/** Whether an odd multiple of π lies within [from, to]. */
function passesPi(from: number, to: number): boolean {
  return Math.floor(to / TURN + 0.5) !== Math.floor(from / TURN + 0.5);
}
