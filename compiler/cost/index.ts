/** What a stage costs: FLOPs, time on a kind of hardware, bytes in host memory. */
export {
  adapterParameters,
  causalPairs,
  type ForwardFlops,
  forwardFlops,
  pairFlops,
  type StageWork,
  stageFlops,
} from "./flops.ts";
export {
  type CpuFacts,
  type CpuMeasured,
  cpuHardware,
  type GpuFacts,
  gpuHardware,
  HARDWARE_NAMES,
  type HardwareName,
  type HardwarePreset,
  hardwarePreset,
  type PerDtype,
} from "./hardware.ts";
export { type HostNeeds, hostBytes } from "./host.ts";
export { packedPairs, wholePairs } from "./packing.ts";
export {
  type Exchange,
  exchangeSeconds,
  expectedRate,
  gatherSeconds,
  gradientSeconds,
  momentSeconds,
  movingSeconds,
  offloadSeconds,
  roundingSeconds,
  type ScoredRows,
  savingSeconds,
  scatterSeconds,
  scoringSeconds,
  stageSeconds,
  updateSeconds,
} from "./time.ts";
