import { deviceNeed } from "./memory/index.ts";
import type { Plan, PlanStage } from "./plan.ts";
import { classifyPairs } from "./rope/pairs.ts";

/** A value that two plans do not share. */
export interface PlanChange {
  /** Where in the plan, or in the stage: `train.optimizer.lr`. */
  readonly path: string;
  /** Null: not there. Objects and lists as they stand in the plan. */
  readonly before: unknown;
  readonly after: unknown;
  /** after / before, where both are numbers above 0. */
  readonly factor?: number;
}

/** A stage of either plan, or one of both. */
export interface StageDifference {
  readonly status: "same" | "changed" | "added" | "removed";
  /** Names before and after; null where the stage is missing. They differ where a stage was renamed. */
  readonly before: string | null;
  readonly after: string | null;
  /** In the order of the plan; of a stage that is there once, none. */
  readonly changes: readonly PlanChange[];
}

/** Sums over all stages. */
export interface PlanTotals {
  readonly stages: number;
  readonly steps: number;
  readonly tokens: number;
  readonly flops: number;
  readonly seconds: number;
  /** Longest context, in tokens. */
  readonly context: number;
  /** Most bytes of any stage. */
  readonly device_bytes: number;
  readonly host_bytes: number;
  readonly disk_bytes: number;
}

/** What distinguishes two plans, by meaning: names of files, places and where defaults came from are no differences. */
export interface PlanDifference {
  readonly same: boolean;
  readonly recipes: readonly [string, string];
  /** Outside the stages: model, tokenizer, data, seed, evaluation before training, export, hardware. */
  readonly changes: readonly PlanChange[];
  readonly stages: readonly StageDifference[];
  readonly totals: { readonly before: PlanTotals; readonly after: PlanTotals };
}

/**
 * Compares two plans: stages by name, then, of those whose names are in one plan only, in order by length and context, as
 * renamed. A frequency table is told as theta, method and pairs, and as a table only where these are the same.
 */
export function diffPlans(before: Plan, after: Plan): PlanDifference {
  const changes = [...common].flatMap((key) => compare(key, plain(before[key]), plain(after[key])));
  const stages = pairStages(before, after).map(([a, b]) => compareStages(before, a, after, b));
  const same =
    changes.length === 0 && stages.every(({ status, before, after }) => status === "same" && before === after);
  return {
    same,
    recipes: [before.recipe, after.recipe],
    changes,
    stages,
    totals: { before: totalsOf(before), after: totalsOf(after) },
  };
}

/** Parts of a plan that are compared as they are. */
const common = ["seed", "model", "tokenizer", "data", "before", "export", "hardware"] as const;

type StagePair = readonly [PlanStage | null, PlanStage | null];

/** Stages of both plans side by side, in the order of the second; those that are gone stand where they were. */
function pairStages(before: Plan, after: Plan): StagePair[] {
  const partner = new Map<PlanStage, PlanStage>();
  const taken = new Set<PlanStage>();
  const match = (fits: (a: PlanStage, b: PlanStage) => boolean) => {
    for (const b of after.stages) {
      const a = partner.has(b) ? undefined : before.stages.find((a) => !taken.has(a) && fits(a, b));
      if (!a) continue;
      partner.set(b, a);
      taken.add(a);
    }
  };
  match((a, b) => a.name === b.name);
  match((a, b) => a.length === b.length && a.context === b.context);
  const pairs: StagePair[] = [];
  let from = 0;
  for (const b of after.stages) {
    const a = partner.get(b) ?? null;
    const until = a ? before.stages.indexOf(a) : from;
    for (const gone of before.stages.slice(from, until)) if (!taken.has(gone)) pairs.push([gone, null]);
    from = Math.max(from, a ? until + 1 : from);
    pairs.push([a, b]);
  }
  for (const gone of before.stages.slice(from)) if (!taken.has(gone)) pairs.push([gone, null]);
  return pairs;
}

