import {
  type Found,
  freeSpace,
  type Held,
  type LayoutSpace,
  type Lying,
  ofSteps,
  type StageNeeds,
  searchLayout,
  searchStep,
  segmentLengths,
} from "../memory/index.ts";
import { isComputed } from "../model/index.ts";
import type { PlanFlops, PlanHardware, PlanMemory, PlanParallel } from "../plan.ts";
import { isCall, numberArgument, type Typed } from "../types/typed.ts";
import { noteIdleLayout } from "./layout_idle.ts";
import { type Chosen, choiceNotes } from "./layout_notes.ts";
import { Reader } from "./reader.ts";

/** What the layout of a stage is chosen for. */
export interface LayoutGround extends StageNeeds {
  /** JSON pointer of the stage. */
  readonly pointer: string;
}

/** A stage's layout, and what it costs. */
export interface Layout {
  readonly parallel: PlanParallel;
  readonly memory: PlanMemory;
  readonly flops: PlanFlops;
  readonly seconds: number;
}

/**
 * How a stage is divided over devices and what it keeps in memory. What is written is kept; of what is `auto` the fastest
 * choice that fits the hardware is taken, and of equally fast ones the smallest ring, then as many rows at once as keep a
 * device busy. If nothing fits, the most frugal choice stands and the memory check says by how much it fails.
 */
export function lowerLayout(parallel: Reader, memory: Reader, given: LayoutGround): Layout {
  if (!isComputed(given.model.family)) return uncounted(parallel, memory, given);
  const ground = { ...given, shard: parallel.text("shard") === "all" };
  const devices = devicesOf(parallel, ground.hardware);
  const step = stepLayout(parallel, memory, ground, devices);
  const { space } = step;
  const { choice, fits } = ofSteps(ground, space, step.found);
  noteIdleLayout(parallel, memory, choice, ground, space.devices);
  const chosen = { choice, fits, space, ground };
  parallel.lowering.noteLater({ defaults: () => choiceNotes(parallel, memory, chosen, step) });
  return laidOut(parallel, memory, chosen);
}

/** Properties of `parallel` and of `memory`. */
const PARALLEL = ["devices", "ring", "layout", "shard", "micro_batch"] as const;
const MEMORY = [
  "checkpoint",
  "offload",
  "moments",
  "weights",
  "gradients",
  "head_groups",
  "mlp_tile",
  "loss_chunk",
] as const;

/** What there is to choose from, and what was chosen for one step. */
export interface StepLayout {
  readonly space: LayoutSpace;
  readonly found: Found;
  /** Bytes on a device, at the least, if all activations were kept; absent where nobody has asked. */
  keepingAll?: number;
}

/** Most stages of a recipe differ from one another in their steps alone, and are laid out once. */
function stepLayout(parallel: Reader, memory: Reader, ground: LayoutGround, devices: number): StepLayout {
  const { layouts } = parallel.lowering;
  const key = writtenKey(parallel, memory, ground);
  let known = layouts.get(key);
  if (!known) {
    const space = layoutSpace(parallel, memory, ground, devices);
    known = { space, found: searchStep(ground, space) };
    layouts.set(key, known);
  }
  return known;
}

/** All that decides the layout of one step and is not the same for the whole recipe. */
function writtenKey(parallel: Reader, memory: Reader, { train, length, sequences, attended }: LayoutGround): string {
  const { dtype, lora } = train;
  const rows = attended ? `${attended.full} ${attended.windowed}` : "whole";
  const learns = lora ? `${lora.rank} ${lora.targets} ${lora.also}` : "all";
  let key = `${length} ${sequences} ${rows} ${dtype} ${learns}`;
  for (const name of PARALLEL) key += ` ${written(parallel.value(name))}`;
  for (const name of MEMORY) key += ` ${written(memory.value(name))}`;
  return key;
}

function written(value: Typed | undefined): string {
  return isCall(value) ? `${value.name}(${numberArgument(value, "layers")})` : String(value);
}

/** Of a model that no engine computes: nothing of what is kept in memory can be set, for nothing of it is planned. What is written changes nothing, time included. */
function uncounted(parallel: Reader, memory: Reader, given: LayoutGround): Layout {
  const ground = { ...given, shard: false };
  const unset = new Reader(undefined, memory.definition, memory.scope, memory.path, memory.lowering);
  const space = layoutSpace(parallel, unset, ground, devicesOf(parallel, ground.hardware));
  const chosen = { ...searchLayout(ground, space), space, ground };
  const hint = `memory is not planned for a model of ${given.model.family}, which no engine here computes`;
  const { idle } = parallel.lowering;
  const written = MEMORY.filter((name) => memory.exact(name) && memory.value(name) !== undefined);
  if (written.length > 0) idle.note("memory", memory.section?.at, hint, "warning");
  if (parallel.text("shard") !== undefined) idle.note("shard", parallel.exact("shard"), hint, "warning");
  if (parallel.number("ring") === undefined) {
    parallel.note("ring", String(chosen.choice.ring), "the smallest that leaves every group the same rows");
  }
  return laidOut(parallel, memory, chosen);
}

