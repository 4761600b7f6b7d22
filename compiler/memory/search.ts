import {
  exchangeSeconds,
  expectedRate,
  gatherSeconds,
  gradientSeconds,
  type HostNeeds,
  hostBytes,
  momentSeconds,
  movingSeconds,
  offloadSeconds,
  roundingSeconds,
  type StageWork,
  savingSeconds,
  scatterSeconds,
  stageFlops,
  stageSeconds,
  updateSeconds,
} from "../cost/index.ts";
import type { PlanAttended, PlanFlops, PlanHardware, PlanLedger, PlanMemory, PlanParallel } from "../plan.ts";
import { besideArena } from "./beside.ts";
import {
  type StageMemory,
  stageHostGradients,
  stageHostMoments,
  stageLedger,
  stageOffload,
  trainedBy,
} from "./stage.ts";

/** A stage whose layout is to be chosen. */
export type StageNeeds = Pick<StageMemory, "model" | "train" | "length" | "shard"> &
  Pick<StageWork, "steps"> & {
    readonly hardware: PlanHardware;
    /** Rows of an optimizer step. */
    readonly sequences: number;
    readonly attended?: PlanAttended | undefined;
  };

/** Where gradients or the optimizer's moments lie. */
export type Lying = "device" | "host";

/** In what the device holds matrices that learn. */
export type Held = "f32" | "bf16";

/** What may be chosen. Of choices that take the same time the first of each list counts most, lists in this order. */
export interface LayoutSpace {
  readonly devices: number;
  readonly layout: PlanParallel["layout"];
  readonly checkpoints: readonly number[];
  readonly offloads: readonly PlanMemory["offload"][];
  readonly moments: readonly Lying[];
  readonly weights: readonly Held[];
  readonly gradients: readonly Lying[];
  readonly rings: readonly number[];
  /** Rows at once on a ring. */
  readonly micros: (ring: number) => readonly number[];
  /** Of heads; this list alone rises. Along each list that follows, and `micros`, the memory falls. */
  readonly groups: readonly number[];
  /** Rows, 0 for all. */
  readonly tiles: readonly number[];
  readonly chunks: readonly number[];
}

/** A way to lay a stage out, with what it takes. */
export interface Choice extends StageMemory {
  readonly moments: Lying;
  readonly weights: Held;
  readonly gradients: Lying;
  readonly headGroups: number;
  /** null: of a family without an engine. */
  readonly ledger: PlanLedger | null;
  readonly host: { readonly [term: string]: number };
  /** Bytes on a host's disk. */
  readonly disk: number;
  readonly flops: PlanFlops;
  readonly seconds: number;
}

export interface Found {
  /** The fastest choice that fits; if none does, the one that fails by the least share. */
  readonly choice: Choice;
  readonly fits: boolean;
  /** Ledgers that were worked out: what the search costs. */
  readonly looked: number;
}

/** Share of a device's memory that a plan fills: the rest is for the kernels' own buffers and the system. */
export const FILLED = 0.9;

/** What a choice takes of all that the device, or its host, has to give: the larger share of the two. */
function share(choice: Choice, { kind, device_bytes: device, host_bytes: inAll }: PlanHardware): number {
  const { ledger, host } = choice;
  const inHost = Object.values(host).reduce((sum, part) => sum + part, 0);
  const taken = Math.max((ledger?.total ?? 0) / (FILLED * device), inHost / inAll);
  // Of a small GPU the tenth that stays free may be less than CUDA takes.
  return ledger && kind === "cuda" ? Math.max(taken, (ledger.total + besideArena(choice, kind)) / device) : taken;
}

/** Whether a choice fits the device, and its host. */
export function fits(choice: Choice, hardware: PlanHardware): boolean {
  return share(choice, hardware) <= 1;
}

/** The fastest layout that fits. */
export function searchLayout(needs: StageNeeds, space: LayoutSpace): Found {
  return ofSteps(needs, space, searchStep(needs, space));
}

/**
 * The fastest layout of one step. Neither it nor its memory depends on the number of steps: stages that differ in nothing else need one
 * search, and `ofSteps` of each.
 */
export function searchStep(needs: StageNeeds, space: LayoutSpace): Found {
  return search({ ...needs, steps: 1 }, space);
}

/** What was found for one step, with the time that a stage's own steps take. */
export function ofSteps(needs: StageNeeds, space: LayoutSpace, { choice, fits, looked }: Found): Found {
  return { choice: { ...choice, train: needs.train, ...timeOf(needs, space, choice) }, fits, looked };
}

type Chosen = Way & Pick<Choice, "microBatch" | "headGroups" | "mlpTile" | "lossChunk">;

