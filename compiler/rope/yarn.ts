import { ln } from "../arithmetic/elementary.ts";
import type { YarnSpec } from "./spec.ts";

/**
 * Where along the pair index a pair makes `rotations` turns inside the trained window (YaRN paper, appendix):
 * d·ln(original/(2π·rotations)) / (2·ln theta). A real number; pairs before it turn faster.
 */
export function yarnCorrectionIndex(rotations: number, d: number, theta: number, original: number): number {
  return (d * ln(original / (rotations * 2 * Math.PI))) / (2 * ln(theta));
}

/**
 * YaRN's frequencies as all implementations compute them: linear in the pair INDEX between the pairs that make
 * betaFast and betaSlow turns (the paper's equation 18 is linear in the number of turns; the two differ by up to
 * 6.6 times at large factors, and models are trained and served with this one).
 *
 *   θ'_i = θ_i/factor · ramp_i + θ_i · (1 - ramp_i),   ramp_i = clamp((i - low)/(high - low), 0, 1)
 */
export function yarnFrequencies(base: readonly number[], spec: YarnSpec): number[] {
  const { theta, d, factor, original, betaFast = 32, betaSlow = 1, truncate = true } = spec;
  let low = yarnCorrectionIndex(betaFast, d, theta, original);
  let high = yarnCorrectionIndex(betaSlow, d, theta, original);
  if (truncate) {
    low = Math.floor(low);
    high = Math.ceil(high);
  }
  low = Math.max(low, 0);
  high = Math.min(high, d - 1);
  if (low === high) high += 0.001; // as transformers does, so that the ramp stays defined
  return base.map((frequency, i) => {
    const ramp = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return (frequency / factor) * ramp + frequency * (1 - ramp);
  });
}

/** 0.1·k·ln(factor) + 1 for factor > 1 (YaRN paper, equation 22, with DeepSeek's k), else 1. */
export function yarnMscale(factor: number, k = 1): number {
  return factor <= 1 ? 1 : 0.1 * k * ln(factor) + 1;
}

/** What multiplies cos and sin: the override, else DeepSeek's ratio when both its keys are there, else equation 22. */
export function yarnAttentionFactor(spec: YarnSpec): number {
  if (spec.attentionFactor !== undefined) return spec.attentionFactor;
  if (spec.mscale && spec.mscaleAllDim) {
    return yarnMscale(spec.factor, spec.mscale) / yarnMscale(spec.factor, spec.mscaleAllDim);
  }
  return yarnMscale(spec.factor);
}
