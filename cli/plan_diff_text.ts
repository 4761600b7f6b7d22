import { deviceNeed } from "../compiler/memory/index.ts";
import type { Plan, PlanStage } from "../compiler/plan.ts";
import type { PlanChange, PlanDifference, PlanTotals, StageDifference } from "../compiler/plan_diff.ts";
import { showFlops } from "../compiler/values/amounts.ts";
import { showBytes, showDuration, showNumber, showRatio, showTokens } from "../compiler/values/show.ts";
import { hanging, type Screen, styled, wrappedRows } from "./layout.ts";

/** Two plans and what they are called: the files they come from. */
export interface ComparedPlan {
  readonly file: string;
  readonly plan: Plan;
}

/** What distinguishes two plans, for a person: what both have in common, stage by stage, and what it all comes to. */
export function differenceText(
  difference: PlanDifference,
  before: ComparedPlan,
  after: ComparedPlan,
  screen: Screen,
): string {
  const title = (text: string) => styled(text, "bold", screen);
  const heading = title(`${difference.recipes[0]} (${before.file}) → ${difference.recipes[1]} (${after.file})`);
  if (difference.same) return `${heading}\n  the same run\n`;
  const shared = sharedChanges(difference.stages);
  const stages = difference.stages
    .filter(({ status, before, after }) => status !== "same" || before !== after)
    .map((stage) => ({ ...stage, changes: stage.changes.filter((change) => !shared.has(keyOf(change))) }))
    .filter(({ status, before, after, changes }) => status !== "changed" || before !== after || changes.length > 0)
    .map((stage) => stageLines(stage, before.plan, after.plan, screen));
  const untouched = difference.stages.filter(({ status, before, after }) => status === "same" && before === after);
  const sections = [
    [heading],
    ...(difference.changes.length > 0 ? [[title("Everywhere"), ...rowsOf(difference.changes, screen)]] : []),
    ...(shared.size > 0 ? [[title("Every stage"), ...rowsOf([...shared.values()], screen)]] : []),
    ...stages,
    ...(untouched.length > 0
      ? [hanging(`unchanged: ${untouched.map(({ after }) => after).join(", ")}`, screen.width, 2)]
      : []),
    [title("All stages"), ...rowsOf(totalChanges(difference.totals.before, difference.totals.after), screen)],
  ];
  return `${sections
    .filter(([first, ...rest]) => first !== title("All stages") || rest.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function stageLines(stage: StageDifference, before: Plan, after: Plan, screen: Screen): string[] {
  const find = ({ stages }: Plan, name: string | null) => stages.find((each) => each.name === name);
  const title = (text: string, style: "bold" | "good" | "bad" = "bold") => styled(text, style, screen);
  if (stage.status === "added")
    return [title(`+ stage ${stage.after}`, "good"), ...summary(after, find(after, stage.after)!, screen)];
  if (stage.status === "removed")
    return [title(`- stage ${stage.before}`, "bad"), ...summary(before, find(before, stage.before)!, screen)];
  const renamed = stage.before === stage.after ? "" : ` (was ${stage.before})`;
  return [title(`stage ${stage.after}${renamed}`), ...rowsOf(stage.changes, screen)];
}

/** A stage that only one of the plans has, in a sentence. */
function summary(plan: Plan, stage: PlanStage, screen: Screen): string[] {
  const { length, context, rope, steps, sequences, tokens, flops, seconds, memory } = stage;
  const text = [
    context === length ? showTokens(length) : `${showTokens(length)} of ${showTokens(context)}`,
    `theta ${showNumber(rope.theta)}${rope.method === "default" ? "" : ` ${rope.method}`}`,
    `${showNumber(steps)} steps of ${showNumber(sequences)} rows`,
    `${showNumber(tokens)} tokens`,
    showFlops(flops.total),
    showDuration(seconds),
    ...(memory.device ? [`${showBytes(deviceNeed(plan, stage))} a device`] : []),
  ].join(", ");
  return hanging(text, screen.width - 2, 2).map((line) => `  ${line}`);
}

/** Changes that every stage of both plans has in common: they are told once. */
function sharedChanges(stages: readonly StageDifference[]): Map<string, PlanChange> {
  const [first, ...rest] = stages.filter(({ status }) => status === "changed" || status === "same");
  if (!first || rest.length === 0) return new Map();
  const inAll = first.changes.filter((change) =>
    rest.every(({ changes }) => changes.some((other) => keyOf(other) === keyOf(change))),
  );
  return new Map(inAll.map((change) => [keyOf(change), change]));
}

function keyOf({ path, before, after }: PlanChange): string {
  return JSON.stringify([path, before, after]);
}

/** `theta  15,296,098 → 22,443,170  × 1.47`, aligned. Parts of a sum are left to --json. */
function rowsOf(changes: readonly PlanChange[], screen: Screen): string[] {
  const totals = new Set(changes.map(({ path }) => path).filter((path) => /\.total$/.test(path)));
  const shown = changes.filter(({ path }) => totals.has(path) || !totals.has(path.replace(/[^.]+$/, "total")));
  const rows = shown.map(({ path, before, after, factor }) => [
    label(path),
    `${show(path, before)} → ${show(path, after)}`,
    factor === undefined || !isAmount.test(path) || Math.abs(factor - 1) < 0.005
      ? ""
      : `× ${Number(factor.toPrecision(3))}`,
  ]);
  return wrappedRows(rows, screen.width - 2).map((line) => `  ${line}`);
}

/** Where one can say how many times as much. */
const isAmount =
  /^(length|context|steps|sequences|tokens|seconds|stages|rope\.theta|train\.optimizer\.lr|(flops|memory|parallel|hardware)\b.*|\w+_bytes)$/;

/** Names of the table of `ctx plan`, where it has one. */
const labels: { readonly [path: string]: string } = {
  "rope.theta": "theta",
  "rope.method": "method",
  "rope.attention_factor": "attention factor",
  "rope.inv_freq": "frequency table",
  "pairs.unchanged": "pairs as trained",
  "pairs.interpolated": "pairs slower",
  "pairs.raised": "pairs faster",
  "pairs.extrapolated": "pairs out",
  sequences: "rows",
  flops: "FLOPs",
  "flops.total": "FLOPs",
  seconds: "time",
  "memory.checkpoint_every": "memory.checkpoint",
  "memory.device.total": "arena",
  device_bytes: "device",
  host_bytes: "host",
  disk_bytes: "disk",
};

function label(path: string): string {
  return labels[path] ?? path;
}

function totalChanges(before: PlanTotals, after: PlanTotals): PlanChange[] {
  return (Object.keys(before) as (keyof PlanTotals)[]).flatMap((path) => {
    const [a, b] = [before[path], after[path]];
    if (a === b) return [];
    return [{ path, before: a, after: b, ...(a > 0 && b > 0 && { factor: b / a }) }];
  });
}

/** What a plan leaves out because it is so. */
const absent: { readonly [path: string]: string } = {
  "memory.weights": "f32",
  "memory.moments": "device",
  "memory.gradients": "device",
  "memory.head_groups": "1",
  "parallel.shard": "moments",
};

/** A value of a plan in the unit that its place has. */
function show(path: string, value: unknown): string {
  if (value === undefined && Object.hasOwn(absent, path)) return absent[path]!;
  if (value === null || value === undefined) return "none";
  if (path === "memory.checkpoint_every") return value === 0 ? "none" : `every(${value})`;
  if (Array.isArray(value))
    return /inv_freq/.test(path)
      ? `a table of ${value.length}`
      : `[${value.map((item) => show(path, item)).join(", ")}]`;
  if (typeof value === "object")
    return `{ ${Object.entries(value)
      .map(([key, item]) => `${key}: ${show(`${path}.${key}`, item)}`)
      .join(", ")} }`;
  if (typeof value !== "number") return String(value);
  const parts = path.split(".");
  const last = parts.at(-1)!;
  if (/bytes$|^disk$/.test(last) || /^memory\.(device|host)\./.test(path)) return showBytes(value);
  if (/^(length|context|lengths|loss_chunk|window|min_tokens|max_tokens)$/.test(last)) return showTokens(value);
  if (last === "seconds") return showDuration(value);
  if (parts[0] === "flops" || last === "flops") return showFlops(value);
  if (parts[0] === "mix" || /^(at_start|at_end|needle|efficiency)$/.test(last)) return showRatio(value);
  return value !== 0 && Math.abs(value) < 1e-3
    ? String(Number(value.toPrecision(6)).toExponential())
    : showNumber(value);
}
