/** RoPE: methods to frequency tables, named theta formulas, what a table does to trained pairs, Hugging Face's forms. */
export { baseFrequencies, wavelength } from "./base.ts";
export { type Budget, obtainableLength, similarity } from "./bound.ts";
export { dynamicTheta } from "./dynamic.ts";
export { type Consumer, type JsonObject, show } from "./hugging_face/config.ts";
export type { RopeFinding, RopeFindingKind } from "./hugging_face/findings.ts";
export { type RopeReading, readHuggingFaceRope } from "./hugging_face/read.ts";
export {
  type ExportProof,
  proveExport,
  type ReadBack,
  readBack,
  servedByVllm,
  tableDifference,
} from "./hugging_face/read_back.ts";
export { type HuggingFaceRope, writeHuggingFaceRope } from "./hugging_face/write.ts";
export { longRopeAttentionFactor } from "./longrope.ts";
export {
  classifyPairs,
  criticalDimension,
  extrapolationLimit,
  fullTurns,
  type PairClass,
  turningPairs,
} from "./pairs.ts";
export type { RopeParameters } from "./parameters.ts";
export { bfloat16StillPairs, FLOAT32_POSITIONS, float32AngleError, float32AngleErrorAt } from "./precision.ts";
export { smallestTheta } from "./smallest_theta.ts";
export type * from "./spec.ts";
export { ropeTable } from "./table.ts";
export { abf, criticalBase, ntk, ntkDynamic } from "./theta.ts";
export { yarnAttentionFactor, yarnCorrectionIndex, yarnMscale } from "./yarn.ts";
