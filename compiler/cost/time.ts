import { keyValueNumbers, linearParameters, type ModelShape } from "../model/index.ts";
import type { PlanFlops, PlanHardware, PlanParallel, PlanTrain } from "../plan.ts";
import { ringTraffic } from "../ring/index.ts";
import { forwardFlops, rebuiltLayers } from "./flops.ts";

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

/** Tokens that are computed at once on a CPU, as far as a step has them: what weights cost on their way is shared by so many. */
const TOGETHER = 8192;

/** Numbers of a weight that pass between memory and processor for each micro batch: read forward, read backward, gradient read and written. */
const WEIGHT_PASSES = 4;

/**
 * Numbers of a token that pass between memory and processor in one training step, about: each product reads its input and writes its
 * output, and backward does so twice; norms and residual sums pass over the hidden state 18 times in a layer, RoPE four times over
 * queries and keys, SwiGLU nine times over the MLP's width, the loss six times over the logits.
 *
 * @param predicted share of the tokens whose logits are made
 */
export function numbersMoved(shape: ModelShape, predicted = 1): number {
  const { hidden_size: hidden, intermediate_size: ffn, heads, kv_heads: kvHeads, head_dim: headDim } = shape;
  const [query, keyValue] = [heads * headDim, kvHeads * headDim];
  const products = hidden + query + 2 * keyValue + (query + hidden) + (hidden + 2 * ffn) + (ffn + hidden);
  const passes = 18 * hidden + 4 * (query + keyValue) + 9 * ffn;
  const logits = 3 * (hidden + shape.vocab_size) + 6 * shape.vocab_size;
  return shape.layers * (3 * products + passes) + predicted * logits;
}

/**
 * Seconds that a CPU spends on operands on their way, besides what its products and attention take: little beside large products,
 * a third more where a model is small. A GPU's efficiency, measured end to end, has them in it; of latent attention nobody knows.
 *
 * @param work tokens and optimizer steps in all, and the share of tokens whose logits are made (default: all); with checkpoints the forward
 *   third is done again
 */
