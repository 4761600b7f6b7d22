import { keyValueNumbers, type ModelShape } from "../model/index.ts";
import type { PlanFlops, PlanHardware, PlanParallel, PlanTrain } from "../plan.ts";
import { ringTraffic } from "../ring/index.ts";
import { rebuiltLayers } from "./flops.ts";

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
 * its busiest rank, which has 2P/(P+1) times the mean of the attention work; zigzag's is even. Keys and values travel
 * behind attention; if they take longer, attention takes as long as they.
 *
 * @param rate FLOP/s of one device
 * @param exchange seconds that keys and values travel, see `exchangeSeconds`
 */
export function stageSeconds(
  flops: PlanFlops,
  rate: number,
  parallel: Pick<PlanParallel, "devices" | "ring" | "layout">,
  exchange = 0,
): number {
  const uneven = parallel.layout === "contiguous" ? (2 * parallel.ring) / (parallel.ring + 1) : 1;
  const all = parallel.devices * rate;
  return (flops.total - flops.attention) / all + Math.max((uneven * flops.attention) / all, exchange);
}

/**
 * Bytes of a parameter that an optimizer step moves, in fp32: its gradient is read for the norm; AdamW reads weight, gradient
 * and two moments, and writes all but the gradient, which is cleared.
 */
const UPDATE_BYTES = 36;

/** Seconds of optimizer steps, each device with all that it trains. Long rows hide them, short ones do not. */
export function updateSeconds(
  parameters: number,
  steps: number,
  hardware: Pick<PlanHardware, "memory_bytes_per_second">,
): number {
  return (UPDATE_BYTES * parameters * steps) / hardware.memory_bytes_per_second;
}

/** What makes keys and values travel round a ring. */
export interface Exchange {
  /** Rows of the whole stage that one ring computes. */
  rows: number;
  /** Tokens of a row. */
  length: number;
  ring: number;
  /** As in `StageWork`: attention that is computed again needs them again. */
  checkpointEvery: number;
  dtype: PlanTrain["dtype"];
}

/**
 * Seconds that keys and values, and backward their gradients, take around a ring; a ring larger than a host is as fast as
 * the network. GPUs hold them in bf16.
 */
export function exchangeSeconds(
  shape: ModelShape,
  { rows, length, ring, checkpointEvery, dtype }: Exchange,
  hardware: Pick<PlanHardware, "kind" | "devices_per_host" | "link_bytes_per_second" | "network_bytes_per_second">,
): number {
  if (ring === 1) return 0;
  const bytes = hardware.kind === "cuda" || dtype === "bf16" ? 2 : 4;
  const { forward, backward } = ringTraffic(ring, length / ring, keyValueNumbers(shape), bytes);
  const again = rebuiltLayers(shape.layers, checkpointEvery);
  const within = hardware.kind === "cpu" || ring <= hardware.devices_per_host;
  const link = within
    ? hardware.link_bytes_per_second
    : Math.min(hardware.link_bytes_per_second, hardware.network_bytes_per_second);
  return (rows * (shape.layers * (forward + backward) + again * forward)) / link;
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
