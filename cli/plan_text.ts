import { columns } from "../compiler/diagnostics/width.ts";
import type { Plan, PlanEvaluate, PlanStage } from "../compiler/plan.ts";
import { showBytes, showDuration, showNumber, showRatio, showTokens } from "../compiler/values/show.ts";

/** A plan for a person: what is trained, stage by stage, what is measured, and every value that was not written down. */
export function planText(plan: Plan, color: boolean): string {
  const bold = (text: string) => (color ? `\x1b[1m${text}\x1b[0m` : text);
  const dim = (text: string) => (color ? `\x1b[2m${text}\x1b[0m` : text);
  const sections = [
    [bold(plan.recipe), ...headline(plan).map((line) => `  ${line}`)],
    table(stageRows(plan)).map((line, k) => `  ${k === 0 ? dim(line) : line}`),
    [bold("Needs more memory than there is"), ...tooLarge(plan).map((line) => `  ${line}`)],
    ["Measured", ...measures(plan).map((line) => `  ${line}`)],
    ["Not written down, so chosen", ...table(defaultRows(plan)).map((line) => `  ${line}`)],
  ];
  return `${sections
    .filter((lines) => lines.length > 1)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

function headline(plan: Plan): string[] {
  const { model, hardware, data } = plan;
  const longest = Math.max(model.context, ...plan.stages.map((stage) => stage.context));
  const from = model.from ?? "a new model";
  const sources = data.sources.map(({ name, kind }) => (kind === "synthetic" ? `${name} (made up)` : name));
  const devices = hardware.devices > 1 ? `${hardware.devices} × ${hardware.name}` : hardware.name;
  return [
    `${from}: ${showCount(model.parameters)} parameters, ${showTokens(model.context)} → ${showTokens(longest)} tokens`,
    `reads ${sources.join(", ") || "nothing"}`,
    `on ${devices}, ${showBytes(hardware.device_bytes)} each (${hardware.origin})`,
  ];
}

const heading = ["stage", "length", "theta", "steps", "rows", "tokens", "FLOPs", "time", "device", "host"];

function stageRows(plan: Plan): string[][] {
  const rows = plan.stages.map((stage) => [
    stage.name,
    stage.context === stage.length
      ? showTokens(stage.length)
      : `${showTokens(stage.length)} of ${showTokens(stage.context)}`,
    showTheta(stage),
    showNumber(stage.steps),
    showNumber(stage.sequences),
    showNumber(stage.tokens),
    showFlops(stage.flops.total),
    showDuration(stage.seconds),
    showBytes(stage.memory.device.total),
    showHost(plan, stage),
  ]);
  const sum = (value: (stage: PlanStage) => number) => plan.stages.reduce((total, stage) => total + value(stage), 0);
  const total = ["all", "", "", showNumber(sum((stage) => stage.steps)), "", showNumber(sum((stage) => stage.tokens))];
  const costs = [showFlops(sum((stage) => stage.flops.total)), showDuration(sum((stage) => stage.seconds)), "", ""];
  return plan.stages.length > 1 ? [heading, ...rows, [...total, ...costs]] : [heading, ...rows];
}

function showTheta({ rope }: PlanStage): string {
  const theta = showNumber(rope.theta);
  const factor = rope.parameters?.factor;
  if (rope.method === "default") return theta;
  return typeof factor === "number" ? `${theta} ${rope.method} × ${showNumber(factor)}` : `${theta} ${rope.method}`;
}

/** On a CPU the device's memory is the host's. What waits on its disk is told besides. */
function showHost(plan: Plan, stage: PlanStage): string {
  const bytes = Object.values(stage.memory.host).reduce((sum, part) => sum + part, 0);
  const memory = bytes > 0 ? showBytes(bytes) : plan.hardware.kind === "cpu" ? "same" : "–";
  return stage.memory.disk > 0 ? `${memory} + ${showBytes(stage.memory.disk)} on disk` : memory;
}

/** Each device holds all weights, gradients and moments; only activations are split over a ring. */
function tooLarge({ stages, hardware }: Plan): string[] {
  return stages.flatMap(({ name, memory: { device } }) => {
    if (device.total <= hardware.device_bytes) return [];
    const parts = Object.entries(device)
      .filter(([term, bytes]) => term !== "total" && bytes > device.total / 20)
      .sort(([, a], [, b]) => b - a)
      .map(([term, bytes]) => `${term.replace("_", " ")} ${showBytes(bytes)}`);
    return `${name}: ${showBytes(device.total)} on each device of ${showBytes(hardware.device_bytes)}: ${parts.join(", ")}`;
  });
}

function measures(plan: Plan): string[] {
  const lines = plan.before ? [`before: ${measure(plan.before)}`] : [];
  return [
    ...lines,
    ...plan.stages.flatMap((stage) => (stage.evaluate ? [`after ${stage.name}: ${measure(stage.evaluate)}`] : [])),
  ];
}

function measure({ needle, perplexity, gate }: PlanEvaluate): string {
  const span = (lengths: readonly number[]) => {
    const [first, last] = [lengths[0]!, lengths.at(-1)!];
    return lengths.length > 1 ? `${showTokens(first)} … ${showTokens(last)}` : showTokens(first);
  };
  const parts: string[] = [];
  if (needle) {
    parts.push(`needle at ${span(needle.lengths)} × ${needle.depths.length} depths × ${needle.samples} samples`);
  }
  if (perplexity) parts.push(`perplexity at ${span(perplexity.lengths)}`);
  const bounds = [
    ...(gate?.needle == null ? [] : [`needle ≥ ${showRatio(gate.needle)}`]),
    ...(gate?.perplexity == null ? [] : [`perplexity ≤ ${showNumber(gate.perplexity)}`]),
  ];
  return gate && bounds.length > 0
    ? `${parts.join(", ")}; ${bounds.join(" and ")}, else ${gate.otherwise}`
    : parts.join(", ");
}

/** What all stages have in common is told once. */
function defaultRows(plan: Plan): string[][] {
  const rows = new Map<string, { paths: string[]; rest: string; value: string; from: string }>();
  for (const { path, value, from } of plan.defaults) {
    const [, rest] = /^stage [^.]+\.(.+)$/.exec(path) ?? [];
    const key = rest === undefined ? path : JSON.stringify([rest, value, from]);
    const row = rows.get(key) ?? { paths: [], rest: rest ?? path, value, from };
    row.paths.push(path);
    rows.set(key, row);
  }
  const all = plan.stages.length;
  return [...rows.values()].map(({ paths, rest, value, from }) => {
    const shared = paths.length > 1 && paths.length === all;
    return [shared ? `every stage.${rest}` : paths.join(", "), value, from];
  });
}

/** 8.03e9 → "8.03 B". */
function showCount(value: number): string {
  for (const [size, name] of [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "K"],
  ] as const) {
    if (value >= size) return `${Number((value / size).toPrecision(3))} ${name}`;
  }
  return String(value);
}

/** 3.1e18 → "3.1 EFLOP". */
function showFlops(value: number): string {
  const names = [
    [1e21, "ZFLOP"],
    [1e18, "EFLOP"],
    [1e15, "PFLOP"],
    [1e12, "TFLOP"],
    [1e9, "GFLOP"],
  ] as const;
  for (const [size, name] of names) if (value >= size) return `${Number((value / size).toPrecision(3))} ${name}`;
  return `${showNumber(value)} FLOP`;
}

/** Columns as wide as their widest cell; cells of numbers to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [k, cell] of row.entries()) widths[k] = Math.max(widths[k] ?? 0, columns(cell));
  const right = widths.map(
    (_, k) => rows.slice(1).some((row) => /^[\d,.]+$/.test(row[k] ?? "")) && k > 0 && rows[0] === heading,
  );
  return rows.map((row) =>
    row
      .map((cell, k) => {
        const space = " ".repeat(widths[k]! - columns(cell));
        return right[k] ? space + cell : cell + space;
      })
      .join("  ")
      .trimEnd(),
  );
}
