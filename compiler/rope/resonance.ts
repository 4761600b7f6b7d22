import { wavelength } from "./base.ts";

/**
 * Resonance RoPE (Wang et al. 2403.00071, section 4.2): each wavelength rounded to a whole number of tokens, so that a
 * pair's angles repeat exactly and none inside the trained window is new at a longer one. Applied after any scaling.
 */
export function resonanceFrequencies(frequencies: readonly number[]): number[] {
  return frequencies.map((frequency) => (frequency === 0 ? 0 : (2 * Math.PI) / Math.round(wavelength(frequency))));
}
