import { columns } from "../compiler/diagnostics/width.ts";
import type { Plan } from "../compiler/plan.ts";
import { showFlops, showRate } from "../compiler/values/amounts.ts";
import { showBytes } from "../compiler/values/show.ts";
import { flow, hanging, type Screen, wrap, wrappedRows } from "./layout.ts";

/** One value that the recipe does not set. */
interface Chosen {
  readonly path: string;
  readonly value: string;
  readonly from: string;
}

/** So many values of one block that have one source are told together, and their source once. */
const together = 3;

/** Values that the compiler found for this recipe, and why: those of one source in a paragraph, the others in a table. */
export function chosenLines(plan: Plan, { width }: Screen): string[] {
  const rows = merged(plan).filter(({ from }) => !isPlainDefault(from));
  const groups = new Map<string, Chosen[]>();
  for (const row of rows) {
    const key = JSON.stringify([blockOf(row.path).block, row.from]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const shared = [...groups.values()].filter((group) => group.length >= together);
  // What says a word more about the same source joins them.
  for (const group of shared) {
    const { path, from } = group[0]!;
    for (const row of rows) {
      if (blockOf(row.path).block !== blockOf(path).block || !row.from.startsWith(`${from}; `)) continue;
      group.push({ ...row, value: `${row.value} (${row.from.slice(from.length + 2)})` });
    }
  }
  const told = new Set(shared.flatMap((group) => group.map(({ path }) => path)));
  const alone = rows.filter(({ path }) => !told.has(path));
  return [
    ...shared.flatMap((group) => [
      ...hanging(`${blockOf(group[0]!.path).block}, by ${group[0]!.from}:`, width - 2, 4),
      ...flow(
        group.map(({ path, value }) => `${blockOf(path).rest} = ${value}`),
        ",",
        width - 6,
      ).map((line) => `    ${line}`),
    ]),
    ...wrappedRows(
      alone.map(({ path, value, from }) => [spoken(path), value, from]),
      width - 2,
      usual,
    ).map((line) => line.replaceAll("\u00a0", " ")),
  ];
}

/** Widths of names and of values, but for those of several stages and for paths. */
const usual = [40, 28];

/** `train.optimizer.eps` is `optimizer.eps` of `train`. */
function blockOf(path: string): { block: string; rest: string } {
  const [, block = "", rest = path] = /^([^.]+)\.(.+)$/.exec(path) ?? [];
  return { block, rest };
}

/** Values that the language gives every recipe, block by block, for who looks something up. */
export function defaultLines(plan: Plan, { width }: Screen): string[] {
  const blocks = new Map<string, string[]>();
  for (const { path, value, from } of merged(plan)) {
    if (!isPlainDefault(from)) continue;
    const { block, rest } = blockOf(path);
    blocks.set(block, [...(blocks.get(block) ?? []), `${rest} = ${value}`]);
  }
  const widest = Math.min(24, Math.max(0, ...[...blocks.keys()].map(columns)));
  return [...blocks].flatMap(([block, items]) => {
    const lines = flow(items, ",", width - 2 - widest - 2);
    // A longer name has its own line.
    const own = columns(block) > widest;
    const named = own ? wrap(block, width - 2) : [];
    return [
      ...named,
      ...lines.map((line, k) => {
        const name = k === 0 && !own ? block : "";
        return `${name}${" ".repeat(widest - columns(name))}  ${line}`;
      }),
    ];
  });
}

/** `the language`, or `the default of yarn`. */
function isPlainDefault(from: string): boolean {
  return from === "the language" || /^the default of \w+$/.test(from);
}

/** Figures of the hardware, which the plan holds as bare numbers, as data sheets give them. */
const figures: { readonly [path: string]: (value: number) => string } = {
  "hardware.memory": showBytes,
  "hardware.host_memory": showBytes,
  "hardware.peak": (value) => `${showFlops(value)}/s`,
  "hardware.bandwidth": showRate,
  "hardware.link": showRate,
  "hardware.network": showRate,
};

function withUnit(path: string, value: string): string {
  const show = figures[path];
  return show && Number.isFinite(Number(value)) ? show(Number(value)) : value;
}

/** What all stages have in common is told once, before what some have; stages come in their order. */
function merged(plan: Plan): Chosen[] {
  const order = new Map(plan.stages.map(({ name }, k) => [name, k + 1]));
  const stageOf = ({ path }: { path: string }) => order.get(/^stage ([^.]+)\./.exec(path)?.[1] ?? "") ?? 0;
  const defaults = [...plan.defaults].sort((a, b) => stageOf(a) - stageOf(b));
  const rows = new Map<string, { paths: string[]; rest: string; value: string; from: string }>();
  for (const { path, value, from } of defaults) {
    const [, rest] = /^stage [^.]+\.(.+)$/.exec(path) ?? [];
    const key = rest === undefined ? path : JSON.stringify([rest, value, from]);
    const row = rows.get(key) ?? { paths: [], rest: rest ?? path, value, from };
    row.paths.push(path);
    rows.set(key, row);
  }
  const all = plan.stages.length;
  const chosen = [...rows.values()].map(({ paths, rest, value, from }) => {
    const shared = paths.length > 1 && paths.length === all;
    // What every stage has sorts with what is no stage's.
    const place = shared ? 0 : stageOf({ path: paths[0]! });
    const path = shared ? `every stage.${rest}` : paths.length > 1 ? severalStages(paths, rest) : paths[0]!;
    return { path, value: withUnit(rest, value), from, place };
  });
  return chosen.sort((a, b) => a.place - b.place);
}

/** `stage a.x` and `stage b.x` together: `stages a and b.x`. */
function severalStages(paths: readonly string[], rest: string): string {
  const names = paths.map((path) => path.slice("stage ".length, -rest.length - 1));
  return `stages ${names.slice(0, -1).join(", ")} and ${names.at(-1)}.${rest}`;
}

/** A path in a table. A name stays beside its "stage"; those of several are set apart from the property by more than a point. */
function spoken(path: string): string {
  return path.replace(/^stages ([^.]+)\./, "stages\u00a0$1: ").replaceAll("stage ", "stage\u00a0");
}