/**
 * Time depends on what is computed again and what is moved, and, in a contiguous ring, on its size: these are visited from
 * fast to slow, and of each the most frugal layout is looked at first, so that what cannot fit costs one ledger. The first
 * that fits is therefore the answer, the same as of looking at all.
 */
function search(needs: StageNeeds, space: LayoutSpace): Found {
  let looked = 0;
  let frugal: { readonly choice: Choice; readonly takes: number } | undefined;
  /** The choice if it fits. */
  const look = (
    { way, time }: TimedWay,
    microBatch: number,
    headGroups: number,
    mlpTile: number,
    lossChunk: number,
  ): Choice | undefined => {
    looked++;
    const choice = layoutOf(needs, space, { ...way, microBatch, headGroups, mlpTile, lossChunk }, time);
    const takes = share(choice, needs.hardware);
    if (!frugal || takes < frugal.takes) frugal = { choice, takes };
    return takes <= 1 ? choice : undefined;
  };
  const mostGroups = space.groups.at(-1)!;
  const leastTile = space.tiles.at(-1)!;
  const leastChunk = space.chunks.at(-1)!;
  for (const way of waysByTime(needs, space)) {
    const micros = space.micros(way.way.ring);
    if (!look(way, micros.at(-1)!, mostGroups, leastTile, leastChunk)) continue;
    const microBatch = micros.find((rows) => look(way, rows, mostGroups, leastTile, leastChunk))!;
    const headGroups = space.groups.find((count) => look(way, microBatch, count, leastTile, leastChunk))!;
    const mlpTile = space.tiles.find((rows) => look(way, microBatch, headGroups, rows, leastChunk))!;
    for (const lossChunk of space.chunks) {
      const choice = look(way, microBatch, headGroups, mlpTile, lossChunk);
      if (choice) return { choice, fits: true, looked };
    }
  }
  return { choice: frugal!.choice, fits: false, looked };
}

/** What decides the time of a stage. */
type Way = Pick<Choice, "ring" | "checkpointEvery" | "offload" | "moments" | "weights" | "gradients">;

interface Time {
  readonly flops: PlanFlops;
  readonly seconds: number;
}

interface TimedWay {
  readonly way: Way;
  readonly time: Time;
}

/** From fast to slow; equally fast ones in the order of the space. */
function waysByTime(needs: StageNeeds, space: LayoutSpace): TimedWay[] {
  const updates = updatesOf(needs, space.devices);
  const ways = space.checkpoints.flatMap((checkpointEvery) => {
    const flops = flopsOf(needs, checkpointEvery);
    const paces = space.rings.map((ring) => paceOf(needs, space, { ring, checkpointEvery }, flops));
    const leaving = space.rings.map((ring) => leavingBytes(needs, { ring, checkpointEvery }));
    return space.offloads.flatMap((offload) =>
      space.moments.flatMap((moments) =>
        heldWith(moments, space).flatMap((weights) =>
          space.gradients.flatMap((gradients) =>
            space.rings.map((ring, k) => {
              const way = { ring, checkpointEvery, offload, moments, weights, gradients };
              return { way, time: timeOf(needs, space, way, paces[k], updates, leaving[k]) };
            }),
          ),
        ),
      ),
    );
  });
  return ways.sort((a, b) => a.time.seconds - b.time.seconds);
}

/** Masters on the device take twice what rounding frees, shared by all devices: of one or two there is nothing to gain. */
function heldWith(moments: Lying, { weights, devices }: LayoutSpace): readonly Held[] {
  return moments === "device" && devices <= 2 && weights.length > 1 ? ["f32"] : weights;
}

/** What of a stage's time is the same wherever its inputs, gradients, moments and masters lie. */
interface Pace {
  readonly flops: PlanFlops;
  /** Seconds of products and attention, and of what passes between memory and processor for them. */
  readonly computing: number;
  readonly moving: number;
  /** Seconds of all that travels beside them. */
  readonly travelling: number;
}

function paceOf(
  needs: StageNeeds,
  space: Pick<LayoutSpace, "devices" | "layout">,
  { ring, checkpointEvery }: Pick<Way, "ring" | "checkpointEvery">,
  flops: PlanFlops = flopsOf(needs, checkpointEvery),
): Pace {
  const { model, train, hardware, length, steps, sequences, shard } = needs;
  const devices = computing(hardware, space.devices);
  const rows = steps * Math.ceil(sequences / Math.max(1, Math.floor(devices / ring)));
  const exchange = exchangeSeconds(model, { rows, length, ring, checkpointEvery, dtype: train.dtype }, hardware);
  const work = { tokens: steps * sequences * length, steps, checkpointEvery, dtype: train.dtype };
  const divided =
    shard && hardware.kind === "cuda"
      ? {
          ...{ rows, length, ring, devices, checkpointEvery, trained: trainedBy(model, train, devices) },
          frozen: train.lora ? (train.dtype === "bf16" ? 2 : 4) * model.parameters : 0,
        }
      : null;
  const rate = expectedRate(hardware, train.dtype);
  return {
    flops,
    computing: stageSeconds(flops, rate, { devices, ring, layout: space.layout }, exchange),
    moving: movingSeconds(model, work, hardware),
    // All of it passes the device's one way in, keys and values too.
    travelling: divided ? exchange + gatherSeconds(divided, hardware) + scatterSeconds(divided, hardware) : exchange,
  };
}

