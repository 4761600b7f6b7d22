import { baseFrequencies } from "./base.ts";

/**
 * Proportional RoPE: the first ⌊partial·d/2⌋ pairs turn with exponents over the full d, the others not at all
 * (frequency 0). transformers' "proportional" type.
 */
export function proportionalFrequencies(theta: number, d: number, partial: number, factor: number): number[] {
  const turning = Math.floor((partial * d) / 2);
  return baseFrequencies(theta, d).map((frequency, i) => (i < turning ? frequency / factor : 0));
}
