import { gradientSeconds, momentSeconds } from "../cost/index.ts";
import {
  type Choice,
  choiceNeed,
  FILLED,
  type Found,
  freeSpace,
  gradientsMayWait,
  type Held,
  type LayoutSpace,
  type Lying,
  ofSteps,
  type StageNeeds,
  searchLayout,
  searchStep,
  segmentLengths,
  trainedBy,
  weightsMayBeRounded,
} from "../memory/index.ts";
import { isComputed } from "../model/index.ts";
import type { PlanDefault, PlanFlops, PlanHardware, PlanMemory, PlanParallel } from "../plan.ts";
import { isCall, numberArgument, type Typed } from "../types/typed.ts";
import { showBytes, showDuration, showRatio } from "../values/show.ts";
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
  refuseIdleOffload(memory, choice, ground);
  noteIdleTile(memory, choice);
  noteIdleShard(parallel, ground, space.devices);
  noteIdleWaiting(memory, ground, space.devices);
  noteIdleRounding(memory, ground);
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

/** What is written, where it can be; `noteIdleWaiting` and `noteIdleRounding` tell where it can't. */
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

/** An offload that moves nothing, or nothing away from the device, is not what its writer means. */
function refuseIdleOffload(memory: Reader, choice: Choice, { hardware, model }: LayoutGround): void {
  const { offload, checkpointEvery } = choice;
  const at = memory.exact("offload");
  if (!at || offload === "none" || memory.text("offload") === "auto") return;
  const refuse = (problem: string, hint: string) =>
    memory.lowering.report.add("CTX7011", at, { setting: `offload = ${offload}`, problem, hint });
  const inputs = checkpointEvery === 0 ? 0 : Math.ceil(model.layers / checkpointEvery);
  if (hardware.kind === "cpu" && offload === "host") {
    refuse("frees nothing on a CPU, whose memory is the host's", "offload = disk frees it");
  } else if (hardware.kind === "cuda" && offload === "disk") {
    refuse("is for a CPU", "offload = host moves the layer inputs of GPUs to the host's memory");
  } else if (checkpointEvery === 0) {
    refuse(
      "moves nothing: all activations are kept",
      "it goes with checkpoint = every(…), whose layer inputs it moves",
    );
  } else if (inputs <= 2) {
    refuse(
      `moves nothing: ${inputs === 1 ? "one layer input is" : `${inputs} layer inputs are`} saved`,
      "the last two never leave the device; checkpoint more layers",
    );
  }
}

/** On a CPU it is for processes, of which the recipe says nothing, and one device has nobody to divide with. */
function noteIdleShard(parallel: Reader, { shard, hardware }: LayoutGround, devices: number): void {
  const at = parallel.exact("shard");
  if (!at || !shard) return;
  const { idle, report } = parallel.lowering;
  if (hardware.kind === "cpu") {
    const hint = "its ranks share its memory; processes of --nproc or mpirun do divide weights, gradients and moments";
    report.add("CTX7010", at, { name: "in one process shard = all", hint });
  } else idle.note("shard", at, devices === 1 ? "one device holds everything" : undefined);
}

/** Of a CPU the device's memory is the host's; gradients wait for one device that trains all weights. */
function noteIdleWaiting(memory: Reader, ground: LayoutGround, devices: number): void {
  const { report } = memory.lowering;
  for (const name of ["moments", "gradients"] as const) {
    const at = memory.exact(name);
    if (!at || memory.text(name) !== "host") continue;
    const setting = `${name} = host`;
    if (ground.hardware.kind === "cpu") {
      report.add("CTX7010", at, { name: setting, hint: "its memory is the host's: they lie there as they are" });
    } else if (name === "gradients" && !gradientsMayWait(ground, devices)) {
      report.add("CTX7011", at, { setting, ...whyTheyStay(ground, devices) });
    }
  }
}

function whyTheyStay({ train, model }: LayoutGround, devices: number): { problem: string; hint: string } {
  if (train.method !== "full")
    return { problem: "moves nothing: an adapter's gradients stay on the device", hint: "they are few; leave it out" };
  if (devices > 1)
    return {
      problem: "is for one device: several sum their gradients",
      hint: "they divide moments, and with shard = all gradients too",
    };
  if (model.layers <= 2)
    return {
      problem: `moves nothing: there are ${model.layers} layers`,
      hint: "two layers' gradients never leave the device",
    };
  return {
    problem: "is for a device that holds all weights",
    hint: "leave shard = all out, which one device has no use for",
  };
}

