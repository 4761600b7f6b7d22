import { pow } from "../arithmetic/elementary.ts";
import { wavelength } from "./base.ts";

/**
 * The smallest theta with which plain RoPE takes every pair through angles alone that training has shown: a pair i that made no full
 * turn there must not turn further than it did, length·theta^(-2i/d) ≤ context·ω_i (what `classifyPairs` asks).
 *
 * @param trained frequencies ω the model was trained with, at `context` tokens
 * @returns null where no theta would do, or every one does
 */
export function smallestTheta(trained: readonly number[], context: number, length: number): number | null {
  let least = 1;
  for (const [i, before] of trained.entries()) {
    if (wavelength(before) <= context) continue;
    const bound = pow(length / (context * before), trained.length / i);
    if (i === 0 || !Number.isFinite(bound)) return null;
    least = Math.max(least, bound);
  }
  return least > 1 ? least : null;
}
