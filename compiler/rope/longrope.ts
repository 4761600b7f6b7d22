import { ln } from "../arithmetic/elementary.ts";

/**
 * LongRoPE's frequencies (Ding et al. 2402.13753, equation 2): θ'_i = θ_i / divisor_i.
 *
 * @param divisors d/2 numbers > 0
 */
export function longRopeFrequencies(base: readonly number[], divisors: readonly number[]): number[] {
  return base.map((frequency, i) => frequency / divisors[i]!);
}

/** √(1 + ln(factor)/ln(original)) for factor > 1, else 1 (LongRoPE's released code; transformers' default). */
export function longRopeAttentionFactor(factor: number, original: number): number {
  return factor <= 1 ? 1 : Math.sqrt(1 + ln(factor) / ln(original));
}
