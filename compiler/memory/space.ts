import { isComputed } from "../model/index.ts";
import type { PlanHardware, PlanMemory, PlanModel, PlanParallel } from "../plan.ts";
import { divisors, legalRings } from "../ring/index.ts";
import type { LayoutSpace, StageNeeds } from "./search.ts";
import { learnsMatrices } from "./stage.ts";

/** Tokens that keep one device busy; more rows at once only take memory. */
const busy = { cpu: 8192, cuda: 32_768 } as const;

/** Ranks of the largest ring that the engine makes (native/model/layout.cc); `ring` has the same bound. */
const mostRanks = 1024;

/** Bytes of logits formed at once when the recipe does not say, and what is tried where that is too much. */
const logitsBytes = [64, 16, 4].map((mebibytes) => mebibytes * 2 ** 20);

/** Rows of the MLP at once: larger products are no faster. */
const mlpTiles = { cpu: [1024, 256], cuda: [4096, 1024, 256] } as const;

/** All that there is to choose from when the recipe sets nothing. Of a model without an engine nothing but its ring is planned. */
export function freeSpace(needs: StageNeeds, devices: number, layout: PlanParallel["layout"]): LayoutSpace {
  const { model, hardware } = needs;
  const computed = isComputed(model.family);
  return {
    devices,
    layout,
    checkpoints: computed ? [0, ...segmentLengths(model.layers)] : [0],
    offloads: computed ? ["none", offloadOf(hardware.kind)] : ["none"],
    moments: computed && hardware.kind === "cuda" ? ["device", "host"] : ["device"],
    weights: weightsMayBeRounded(needs) ? ["f32", "bf16"] : ["f32"],
    gradients: gradientsMayWait(needs, devices) ? ["device", "host"] : ["device"],
    rings: rings(devices, layout, needs),
    micros: (ring) => microBatches(Math.max(1, Math.ceil((needs.sequences * ring) / devices)), ring, needs),
    groups: computed ? divisors(model.kv_heads) : [1],
    tiles: mlpTiles[hardware.kind],
    chunks: logitsBytes.map((bytes) => chunkOf(bytes, model)),
  };
}

/** One GPU that trains all weights of more than two layers: several sum theirs, adapters have few. */
export function gradientsMayWait({ model, train, hardware, shard }: StageNeeds, devices: number): boolean {
  if (!isComputed(model.family) || hardware.kind === "cpu" || shard) return false;
  return devices === 1 && train.method === "full" && model.layers > 2;
}

/** GPUs that hold all weights, of which matrices learn beside activations in bf16. */
export function weightsMayBeRounded({ model, train, hardware, shard }: StageNeeds): boolean {
  return hardware.kind === "cuda" && !shard && learnsMatrices(model, train);
}

/** Where the layer inputs of a device of this kind can wait. */
function offloadOf(kind: PlanHardware["kind"]): PlanMemory["offload"] {
  return kind === "cpu" ? "disk" : "host";
}

/** Lengths of the segments into which layers can be cut, one for each number of segments. */
export function segmentLengths(layers: number): number[] {
  const lengths: number[] = [];
  for (let segments = 1; segments <= layers; segments++) {
    const length = Math.ceil(layers / segments);
    if (length !== lengths.at(-1)) lengths.push(length);
  }
  return lengths;
}

/**
 * Rings that divide both the devices and the length, from small to large; of these, if there are any, those that leave
 * every group the same rows. 1 if there is no other. A CPU has but one ring.
 */
function rings(devices: number, layout: PlanParallel["layout"], { hardware, length, sequences }: StageNeeds): number[] {
  if (hardware.kind === "cpu") return [Math.min(devices, mostRanks)];
  const legal = legalRings(length, Math.min(devices, mostRanks), layout).filter((ring) => devices % ring === 0);
  const even = legal.filter((ring) => sequences % (devices / ring) === 0);
  return [even, legal].find((list) => list.length > 0) ?? [1];
}

/** Numbers of rows that divide a group's rows, from what keeps a device busy down to 1. */
function microBatches(rows: number, ring: number, { length, hardware }: StageNeeds): number[] {
  const enough = Math.max(1, Math.ceil((busy[hardware.kind] * ring) / length));
  return divisors(rows)
    .filter((micro) => micro <= enough)
    .reverse();
}

/** Rows of logits that take about so many bytes, whole blocks of 64. */
function chunkOf(bytes: number, model: PlanModel): number {
  const rows = Math.floor(bytes / (4 * model.vocab_size));
  return Math.max(64, Math.floor(rows / 64) * 64);
}