export function movingSeconds(
  shape: ModelShape,
  work: { tokens: number; steps: number; checkpointEvery: number; dtype: PlanTrain["dtype"]; predicted?: number },
  hardware: Pick<PlanHardware, "kind" | "memory_bytes_per_second">,
): number {
  if (hardware.kind !== "cpu" || shape.latent) return 0;
  const { tokens, steps, checkpointEvery, dtype, predicted } = work;
  const again = checkpointEvery > 0 ? 4 / 3 : 1;
  const activations = (dtype === "bf16" ? 2 : 4) * tokens * numbersMoved(shape, predicted) * again;
  const batches = steps * Math.max(1, Math.ceil(tokens / steps / TOGETHER));
  const weights = 4 * WEIGHT_PASSES * batches * linearParameters(shape);
  return (activations + weights) / hardware.memory_bytes_per_second;
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

/** Bytes per second that an ordinary NVMe drive sustains, assumed. */
const DISK_RATE = 1e9;

/** Bytes of a parameter in an exported folder, and of one that learns in a checkpoint: itself and two moments. */
const SAVED = { exported: 4, checkpoint: 12 } as const;

/** Seconds between checkpoints when nothing else is asked for (`ctx run --checkpoint-every`). */
const BETWEEN_CHECKPOINTS = 60;

/**
 * Seconds that saving adds to a stage on a CPU: its last checkpoint and its folder, and while it goes on a checkpoint a minute. Of GPUs,
 * whose host writes while they compute, nothing is counted.
 *
 * @param seconds that the stage computes
 */
export function savingSeconds(
  seconds: number,
  { parameters, trained }: { parameters: number; trained: number },
  kind: PlanHardware["kind"],
): number {
  if (kind !== "cpu") return 0;
  const checkpoints = 1 + Math.floor(seconds / BETWEEN_CHECKPOINTS);
  return (checkpoints * SAVED.checkpoint * trained + SAVED.exported * parameters) / DISK_RATE;
}

/** Rows of one length that an evaluation scores. */
export interface ScoredRows {
  readonly rows: number;
  readonly length: number;
  /** Tokens of a row that are predicted: of the others no logits are made. */
  readonly predicted: number;
}

/**
 * Estimated seconds of an evaluation, which only computes forward: a third of what a training step moves. Devices share the rows, each of
 * which one computes whole.
 *
 * @param dtype in which they compute
 * @param devices that score side by side
 */
export function scoringSeconds(
  shape: ModelShape,
  scored: readonly ScoredRows[],
  hardware: Pick<
    PlanHardware,
    "kind" | "peak_flops" | "peak_flops_bf16" | "efficiency" | "efficiency_bf16" | "memory_bytes_per_second"
  >,
  { dtype, devices }: { readonly dtype: PlanTrain["dtype"]; readonly devices: number },
): number {
  const rate = expectedRate(hardware, dtype);
  let all = 0;
  let longest = 0;
  for (const { rows, length, predicted } of scored) {
    if (rows === 0) continue;
    const share = predicted / length;
    const { layers, head, attention } = forwardFlops(shape, rows, length);
    const work = { tokens: rows * length, steps: rows, checkpointEvery: 0, dtype, predicted: share };
    const seconds = (layers + share * head + attention) / rate + movingSeconds(shape, work, hardware) / 3;
    all += seconds;
    longest = Math.max(longest, seconds / rows);
  }
  return Math.max(all / devices, longest);
}

/** Tokens of one micro batch on a GPU: as many rows as keep it busy. */
const BUSY = 32_768;

/** Weights that devices divide, and what is computed with them. */
export interface DividedWork {
  /** Of the whole stage that one ring computes. */
  readonly rows: number;
  readonly length: number;
  readonly ring: number;
  readonly devices: number;
  readonly checkpointEvery: number;
  /** Numbers that learn; weights and sums of their gradients travel in fp32. */
  readonly trained: number;
  /** Bytes of the others. */
  readonly frozen: number;
}

/**
 * Seconds that divided weights take to reach all devices, forward and backward, and once more where segments of several layers are computed
 * again, for every micro batch. They travel while the unit before is computed, so a stage takes no longer unless they and the sums take longer than it.
 */
export function gatherSeconds(work: DividedWork, hardware: Links): number {
  const passes = work.checkpointEvery > 1 ? 3 : 2;
  return travelSeconds(passes * (4 * work.trained + work.frozen), work, hardware);
}

/** Seconds that sums of divided gradients take on their way, for every micro batch: while the next unit forms its own, but for a step's last. */
export function scatterSeconds(work: DividedWork, hardware: Links): number {
  return travelSeconds(4 * work.trained, work, hardware);
}

type Links = Pick<PlanHardware, "devices_per_host" | "link_bytes_per_second" | "network_bytes_per_second">;

function travelSeconds(bytes: number, { rows, length, ring, devices }: DividedWork, hardware: Links): number {
  const together = Math.max(1, Math.floor((BUSY * ring) / length));
  const batches = Math.ceil(rows / together);
  const within = devices <= hardware.devices_per_host;
  const link = within
    ? hardware.link_bytes_per_second
    : Math.min(hardware.link_bytes_per_second, hardware.network_bytes_per_second);
  return (batches * bytes * (1 - 1 / devices)) / link;
}

/**
 * Bytes per second that layer inputs move at, assumed: of a CPU's disk what an ordinary NVMe drive sustains, of each GPU
 * what PCIe 4.0 x16 brings each way: about 80% of the 31.5 GB/s that its data rate allows one direction, in both at once.
 */
const OFFLOAD_RATE = { cpu: DISK_RATE, cuda: 25e9 } as const;

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

/** Bytes of a number that the optimizer's moments bring from the host's memory at a step, and as many that they take back: two of fp32; and of its master. */
const PASSING_BYTES = 8;
const MASTER_BYTES = 4;

/** Bytes of a number that its master reads and writes to round it for products: fp32 in, bf16 out. */
const ROUNDING_BYTES = 6;

/** Seconds that masters of so many parameters take to be rounded at optimizer steps. */
export function roundingSeconds(
  parameters: number,
  steps: number,
  hardware: Pick<PlanHardware, "memory_bytes_per_second">,
): number {
  return (ROUNDING_BYTES * parameters * steps) / hardware.memory_bytes_per_second;
}

/**
 * Seconds that moments in the host's memory take to pass a GPU at its optimizer steps. Nothing hides them: an update begins when the norm
 * of all gradients is known. They leave while the next ones come, as PCIe carries both directions at once (native/optim/host_moments.h).
 *
 * @param parameters whose moments one device keeps
 * @param masters whether their masters come with them
 */
export function momentSeconds(parameters: number, steps: number, masters: boolean): number {
  return ((PASSING_BYTES + (masters ? MASTER_BYTES : 0)) * parameters * steps) / OFFLOAD_RATE.cuda;
}

/**
 * Seconds that gradients in the host's memory take on their way: to the host and back for each row, one layer's out while another's come, and to
 * the device twice at a step, for the norm and for the update. As if nothing were computed meanwhile and every row were a micro batch of its own: an
 * upper bound.
 *
 * @param bytes of gradients that wait
 */
export function gradientSeconds(bytes: number, { rows, steps }: { rows: number; steps: number }): number {
  return (bytes * (rows + 2 * steps)) / OFFLOAD_RATE.cuda;
}
