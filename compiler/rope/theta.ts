import { ln, pow } from "../arithmetic/elementary.ts";

/**
 * Named formulas for rope_theta. Each is an expression that a recipe could have written itself.
 */

/**
 * NTK-aware theta (bloc97 2023; YaRN paper 2309.00071, definition 1): theta · scale^(d/(d-2)).
 * The slowest pair is slowed by exactly `scale`, the fastest not at all. Chained steps equal one jump.
 */
export function ntk(theta: number, scale: number, d: number): number {
  return theta * pow(scale, d / (d - 2));
}

/**
 * Dynamic NTK (emozilla 2023; transformers "dynamic"): theta · (factor·ratio - (factor - 1))^(d/(d-2)).
 * With factor 4, taken stage by stage and rounded down, it gives the thetas of Gradient's Llama-3 models up to 1M.
 *
 * @param factor 1 makes it `ntk`
 * @param theta theta of the stage before
 * @param ratio length / length of the stage before
 */
export function ntkDynamic(factor: number, theta: number, ratio: number, d: number): number {
  return theta * pow(factor * ratio - (factor - 1), d / (d - 2));
}

/**
 * Critical base (Liu et al. 2310.05209, theorem 2): theta^(ln(length/2π) / ln(context/2π)), the smallest base at which no
 * pair turns past the angles it saw in training at `context` with `theta`. Chained steps equal one jump.
 */
export function criticalBase(theta: number, context: number, length: number): number {
  return pow(theta, ln(length / (2 * Math.PI)) / ln(context / (2 * Math.PI)));
}

/** Adjusted base frequency (Xiong et al. 2309.16039): simply another theta, 500,000 in the paper. */
export function abf(base: number): number {
  return base;
}
