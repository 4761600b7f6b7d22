/** Weights of a base model as their files' headers have them, held against what its config.json calls for. */

export { wantedTensors } from "./differences.ts";
export { isReadable, isWeights, type StoredTensor, type WantedTensor } from "./faults.ts";
export {
  CONVERT,
  headerEnd,
  headerEntries,
  LARGEST_HEADER,
  LENGTH_BYTES,
  type SafetensorsEntry,
  SafetensorsError,
} from "./header.ts";
export { ADAPTER, INDEX, listedTensors, MERGE_ADAPTER, readIndex, WEIGHTS } from "./model_index.ts";
export { tensorsProblem, type WeightsPlace, type WeightsProblem, weightsProblem } from "./problem.ts";
export { type FolderWeights, folderWeights } from "./read.ts";
