import { hostBytes } from "../cost/index.ts";
import type { PlanHardware, PlanLedger, PlanMemory, PlanModel, PlanParallel, PlanTrain } from "../plan.ts";
import { divisors, legalRings } from "../ring/index.ts";
import { isCall, numberArgument } from "../types/typed.ts";
import { showBytes } from "../values/show.ts";
import { fits, type StageMemory, stageLedger } from "./ledger.ts";
import type { Reader } from "./reader.ts";

/** What the layout of a stage is chosen for. */
export interface LayoutGround {
  readonly model: PlanModel;
  readonly train: PlanTrain;
  readonly hardware: PlanHardware;
  readonly length: number;
  /** Rows of an optimizer step. */
  readonly sequences: number;
  /** JSON pointer of the stage. */
  readonly pointer: string;
}

/** A way to lay a stage out, with what it takes. */
interface Choice extends StageMemory {
  readonly ledger: PlanLedger;
}

/** Tokens that keep one device busy; more rows at once only take memory. */
const busy = { cpu: 8192, cuda: 32_768 } as const;

/** Ranks of the largest ring that the engine makes (native/model/layout.cc); `ring` has the same bound. */
const mostRanks = 1024;

/** Bytes of logits formed at once when the recipe does not say. */
const logitsBytes = 64 * 2 ** 20;

/**
 * How a stage is divided over devices and what it keeps in memory. What is written is kept; what is `auto` is chosen in
 * this order: the smallest ring, then no recomputation, then as many rows at once as keep a device busy, each as far as
 * the ledger fits. If nothing fits, the most frugal choice stands and the memory check says by how much it fails.
 */
export function lowerLayout(
  parallel: Reader,
  memory: Reader,
  ground: LayoutGround,
): { parallel: PlanParallel; memory: PlanMemory } {
  const layout = (parallel.text("layout") as PlanParallel["layout"] | undefined) ?? "zigzag";
  const written = { ring: parallel.number("ring"), micro: parallel.number("micro_batch") };
  const devices = devicesOf(parallel, ground.hardware, written.ring);
  const rings = written.ring === undefined ? ringChoices(devices, layout, ground) : [written.ring];
  const checkpoints = checkpointChoices(memory, ground.model.layers);
  let frugal: Choice | undefined;
  let chosen: Choice | undefined;
  search: for (const ring of rings) {
    const rows = Math.max(1, Math.ceil((ground.sequences * ring) / devices));
    for (const checkpointEvery of checkpoints) {
      for (const microBatch of written.micro === undefined ? microChoices(rows, ring, ground) : [written.micro]) {
        const held = Math.ceil((microBatch * ground.length) / ring);
        const lossChunk = Math.min(memory.number("loss_chunk") ?? lossChunkFor(ground.model), held);
        const stage = { ...ground, ring, microBatch, checkpointEvery, lossChunk };
        const choice = { ...stage, ledger: stageLedger(stage, ground.hardware.kind) };
        if (!frugal || choice.ledger.total < frugal.ledger.total) frugal = choice;
        if (fits(choice.ledger, ground.hardware)) {
          chosen = choice;
          break search;
        }
      }
    }
  }
  const choice = chosen ?? frugal!;
  noteChoice(parallel, memory, choice, devices, chosen !== undefined, ground);
  traceLayout(parallel, memory, ground.pointer);
  const groups = Math.max(1, Math.floor(devices / choice.ring));
  return {
    parallel: {
      devices,
      ring: choice.ring,
      layout,
      data_parallel: groups,
      micro_batch: choice.microBatch,
      accumulation: Math.max(1, Math.ceil(ground.sequences / groups / choice.microBatch)),
    },
    memory: {
      checkpoint_every: choice.checkpointEvery,
      loss_chunk: choice.lossChunk,
      device: choice.ledger,
      host: hostBytes(ground, ground.hardware, devices, choice.ledger),
    },
  };
}

/** As written, else one ring on a CPU, all that the hardware has on GPUs. */
function devicesOf(parallel: Reader, hardware: PlanHardware, ring: number | undefined): number {
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

/** Rings that divide both the devices and the length, from small to large; 1 if there is no other. A CPU has but one ring. */
function ringChoices(devices: number, layout: PlanParallel["layout"], { hardware, length }: LayoutGround): number[] {
  if (hardware.kind === "cpu") return [Math.min(devices, mostRanks)];
  const legal = legalRings(length, Math.min(devices, mostRanks), layout).filter((ring) => devices % ring === 0);
  return legal.length > 0 ? legal : [1];
}

/** `none` → 0, `every(n)` → n, `auto` → 0 and then the every n that leaves the least. */
function checkpointChoices(memory: Reader, layers: number): number[] {
  const value = memory.value("checkpoint");
  if (value === "none") return [0];
  if (isCall(value)) return [numberArgument(value, "layers") ?? 1];
  return [0, ...[1, 2, 4].filter((every) => every <= layers)];
}

/** Numbers of rows that divide a group's rows, from what keeps a device busy down to 1. */
function microChoices(rows: number, ring: number, { length, hardware }: LayoutGround): number[] {
  const enough = Math.max(1, Math.ceil((busy[hardware.kind] * ring) / length));
  return divisors(rows)
    .filter((micro) => micro <= enough)
    .reverse();
}

/** Rows of logits that take about 64 MiB, whole blocks of 64. */
function lossChunkFor(model: PlanModel): number {
  const rows = Math.floor(logitsBytes / (4 * model.vocab_size));
  return Math.max(64, Math.floor(rows / 64) * 64);
}

function noteChoice(
  parallel: Reader,
  memory: Reader,
  choice: Choice,
  devices: number,
  fitting: boolean,
  { hardware, sequences }: LayoutGround,
): void {
  const room = `${showBytes(choice.ledger.total)} of ${showBytes(hardware.device_bytes)}`;
  const why = fitting ? `fits: ${room}` : "the most frugal, and still too large";
  if (parallel.number("ring") === undefined) {
    const reason = devices === 1 ? "one device" : `the smallest ring; ${why}`;
    parallel.note("ring", String(choice.ring), reason);
  }
  if (parallel.number("micro_batch") === undefined && sequences > 1) {
    parallel.note("micro_batch", String(choice.microBatch), `keeps a device busy; ${why}`);
  }
  if (memory.value("checkpoint") === "auto") {
    const value = choice.checkpointEvery === 0 ? "none" : `every(${choice.checkpointEvery})`;
    memory.note("checkpoint", value, why);
  }
  const lossChunk = memory.number("loss_chunk");
  if (lossChunk === undefined) memory.note("loss_chunk", String(choice.lossChunk), "about 64 MiB of logits");
  else if (lossChunk > choice.lossChunk) {
    memory.note("loss_chunk", String(choice.lossChunk), "all rows that a rank holds, fewer than written");
  }
}

function traceLayout(parallel: Reader, memory: Reader, pointer: string): void {
  for (const name of ["devices", "ring", "layout", "micro_batch"]) parallel.trace(name, `${pointer}/parallel/${name}`);
  memory.trace("checkpoint", `${pointer}/memory/checkpoint_every`);
  memory.trace("loss_chunk", `${pointer}/memory/loss_chunk`);
  const { trace } = parallel.lowering;
  trace.set(`${pointer}/parallel`, parallel.section?.at);
  trace.set(`${pointer}/memory`, memory.section?.at);
}
