import type { Fix } from "../diagnostics/diagnostic.ts";
import { grouped } from "../diagnostics/message.ts";
import type { PlanStage } from "../plan.ts";
import { chunkCount, divides } from "../ring/index.ts";
import { type CheckContext, replacing, type StageStep, steps } from "./context.ts";

/** What has to divide what when a stage is spread over devices. */
export interface Division {
  readonly length: number;
  readonly batch: number;
  readonly devices: number;
  readonly ring: number;
  readonly micro: number;
  readonly layout: PlanStage["parallel"]["layout"];
}

export function divisionOf({ length, sequences, parallel }: PlanStage): Division {
  const { devices, ring, micro_batch: micro, layout } = parallel;
  return { length, batch: sequences, devices, ring, micro, layout };
}

/** Whether rows split over the ring, devices into rings, the batch over the rings side by side, and their rows into micro batches. */
export function splits({ length, batch, devices, ring, micro, layout }: Division): boolean {
  const groups = devices / ring;
  return (ring === 1 || divides(length, ring, layout)) && batch % groups === 0 && (batch / groups) % micro === 0;
}

/** Property of a division, with its place in the plan and the bounds that the language sets. */
const properties = {
  length: { name: "length", pointer: "length", least: 2, most: 2 ** 31 - 1 },
  batch: { name: "batch", pointer: "sequences", least: 1, most: 1_000_000 },
  devices: { name: "devices", pointer: "parallel/devices", least: 1, most: 100_000 },
  ring: { name: "ring", pointer: "parallel/ring", least: 1, most: 1024 },
  micro: { name: "micro_batch", pointer: "parallel/micro_batch", least: 1, most: 1_000_000 },
} as const;

export type Divided = keyof typeof properties;

/**
 * The closest values, one below and one above the written one, with which the stage divides; the nearer one first. Where several
 * stages read the value from one place in the recipe, those that suit all of them.
 *
 * @param suits what else is asked of the value
 */
export function nearestLegal(
  context: CheckContext,
  { stage, pointer }: StageStep,
  property: Divided,
  suits: (value: number) => boolean = () => true,
): Fix[] {
  const { plan, trace } = context;
  const { name, pointer: at, least, most } = properties[property];
  const place = trace.exact(`${pointer}/${at}`);
  // Another length or batch would contradict the tokens where steps and tokens are both written.
  const [stepsAt, tokensAt] = [trace.exact(`${pointer}/steps`), trace.exact(`${pointer}/tokens`)];
  const pinned = tokensAt !== undefined && tokensAt.start !== stepsAt?.start;
  if (!place || (pinned && (property === "length" || property === "batch"))) return [];
  const sharing = [...steps(plan)].filter((other) => {
    const there = trace.exact(`${other.pointer}/${at}`);
    return there?.file === place.file && there.start === place.start;
  });
  const divisions = sharing.map((other) => {
    const written = (name: string) => trace.exact(`${other.pointer}/parallel/${name}`) !== undefined;
    const division = divisionOf(other.stage);
    // What the compiler chose it would choose again.
    return { ...division, micro: written("micro_batch") ? division.micro : 1, devicesWritten: written("devices") };
  });
  const have = trace.exact("/hardware/devices") && plan.hardware.devices;
  const top = property === "devices" ? Math.min(most, have ?? most) : mostOf(property, most, divisions);
  const legal = (value: number) =>
    suits(value) &&
    divisions.every(({ devicesWritten, ...division }) => {
      const changed = { ...division, [property]: value };
      if (!devicesWritten) changed.devices = have !== undefined && have % changed.ring === 0 ? have : changed.ring;
      const groups = changed.devices / changed.ring;
      return Number.isInteger(groups) && !(groups > 1 && plan.hardware.kind === "cpu") && splits(changed);
    });
  const written = divisionOf(stage)[property];
  // More devices than there are: the search begins at those that there are.
  const near = property === "devices" ? Math.min(written, top) : written;
  const values = closest(written, stride(property, divisions), { least, most: top }, legal, near);
  return values.flatMap((value) => replacing(place, `${name} = ${grouped(value)}`, String(value)));
}

/** A micro batch larger than a group's rows would hold none. */
function mostOf(property: Divided, most: number, divisions: readonly Division[]): number {
  return property === "micro"
    ? Math.min(...divisions.map(({ batch, devices, ring }) => (batch * ring) / devices))
    : most;
}

/** What every legal value is a multiple of. */
function stride(property: Divided, divisions: readonly Division[]): number {
  const factors = divisions.map(({ devices, ring, micro, layout }) => {
    if (property === "length") return ring === 1 ? 1 : chunkCount(ring, layout);
    if (property === "batch") return (devices / ring) * micro;
    return property === "devices" ? ring : 1;
  });
  return factors.reduce(leastCommonMultiple, 1);
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

/** Candidates looked at on each side: beyond, a value is no slip of the written one. */
const tried = 100_000;

function closest(
  written: number,
  step: number,
  { least, most }: { least: number; most: number },
  legal: (value: number) => boolean,
  near: number,
): number[] {
  if (!Number.isSafeInteger(step) || step < 1) return [];
  const from = Math.floor(near / step);
  const found: number[] = [];
  const look = (first: number, direction: 1 | -1) => {
    for (let k = 0, value = first; k < tried && value >= least && value <= most; k++, value += direction * step) {
      if (value === written || !legal(value)) continue;
      found.push(value);
      return;
    }
  };
  look(from * step, -1);
  look((from + 1) * step, 1);
  return found.sort((a, b) => Math.abs(a - written) - Math.abs(b - written));
}
