import type { PlanFlops, PlanHardware, PlanParallel } from "../plan.ts";

/**
 * Estimated wall time of a stage in seconds: FLOPs over what the devices are expected to do. A contiguous ring waits for
 * its busiest rank, which has 2P/(P+1) times the mean of the attention work; zigzag's is even.
 */
export function stageSeconds(
  flops: PlanFlops,
  hardware: Pick<PlanHardware, "peak_flops" | "efficiency">,
  parallel: Pick<PlanParallel, "devices" | "ring" | "layout">,
): number {
  const uneven = parallel.layout === "contiguous" ? (2 * parallel.ring) / (parallel.ring + 1) : 1;
  const work = flops.total + (uneven - 1) * flops.attention;
  return work / (parallel.devices * hardware.peak_flops * hardware.efficiency);
}
