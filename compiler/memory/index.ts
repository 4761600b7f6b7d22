/** How much memory an engine takes, before it takes any. */

export { besideArena, choiceNeed, deviceNeed } from "./beside.ts";
export { type Change, cheapestChange, type Field } from "./changes.ts";
export {
  deviceLedger,
  hostGradientBytes,
  hostMomentBytes,
  type LedgerOptions,
  offloadedBytes,
  ranksTokens,
} from "./ledger.ts";
export {
  besideScoringArena,
  evaluationNeed,
  evaluationsOf,
  type PlannedEvaluation,
  scorableTokens,
  scoredTokens,
  scoringAtOnce,
  scoringBytes,
  scoringDtype,
  scoringMemory,
  scoringOptions,
} from "./scoring.ts";
export { scratchBytes } from "./scratch.ts";
export { CUDA_CODE, CUDA_CONTEXT, CUDA_PEERS, cudaScratchBytes, TURN_HEAD_DIMS } from "./scratch_cuda.ts";
export {
  type Choice,
  FILLED,
  type Found,
  fits,
  type Held,
  type LayoutSpace,
  type Lying,
  layoutOf,
  ofSteps,
  type StageNeeds,
  searchLayout,
  searchStep,
} from "./search.ts";
export { freeSpace, gradientsMayWait, segmentLengths, weightsMayBeRounded } from "./space.ts";
export { ledgerOf, ledgerOptions, type StageMemory, stageMemory, trainedBy } from "./stage.ts";
