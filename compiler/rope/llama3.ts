import { wavelength } from "./base.ts";
import type { Llama3Spec } from "./spec.ts";

/**
 * Llama 3.1's scaling (meta-llama/llama-models, model.py `apply_scaling`): with λ = 2π/θ,
 *   λ ≤ original/highFreqFactor: unchanged;   λ > original/lowFreqFactor: divided by factor;
 *   between: blended linearly in original/λ, the number of turns inside the trained window.
 */
export function llama3Frequencies(base: readonly number[], spec: Llama3Spec): number[] {
  const { factor, original, lowFreqFactor = 1, highFreqFactor = 4 } = spec;
  return base.map((frequency) => {
    const lambda = wavelength(frequency);
    if (lambda <= original / highFreqFactor) return frequency;
    if (lambda > original / lowFreqFactor) return frequency / factor;
    const smooth = (original / lambda - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}
