/** How much memory an engine takes, before it takes any. */

export { cheapestChange, type Field } from "./changes.ts";
export { deviceLedger, hostMomentBytes, type LedgerOptions, offloadedBytes } from "./ledger.ts";
export { scratchBytes } from "./scratch.ts";
export { CUDA_CODE, CUDA_CONTEXT, cudaScratchBytes } from "./scratch_cuda.ts";
export {
  type Choice,
  FILLED,
  type Found,
  fits,
  type LayoutSpace,
  layoutOf,
  type Moments,
  ofSteps,
  type StageNeeds,
  searchLayout,
  searchStep,
} from "./search.ts";
export { freeSpace, segmentLengths } from "./space.ts";
export { ledgerOf, ledgerOptions, type StageMemory, trainedBy } from "./stage.ts";