/** Beside fp32 a rounded matrix would be another one; adapters stay fp32, and parts of weights too. */
function noteIdleRounding(memory: Reader, ground: LayoutGround): void {
  const at = memory.exact("weights");
  if (!at || memory.text("weights") !== "bf16") return;
  const { idle, report } = memory.lowering;
  if (ground.hardware.kind === "cpu") {
    const hint = "its memory is the host's, where the masters would lie beside the rounded matrices";
    report.add("CTX7010", at, { name: "weights = bf16", hint });
  } else idle.note("weights = bf16", at, weightsMayBeRounded(ground) ? undefined : whyTheyAreWhole(ground));
}

function whyTheyAreWhole({ train, shard }: LayoutGround): string {
  if (train.dtype === "f32")
    return "it is for training in bf16, where products round matrices anyway: train { dtype = bf16 }, or leave it out";
  if (shard) return "with shard = all each device holds its part of the weights in fp32: leave one of the two out";
  return "no matrix of the model learns, and adapters stay fp32; frozen matrices are bf16 as it is: leave it out";
}

/** A tile that no stage has the rows for. */
function noteIdleTile(memory: Reader, choice: Choice): void {
  const written = memory.number("mlp_tile");
  if (written === undefined || !memory.has("mlp_tile")) return;
  const held = Math.ceil((choice.microBatch * choice.length) / choice.ring);
  const hint = `a rank holds at most ${held.toLocaleString("en-US")} rows; \`none\` computes all at once`;
  memory.lowering.idle.note("mlp_tile", memory.exact("mlp_tile"), written > held ? hint : undefined);
}

interface Chosen {
  readonly choice: Choice;
  readonly fits: boolean;
  readonly space: LayoutSpace;
  readonly ground: LayoutGround;
}

/** Why what was left open came out as it did. */
function* choiceNotes(parallel: Reader, memory: Reader, chosen: Chosen, step: StepLayout): Generator<PlanDefault> {
  const { choice, fits, space, ground } = chosen;
  const { device_bytes: room } = ground.hardware;
  const taken = `${showBytes(choiceNeed(choice, ground.hardware.kind))} of ${showBytes(room)}`;
  const why = fits ? `fits: ${taken}` : tooTight(choice, ground.hardware);
  if (parallel.number("ring") === undefined) {
    const reason = space.devices === 1 ? "one device" : `the smallest of the fastest rings; ${why}`;
    yield parallel.noteOf("ring", String(choice.ring), reason);
  }
  if (parallel.number("micro_batch") === undefined && ground.sequences > 1) {
    yield parallel.noteOf("micro_batch", String(choice.microBatch), `keeps a device busy; ${why}`);
  }
  if (memory.value("checkpoint") === "auto") {
    const value = choice.checkpointEvery === 0 ? "none" : `every(${choice.checkpointEvery})`;
    yield memory.noteOf("checkpoint", value, fits ? reasonToCheckpoint(chosen, step, taken) : why);
  }
  if (choice.checkpointEvery > 0) yield recomputeNote(memory, choice, ground.model.layers);
  if (memory.value("offload") === "auto") {
    const reason =
      choice.offload === "none"
        ? choice.checkpointEvery === 0
          ? "all activations are kept"
          : fits
            ? "saved layer inputs fit on the device"
            : why
        : fits
          ? `the fastest that fits: ${taken}`
          : why;
    yield memory.noteOf("offload", choice.offload, reason);
  }
  if (memory.value("moments") === "auto" && ground.hardware.kind === "cuda") {
    yield memory.noteOf("moments", choice.moments, fits ? momentsReason(chosen, taken) : why);
  }
  if (memory.value("weights") === "auto" && weightsMayBeRounded(ground)) {
    yield memory.noteOf("weights", choice.weights, fits ? weightsReason(chosen, taken) : why);
  }
  if (memory.value("gradients") === "auto" && space.gradients.length > 1) {
    yield memory.noteOf("gradients", choice.gradients, fits ? gradientsReason(choice, ground, taken) : why);
  }
  const tile = memory.value("mlp_tile");
  if (tile === "auto") {
    yield memory.noteOf("mlp_tile", String(choice.mlpTile), tileReason(choice, space.tiles, why));
  }
  if (memory.value("head_groups") === "auto") {
    const reason = choice.headGroups === 1 ? "all heads at once fit" : `the fewest that fit: ${taken}`;
    yield memory.noteOf("head_groups", String(choice.headGroups), fits ? reason : why);
  }
  const lossChunk = memory.number("loss_chunk");
  if (lossChunk === undefined) {
    const bytes = showBytes(4 * choice.lossChunk * ground.model.vocab_size);
    yield memory.noteOf("loss_chunk", String(choice.lossChunk), `${bytes} of logits`);
  } else if (lossChunk > choice.lossChunk) {
    yield memory.noteOf("loss_chunk", String(choice.lossChunk), "all rows that a rank holds, fewer than written");
  }
}