/** Bytes of a row's layer inputs that leave, and come back, where they lie elsewhere. */
function leavingBytes(needs: StageNeeds, { ring, checkpointEvery }: Pick<Way, "ring" | "checkpointEvery">): number {
  return stageOffload({ ...aRow(needs), ring, checkpointEvery, offload: "host" }, "cuda") * ring;
}

function timeOf(
  needs: StageNeeds,
  space: Pick<LayoutSpace, "devices" | "layout">,
  way: Way,
  { flops, computing: products, moving, travelling }: Pace = paceOf(needs, space, way),
  { saved: trained, seconds: updating }: Updates = updatesOf(needs, space.devices),
  leaving?: number,
): Time {
  const { model, train, hardware, steps, sequences } = needs;
  const { offload, moments, weights, gradients } = way;
  const masters = weights === "bf16";
  const devices = computing(hardware, space.devices);
  const share = masters || moments === "host" ? trainedBy(model, train, devices) / devices : 0;
  const passing = moments === "host" ? momentSeconds(share, steps, masters) : 0;
  const rounding = masters ? roundingSeconds(share, steps, hardware) : 0;
  const waiting =
    gradients === "host"
      ? gradientSeconds(stageHostGradients({ ...aRow(needs), ...way }), { rows: steps * sequences, steps })
      : 0;
  const working = Math.max(updating + passing + rounding + waiting + moving + products, travelling);
  const saved = working + savingSeconds(working, { parameters: model.parameters, trained }, hardware.kind);
  if (offload === "none") return { flops, seconds: saved };
  const bytes = steps * sequences * (leaving ?? leavingBytes(needs, way));
  return { flops, seconds: saved + offloadSeconds(bytes, hardware.kind, devices) };
}

/** One row at a time. */
function aRow({ model, train, length }: StageNeeds) {
  return { model, train, length, microBatch: 1, lossChunk: 1, mlpTile: 1 };
}

function flopsOf(needs: StageNeeds, checkpointEvery: number): PlanFlops {
  const { model, train, length, steps, sequences, attended } = needs;
  return stageFlops(model, { steps, sequences, length, checkpointEvery, attended, lora: train.lora });
}

/** All threads of a CPU compute, whatever ring the rows are cut over. */
function computing(hardware: PlanHardware, devices: number): number {
  return hardware.kind === "cpu" ? hardware.devices : devices;
}

/** What a stage's optimizer takes, however the rows are laid out. */
interface Updates {
  /** Numbers that learn, which a checkpoint saves. */
  readonly saved: number;
  /** Seconds of the steps. */
  readonly seconds: number;
}

function updatesOf({ model, train, steps, hardware }: StageNeeds, devices: number): Updates {
  const seconds = updateSeconds(trainedBy(model, train, devices), steps, hardware);
  return { saved: trainedBy(model, train, computing(hardware, devices)), seconds };
}

/** One way to lay the stage out, with its memory and its time. */
export function layoutOf(
  needs: StageNeeds,
  space: Pick<LayoutSpace, "devices" | "layout">,
  way: Chosen,
  time: Time = timeOf(needs, space, way),
): Choice {
  const { model, train, hardware, length, sequences, shard } = needs;
  const held = Math.ceil((way.microBatch * length) / way.ring);
  const stage = {
    ...{ model, train, length, shard },
    ...way,
    lossChunk: Math.min(way.lossChunk, held),
    mlpTile: Math.min(way.mlpTile, held),
  };
  const ledger = stageLedger(stage, hardware.kind, space.devices);
  const outside = stageOffload(stage, hardware.kind);
  const host: HostNeeds = {
    ...{ sequences, length, devices: space.devices, device: ledger?.total ?? 0 },
    offloaded: way.offload === "host" ? outside : 0,
    gradients: stageHostGradients(stage),
    moments: stageHostMoments(stage, hardware.kind, space.devices),
  };
  const disk = way.offload === "disk" ? outside : 0;
  return { ...stage, ledger, host: hostBytes(host, hardware), disk, ...time };
}
