import { columns } from "../compiler/diagnostics/width.ts";
import type { Plan } from "../compiler/plan.ts";
import { flow, type Screen, wrappedRows } from "./layout.ts";

/** One value that the recipe does not set. */
interface Chosen {
  readonly path: string;
  readonly value: string;
  readonly from: string;
}

/** Values that the compiler found for this recipe, and why: a table. */
export function chosenLines(plan: Plan, { width }: Screen): string[] {
  const rows = merged(plan).filter(({ from }) => !isPlainDefault(from));
  return wrappedRows(
    rows.map(({ path, value, from }) => [path, value, from]),
    width - 2,
  );
}

/** Values that the language gives every recipe, block by block, for who looks something up. */
export function defaultLines(plan: Plan, { width }: Screen): string[] {
  const blocks = new Map<string, string[]>();
  for (const { path, value, from } of merged(plan)) {
    if (!isPlainDefault(from)) continue;
    const [, block = "", rest = path] = /^([^.]+)\.([^,]+)$/.exec(path) ?? [];
    blocks.set(block, [...(blocks.get(block) ?? []), `${rest} = ${value}`]);
  }
  const widest = Math.min(24, Math.max(0, ...[...blocks.keys()].map(columns)));
  return [...blocks].flatMap(([block, items]) =>
    flow(items, ",", width - 2 - widest - 2).map(
      (line, k) =>
        `${k === 0 ? block + " ".repeat(Math.max(0, widest - columns(block))) : " ".repeat(widest)}  ${line}`,
    ),
  );
}

/** `the language`, or `the default of yarn`. */
function isPlainDefault(from: string): boolean {
  return from === "the language" || /^the default of \w+$/.test(from);
}

/** What all stages have in common is told once. */
function merged(plan: Plan): Chosen[] {
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
    return { path: shared ? `every stage.${rest}` : paths.join(", "), value, from };
  });
}