/** What checkpoints cost, and of what: one segment of all layers is not free either. */
function recomputeNote(memory: Reader, { checkpointEvery: every, flops }: Choice, layers: number): PlanDefault {
  const more = flops.recompute / (flops.total - flops.recompute);
  const first = Math.floor((layers - 1) / every) * every;
  const mlp = "gate and up of each MLP, which no checkpoint keeps";
  const reason = first === 0 ? `${mlp}; nothing else` : `${mlp}, and the other work of the first ${first} layers`;
  return memory.noteOf("recompute", `${showRatio(Number(more.toPrecision(2)))} more FLOPs`, reason);
}

/** Why the most frugal layout does not do. Plans leave a tenth of a device to the kernels' buffers and the system. */
function tooTight(choice: Choice, { kind, device_bytes: room }: PlanHardware): string {
  return choiceNeed(choice, kind) > room
    ? "the most frugal, and still too large"
    : `the most frugal, and more than the ${showBytes(FILLED * room)} of ${showBytes(room)} that a plan fills`;
}

/** What it costs that the moments do not fit: the host's memory, and their way at each step. */
function momentsReason({ choice, space, ground }: Chosen, taken: string): string {
  if (choice.moments === "device") return "they fit on the device";
  const { model, train } = ground;
  const share = trainedBy(model, train, space.devices) / space.devices;
  const seconds = momentSeconds(share, 1, choice.weights === "bf16");
  const they = choice.weights === "bf16" ? "with the masters they take" : "they take";
  return `the fastest that fits, ${taken}: ${they} ${showBytes(choice.host.optimizer ?? 0)} of the host, and ${showDuration(seconds)} of each step on their way`;
}

/** Where the masters lie instead: with the moments, wherever these are. */
function weightsReason({ choice }: Chosen, taken: string): string {
  if (choice.weights === "f32") return "they fit on the device";
  const where = choice.moments === "host" ? "in the host's memory" : "on the devices, each with its share";
  return `the fastest that fits, ${taken}: their fp32 masters lie ${where}`;
}

function gradientsReason({ gradients, host }: Choice, { sequences }: LayoutGround, taken: string): string {
  if (gradients === "device") return "they fit on the device";
  const bytes = host.gradients ?? 0;
  const seconds = showDuration(gradientSeconds(bytes, { rows: sequences, steps: 1 }));
  return `the fastest that fits, ${taken}: they take ${showBytes(bytes)} of the host, and at most ${seconds} of each step on their way`;
}

function tileReason(choice: Choice, tiles: readonly number[], why: string): string {
  const most = tiles[0]!;
  if (choice.mlpTile === most) return "larger ones are no faster";
  return choice.mlpTile === Math.ceil((choice.microBatch * choice.length) / choice.ring) && choice.mlpTile < most
    ? "all rows that a rank holds"
    : why;
}

/** "keeps all activations: 3.1 GiB of 24 GiB", or what keeping all would need. */
function reasonToCheckpoint({ choice, space, ground }: Chosen, step: StepLayout, taken: string): string {
  if (choice.checkpointEvery === 0) return `keeps all activations: ${taken}`;
  if (!space.checkpoints.includes(0)) return `the fastest that goes with offload: ${taken}`;
  step.keepingAll ??= leastKeepingAll(ground, space);
  return `the fastest that fits, ${taken}: keeping all would need ${showBytes(step.keepingAll)} at least, and a tenth stays free`;
}

/** Bytes on a device of the most frugal layout that computes nothing again. */
function leastKeepingAll(ground: LayoutGround, space: LayoutSpace): number {
  const tight = { ...ground, hardware: { ...ground.hardware, device_bytes: 1 } };
  return choiceNeed(searchStep(tight, { ...space, checkpoints: [0] }).choice, ground.hardware.kind);
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
