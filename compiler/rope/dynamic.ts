import { ntkDynamic } from "./theta.ts";

/**
 * The theta that transformers' "dynamic" type works with at one sequence length:
 * theta · (factor·l/original - (factor - 1))^(d/(d-2)) with l = max(length, original).
 * The table then is plain RoPE's. Not path independent: two steps are not one jump unless factor = 1.
 */
export function dynamicTheta(theta: number, d: number, factor: number, original: number, length: number): number {
  return ntkDynamic(factor, theta, Math.max(length, original) / original, d);
}
