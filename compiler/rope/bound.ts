/**
 * How far a frequency table can tell a near token from a random one (Men et al. 2405.14591, "Base of RoPE Bounds Context
 * Length", equation 13): B(m) = Σ_i cos(m·θ_i) is the expected advantage in attention of a similar token over a random
 * one at distance m. The obtainable length is the largest L with B(m) ≥ 0 for all m ≤ L.
 *
 * The paper states it for plain RoPE; here it is taken of any table. Models with llama3 or YaRN tables are known to work
 * past it, so it is evidence, not a law.
 */

/** B(m) of a table at distance m. */
export function similarity(frequencies: readonly number[], m: number): number {
  let sum = 0;
  for (const frequency of frequencies) sum += Math.cos(m * frequency);
  return sum;
}

/**
 * The obtainable length of a table, searched up to `limit`.
 *
 * Exact, yet far from evaluating every m: over a stretch of w tokens each pair's cosine stays above a simple bound (-1
 * where its angle passes π, else the smaller end); when the bounds add up to 0 or more the whole stretch is cleared at
 * once. Stretches double after a success and halve after a failure; a stretch of one token is the exact test.
 *
 * @returns the largest L ≤ limit such that B(m) ≥ 0 for all m ≤ L
 */
export function obtainableLength(frequencies: readonly number[], limit: number): number {
  let m = 0; // B ≥ 0 is known up to here
  let width = 1;
  const here = frequencies.map(() => 1); // cos(m·θ_i)
  const there = new Array<number>(frequencies.length);
  while (m < limit) {
    width = Math.min(width, limit - m);
    let bound = 0;
    for (let i = 0; i < frequencies.length; i++) {
      const from = m * frequencies[i]!;
      const to = (m + width) * frequencies[i]!;
      const cosine = Math.cos(to);
      there[i] = cosine;
      bound += width > 1 && passesPi(from, to) ? -1 : Math.min(width > 1 ? here[i]! : cosine, cosine);
    }
    if (bound >= 0) {
      m += width;
      width *= 2;
      for (let i = 0; i < here.length; i++) here[i] = there[i]!;
    } else if (width === 1) {
      return m;
    } else {
      width = Math.max(1, width >> 2);
    }
  }
  return limit;
}

/** Whether an odd multiple of π lies within [from, to]. */
function passesPi(from: number, to: number): boolean {
  const turn = 2 * Math.PI;
  return Math.floor((to + Math.PI) / turn) !== Math.floor((from + Math.PI) / turn);
}