function compareStages(before: Plan, a: PlanStage | null, after: Plan, b: PlanStage | null): StageDifference {
  const names = { before: a?.name ?? null, after: b?.name ?? null };
  if (!a || !b) return { status: a ? "removed" : "added", ...names, changes: [] };
  const { name: _a, rope: ropeBefore, ...restBefore } = a;
  const { name: _b, rope: ropeAfter, ...restAfter } = b;
  const rope = compare("rope", plain(ropeBefore), plain(ropeAfter));
  const pairs = compare("pairs", pairCounts(before, a), pairCounts(after, b));
  const keys = Object.keys({ ...restBefore, ...restAfter }).filter((key) => key !== "pairs");
  const rest = keys.map((key) =>
    compare(key, plain(restBefore[key as keyof typeof restBefore]), plain(restAfter[key as keyof typeof restAfter])),
  );
  const changes = sorted([...rest.flat(), ...rope, ...pairs]);
  return { status: changes.length > 0 ? "changed" : "same", ...names, changes };
}

/** What people look for first. */
const order = ["length", "context", "rope", "pairs", "steps", "sequences", "tokens", "mix", "positions", "train"];

function sorted(changes: readonly PlanChange[]): PlanChange[] {
  const rank = ({ path }: PlanChange) => {
    const at = order.indexOf(path.split(/[./]/)[0]!);
    return at < 0 ? order.length : at;
  };
  return [...changes].sort((a, b) => rank(a) - rank(b));
}

function pairCounts({ model }: Plan, stage: PlanStage) {
  const pairs = classifyPairs(model.rope.inv_freq, model.context, stage.rope.inv_freq, stage.context);
  const { unchanged, interpolated, raised, extrapolated } = pairs;
  return { unchanged, interpolated, raised, extrapolated };
}

/** A part of a plan without what is another way to say something else in it. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  // `parameters` are the Hugging Face form of the table, `formula` its text in the recipe, `origin` a sentence.
  const left = "inv_freq" in value ? ["parameters", "formula"] : "peak_flops" in value ? ["origin"] : [];
  return Object.fromEntries(entries.filter(([key]) => !left.includes(key)).map(([key, item]) => [key, plain(item)]));
}

/** The leaves in which two values differ. */
function compare(path: string, before: unknown, after: unknown): PlanChange[] {
  if (isRecord(before) && isRecord(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    const changes = keys.flatMap((key) => compare(`${path}.${key}`, before[key] ?? null, after[key] ?? null));
    // Theta and method make the table: it is told only where they do not tell it.
    const told = changes.some(({ path: at }) => at === `${path}.theta` || at === `${path}.method`);
    return changes.filter(({ path: at }) => !(told && at === `${path}.inv_freq`));
  }
  if (equal(before, after)) return [];
  const factor =
    typeof before === "number" && typeof after === "number" && before > 0 && after > 0 ? after / before : undefined;
  return [{ path, before, after, ...(factor !== undefined && { factor }) }];
}

function isRecord(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function equal(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, k) => equal(item, b[k]));
  if (isRecord(a) && isRecord(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((key) => equal(a[key], b[key]));
  }
  return Object.is(a, b);
}

function totalsOf(plan: Plan): PlanTotals {
  const { stages, model } = plan;
  const sum = (value: (stage: PlanStage) => number) => stages.reduce((total, stage) => total + value(stage), 0);
  const most = (value: (stage: PlanStage) => number) => stages.reduce((best, stage) => Math.max(best, value(stage)), 0);
  return {
    stages: stages.length,
    steps: sum(({ steps }) => steps),
    tokens: sum(({ tokens }) => tokens),
    flops: sum(({ flops }) => flops.total),
    seconds: sum(({ seconds }) => seconds),
    context: Math.max(
      model.context,
      most(({ context }) => context),
    ),
    device_bytes: most((stage) => deviceNeed(plan, stage)),
    host_bytes: most(({ memory }) => Object.values(memory.host).reduce((total, part) => total + part, 0)),
    disk_bytes: most(({ memory }) => memory.disk),
  };
}
