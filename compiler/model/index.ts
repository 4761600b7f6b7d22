/** Models: Hugging Face's config.json read and written, known bases, new models, parameter counts. */

export { adapterOrigin, continuesAdapter, sameAdapter, sharesEmbeddings, standsOnBase } from "./adapter.ts";
export {
  baseContext,
  isMadeForLonger,
  plainContext,
  promisedContext,
  shownContext,
  trainedContext,
} from "./context.ts";
export { FAMILIES, type Family, isComputed, PLANNED_FAMILIES, plannedOnlyOf } from "./family.ts";
export type { ModelFinding, ModelFindingKind } from "./finding.ts";
export { knownConfig, knownModels } from "./known.ts";
export { defaultIntermediate, type NewModel, newModel } from "./new.ts";
export {
  countActiveParameters,
  countParameters,
  headDims,
  keyValueNumbers,
  linearParameters,
  type ModelShape,
} from "./parameters.ts";
export { type ModelReading, modelFromConfig, readModelConfig } from "./read.ts";
export type { KnownTraining } from "./trained.ts";
export { type ModelConfig, writeModelConfig } from "./write.ts";
