import type { PlanRope } from "../plan.ts";
import { baseFrequencies } from "./base.ts";
import type { RopeSpec } from "./spec.ts";

/** Hugging Face's `rope_parameters`, flat. */
export type RopeParameters = NonNullable<PlanRope["parameters"]>;

/**
 * The Hugging Face `rope_parameters` that reproduce a method's table.
 *
 * `dynamic` becomes plain RoPE with the theta of its length: a trained stage has one table, and this form gives it at
 * every sequence length. A custom or resonance table becomes `longrope` with the same divisors for short and long
 * sequences, which can hold any table without zeros.
 *
 * @returns null when no form does (a custom or resonance table with pairs that don't turn)
 */
export function ropeParameters(
  spec: RopeSpec,
  theta: number,
  frequencies: readonly number[],
  attentionFactor: number,
): RopeParameters | null {
  switch (spec.method) {
    case "default":
    case "dynamic":
      return { rope_type: "default", rope_theta: theta };
    case "linear":
      return { rope_type: "linear", rope_theta: theta, factor: spec.factor };
    case "yarn":
      return {
        rope_type: "yarn",
        rope_theta: theta,
        factor: spec.factor,
        original_max_position_embeddings: spec.original,
        ...(spec.betaFast !== undefined && { beta_fast: spec.betaFast }),
        ...(spec.betaSlow !== undefined && { beta_slow: spec.betaSlow }),
        ...(spec.truncate === false && { truncate: false }),
        ...(spec.attentionFactor !== undefined && { attention_factor: spec.attentionFactor }),
        ...(spec.mscale !== undefined && { mscale: spec.mscale }),
        ...(spec.mscaleAllDim !== undefined && { mscale_all_dim: spec.mscaleAllDim }),
      };
    case "llama3":
      return {
        rope_type: "llama3",
        rope_theta: theta,
        factor: spec.factor,
        low_freq_factor: spec.lowFreqFactor ?? 1,
        high_freq_factor: spec.highFreqFactor ?? 4,
        original_max_position_embeddings: spec.original,
      };
    case "longrope":
      return {
        rope_type: "longrope",
        rope_theta: theta,
        factor: spec.factor,
        original_max_position_embeddings: spec.original,
        short_factor: spec.shortFactor ?? frequencies.map(() => 1),
        long_factor: spec.longFactor,
        ...(spec.attentionFactor !== undefined && { attention_factor: spec.attentionFactor }),
      };
    case "proportional":
      return {
        rope_type: "proportional",
        rope_theta: theta,
        partial_rotary_factor: spec.partial,
        ...(spec.factor !== undefined && { factor: spec.factor }),
      };
    case "resonance":
    case "custom":
      return anyTable(theta, frequencies, attentionFactor, spec.original, spec.length);
  }
}

/** Any table without zeros as plain RoPE where it is just that, otherwise as `longrope` with divisors θ_i/θ'_i. */
function anyTable(
  theta: number,
  frequencies: readonly number[],
  attentionFactor: number,
  original: number,
  length: number,
): RopeParameters | null {
  if (frequencies.some((frequency) => frequency === 0)) return null;
  const divisors = baseFrequencies(theta, frequencies.length * 2).map((frequency, i) => frequency / frequencies[i]!);
  if (attentionFactor === 1 && divisors.every((divisor) => Math.abs(divisor - 1) < 1e-13)) {
    return { rope_type: "default", rope_theta: theta };
  }
  return {
    rope_type: "longrope",
    rope_theta: theta,
    factor: Math.max(1, length / original),
    original_max_position_embeddings: original,
    short_factor: divisors,
    long_factor: divisors,
    attention_factor: attentionFactor,
  };
}
