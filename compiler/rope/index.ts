/** RoPE: methods to frequency tables, named theta formulas, what a table does to trained pairs, Hugging Face's forms. */
export { baseFrequencies, wavelength } from "./base.ts";
export { dynamicTheta } from "./dynamic.ts";
export { longRopeAttentionFactor } from "./longrope.ts";
export type { RopeParameters } from "./parameters.ts";
export type * from "./spec.ts";
export { ropeTable } from "./table.ts";
export { abf, criticalBase, ntk, ntkDynamic } from "./theta.ts";
export { yarnAttentionFactor, yarnCorrectionIndex, yarnMscale } from "./yarn.ts";
