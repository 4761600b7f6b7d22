import type { PlanFlops, PlanHardware, PlanParallel, PlanTrain } from "../plan.ts";

/** FLOP/s that one device is expected to do in a stage that trains in `dtype`. */
export function expectedRate(
  hardware: Pick<PlanHardware, "peak_flops" | "peak_flops_bf16" | "efficiency" | "efficiency_bf16">,
  dtype: PlanTrain["dtype"],
): number {
  return dtype === "bf16"
    ? hardware.peak_flops_bf16 * hardware.efficiency_bf16
    : hardware.peak_flops * hardware.efficiency;
}

/**
 * Estimated wall time of a stage in seconds: FLOPs over what the devices are expected to do. A contiguous ring waits for
 * its busiest rank, which has 2P/(P+1) times the mean of the attention work; zigzag's is even.
 *
 * @param rate FLOP/s of one device
 */
export function stageSeconds(
  flops: PlanFlops,
  rate: number,
  parallel: Pick<PlanParallel, "devices" | "ring" | "layout">,
): number {
  const uneven = parallel.layout === "contiguous" ? (2 * parallel.ring) / (parallel.ring + 1) : 1;
  const work = flops.total + (uneven - 1) * flops.attention;
  return work / (parallel.devices * rate);
}

/**
 * Bytes per second that layer inputs move at, assumed: of a CPU's disk what an ordinary NVMe drive sustains, of each GPU
 * what PCIe 4.0 x16 brings to the host and back.
 */
const OFFLOAD_RATE = { cpu: 1e9, cuda: 25e9 } as const;

/**
 * Seconds that a stage's offloaded layer inputs take to leave and to come back, as if nothing were computed meanwhile: an
 * upper bound.
 *
 * @param bytes that leave, over all rows of the stage
 * @param devices that move them side by side; the ranks of a CPU share one disk
 */
export function offloadSeconds(bytes: number, kind: PlanHardware["kind"], devices: number): number {
  return (2 * bytes) / (OFFLOAD_RATE[kind] * (kind === "cpu" ? 1 : devices));
}