function laidOut(parallel: Reader, memory: Reader, { choice, space, ground }: Chosen): Layout {
  traceLayout(parallel, memory, ground.pointer);
  const { devices, layout } = space;
  const groups = Math.max(1, Math.floor(devices / choice.ring));
  return {
    parallel: {
      devices,
      ring: choice.ring,
      layout,
      ...(ground.shard && { shard: "all" as const }),
      data_parallel: groups,
      micro_batch: choice.microBatch,
      accumulation: Math.max(1, Math.ceil(ground.sequences / groups / choice.microBatch)),
    },
    memory: {
      checkpoint_every: choice.checkpointEvery,
      loss_chunk: choice.lossChunk,
      mlp_tile: choice.mlpTile,
      ...(choice.headGroups > 1 && { head_groups: choice.headGroups }),
      offload: choice.offload,
      disk: choice.disk,
      ...(choice.gradients === "host" && { gradients: "host" as const }),
      ...(choice.moments === "host" && { moments: "host" as const }),
      ...(choice.weights === "bf16" && { weights: "bf16" as const }),
      device: choice.ledger,
      host: { ...choice.host },
    },
    flops: choice.flops,
    seconds: choice.seconds,
  };
}

/** What the recipe leaves open, and what it sets. */
function layoutSpace(parallel: Reader, memory: Reader, ground: LayoutGround, devices: number): LayoutSpace {
  const layout = (parallel.text("layout") as PlanParallel["layout"] | undefined) ?? "zigzag";
  const ring = parallel.number("ring");
  const micro = parallel.number("micro_batch");
  const chunk = memory.number("loss_chunk");
  const tile = memory.value("mlp_tile") === "none" ? 0 : memory.number("mlp_tile");
  const groups = memory.number("head_groups");
  const offload = (memory.text("offload") ?? "auto") as PlanMemory["offload"] | "auto";
  const moments = (memory.text("moments") ?? "auto") as Lying | "auto";
  const weights = (memory.text("weights") ?? "auto") as Held | "auto";
  const gradients = (memory.text("gradients") ?? "auto") as Lying | "auto";
  const free = freeSpace(ground, devices, layout);
  return {
    ...free,
    checkpoints: checkpointChoices(memory, ground.model.layers),
    ...(ring !== undefined && { rings: [ring] }),
    ...(micro !== undefined && { micros: () => [micro] }),
    ...(ring === undefined && micro !== undefined && { rings: dividedBy(micro, free, ground.sequences) }),
    ...(chunk !== undefined && { chunks: [chunk] }),
    ...(groups !== undefined && { groups: [groups] }),
    ...(tile !== undefined && { tiles: [tile] }),
    ...(offload !== "auto" && { offloads: [offload] }),
    ...(moments !== "auto" && { moments: only(moments, free.moments) }),
    ...(weights !== "auto" && { weights: only(weights, free.weights) }),
    ...(gradients !== "auto" && { gradients: only(gradients, free.gradients) }),
  };
}

/** What is written, where it can be; `noteIdleLayout` tells where it can't. */
function only<Value>(written: Value, possible: readonly Value[]): readonly Value[] {
  return possible.includes(written) ? [written] : possible;
}

/** The rings whose groups have rows that a written micro batch divides; all if there is none. */
function dividedBy(micro: number, { rings, devices }: LayoutSpace, sequences: number): readonly number[] {
  const even = rings.filter((ring) => ((sequences * ring) / devices) % micro === 0);
  return even.length > 0 ? even : rings;
}

/** As written, else one ring on a CPU, all that the hardware has on GPUs. */
function devicesOf(parallel: Reader, hardware: PlanHardware): number {
  const ring = parallel.number("ring");
  const written = parallel.number("devices");
  if (written !== undefined) return written;
  if (hardware.kind === "cpu") {
    parallel.note(
      "devices",
      String(ring ?? 1),
      "one ring: on CPUs, rings side by side are processes (ctx run --nproc)",
    );
    return ring ?? 1;
  }
  const devices = ring !== undefined && hardware.devices % ring !== 0 ? ring : hardware.devices;
  parallel.note("devices", String(devices), ring === devices ? "one ring" : "all that the hardware has");
  return devices;
}

/** `none` → 0, `every(n)` → n, `auto` → all there is; with an offload that is written, all that has something to move. */
function checkpointChoices(memory: Reader, layers: number): number[] {
  const value = memory.value("checkpoint");
  if (value === "none") return [0];
  if (isCall(value)) return [numberArgument(value, "layers") ?? 1];
  const lengths = segmentLengths(layers);
  const offload = memory.text("offload");
  if (offload !== "disk" && offload !== "host") return [0, ...lengths];
  const moving = lengths.filter((length) => Math.ceil(layers / length) > 2);
  return moving.length > 0 ? moving : lengths;
}

function traceLayout(parallel: Reader, memory: Reader, pointer: string): void {
  for (const name of ["devices", "ring", "layout", "shard", "micro_batch"])
    parallel.trace(name, `${pointer}/parallel/${name}`);
  memory.trace("checkpoint", `${pointer}/memory/checkpoint_every`);
  memory.trace("loss_chunk", `${pointer}/memory/loss_chunk`);
  memory.trace("mlp_tile", `${pointer}/memory/mlp_tile`);
  memory.trace("head_groups", `${pointer}/memory/head_groups`);
  memory.trace("offload", `${pointer}/memory/offload`);
  memory.trace("moments", `${pointer}/memory/moments`);
  memory.trace("weights", `${pointer}/memory/weights`);
  memory.trace("gradients", `${pointer}/memory/gradients`);
  const { trace } = parallel.lowering;
  trace.set(`${pointer}/parallel`, parallel.section?.at);
  trace.set(`${pointer}/memory`, memory.section?.at);
}
