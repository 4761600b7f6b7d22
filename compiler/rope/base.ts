import { pow } from "../arithmetic/elementary.ts";

/**
 * Plain RoPE's frequencies (Su et al. 2104.09864, section 3.2.2): θ_i = theta^(-2i/d), i = 0 … d/2 - 1.
 *
 * @param theta base, greater than 1
 * @param d rotated dimensions, even
 * @param exponentDimensions what the exponent divides by, when it isn't `d` (proportional RoPE)
 * @returns d/2 frequencies in radians per token, falling from 1
 */
export function baseFrequencies(theta: number, d: number, exponentDimensions = d): number[] {
  return Array.from({ length: d / 2 }, (_, i) => pow(theta, (-2 * i) / exponentDimensions));
}

/** Tokens for one full turn of a pair: λ = 2π/θ; Infinity for a pair that doesn't turn. */
export function wavelength(frequency: number): number {
  return (2 * Math.PI) / frequency;
}
