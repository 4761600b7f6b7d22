import type { PlanRope } from "../plan.ts";
import { baseFrequencies } from "./base.ts";
import { dynamicTheta } from "./dynamic.ts";
import { linearFrequencies } from "./linear.ts";
import { llama3Frequencies } from "./llama3.ts";
import { longRopeAttentionFactor, longRopeFrequencies } from "./longrope.ts";
import { ropeParameters } from "./parameters.ts";
import { proportionalFrequencies } from "./proportional.ts";
import { resonanceFrequencies } from "./resonance.ts";
import type { RopeSpec } from "./spec.ts";
import { validateRopeSpec } from "./validate.ts";
import { yarnAttentionFactor, yarnFrequencies } from "./yarn.ts";

/**
 * Evaluates a RoPE method in float64 to what kernels use: d/2 frequencies (radians per token) and the factor on cos and
 * sin, together with the Hugging Face form that reproduces them.
 *
 * @throws RangeError when a parameter is outside the method's domain; the message names it
 */
export function ropeTable(spec: RopeSpec): PlanRope {
  validateRopeSpec(spec);
  const { theta, frequencies, attentionFactor } = evaluate(spec);
  if (!Number.isFinite(theta)) throw new RangeError("the theta that this comes to is too large for a number");
  const overflow = frequencies.findIndex((frequency) => !Number.isFinite(frequency));
  if (overflow >= 0) throw new RangeError(`the frequency of pair ${overflow} is not a number: the parameters overflow`);
  return {
    method: spec.method,
    theta,
    inv_freq: frequencies,
    attention_factor: attentionFactor,
    parameters: ropeParameters(spec, theta, frequencies, attentionFactor),
    formula: spec.formula ?? callForm(spec),
  };
}

interface Evaluated {
  /** rope_theta of the Hugging Face form. */
  theta: number;
  frequencies: number[];
  attentionFactor: number;
}

function evaluate(spec: RopeSpec): Evaluated {
  if (spec.method === "resonance") {
    const inner = evaluate(spec.of);
    return { ...inner, frequencies: resonanceFrequencies(inner.frequencies) };
  }
  const { theta, d } = spec;
  const base = baseFrequencies(theta, d);
  switch (spec.method) {
    case "default":
      return { theta, frequencies: base, attentionFactor: 1 };
    case "linear":
      return { theta, frequencies: linearFrequencies(base, spec.factor), attentionFactor: 1 };
    case "dynamic": {
      const grown = dynamicTheta(theta, d, spec.factor, spec.original, spec.length);
      return { theta: grown, frequencies: baseFrequencies(grown, d), attentionFactor: 1 };
    }
    case "yarn":
      return { theta, frequencies: yarnFrequencies(base, spec), attentionFactor: yarnAttentionFactor(spec) };
    case "llama3":
      return { theta, frequencies: llama3Frequencies(base, spec), attentionFactor: 1 };
    case "longrope": {
      const long = spec.length > spec.original;
      return {
        theta,
        frequencies: long ? longRopeFrequencies(base, spec.longFactor) : shortTable(base, spec.shortFactor),
        attentionFactor: spec.attentionFactor ?? longRopeAttentionFactor(spec.factor, spec.original),
      };
    }
    case "proportional":
      return {
        theta,
        frequencies: proportionalFrequencies(theta, d, spec.partial, spec.factor ?? 1),
        attentionFactor: 1,
      };
    case "custom":
      return { theta, frequencies: [...spec.frequencies], attentionFactor: spec.attentionFactor ?? 1 };
  }
}

function shortTable(base: readonly number[], shortFactor: readonly number[] | undefined): number[] {
  return shortFactor ? longRopeFrequencies(base, shortFactor) : [...base];
}

/** `yarn(factor: 8)`: how a recipe would call the method, for people. */
function callForm(spec: RopeSpec): string {
  switch (spec.method) {
    case "default":
      return `theta = ${spec.theta}`;
    case "linear":
    case "dynamic":
    case "yarn":
    case "llama3":
    case "longrope":
      return `${spec.method}(factor: ${spec.factor})`;
    case "proportional":
      return `proportional(partial: ${spec.partial})`;
    case "resonance":
      return `resonance(${callForm(spec.of)})`;
    case "custom":
      return "frequency table";
  }
}
