import { hint, renames } from "../diagnostics/suggest.ts";
import type { PlanDataSource } from "../plan.ts";
import type { Typed, TypedMap } from "../types/typed.ts";
import { showRatio } from "../values/show.ts";
import type { Reader } from "./reader.ts";

/** How far shares may miss 100% by rounding, such as 33.3% three times over. */
const slack = 1e-3;

/** Source → share, adding up to exactly 1; equal shares when the recipe says nothing. */
export function lowerMix(reader: Reader, sources: readonly PlanDataSource[], pointer: string): PlanDataMix {
  const written = reader.value("mix");
  reader.trace("mix", pointer);
  if (!reader.has("mix") || !isMap(written)) return equalShares(reader, sources);
  const { report, trace } = reader.lowering;
  const names = new Set(sources.map((source) => source.name));
  const mix: PlanDataMix = {};
  let known = true;
  for (const [name, { value, at, keyAt }] of written) {
    if (!names.has(name)) {
      const fixes = renames(name, [...names], keyAt);
      report.add("CTX5002", keyAt, { name, hint: hint(name, [...names]) }, { fixes });
      known = false;
    }
    mix[name] = typeof value === "number" ? value : 0;
    trace.set(`${pointer}/${name}`, at);
  }
  if (!known) return equalShares(reader, sources);
  const sum = Object.values(mix).reduce((total, share) => total + share, 0);
  if (Math.abs(sum - 1) > slack) reportSum(reader, written, sum);
  return Object.fromEntries(Object.entries(mix).map(([name, share]) => [name, sum > 0 ? share / sum : share]));
}

type PlanDataMix = { [source: string]: number };

function equalShares(reader: Reader, sources: readonly PlanDataSource[]): PlanDataMix {
  if (sources.length > 1) {
    reader.note(
      "mix",
      sources.map(({ name }) => `${name}: ${showRatio(1 / sources.length)}`).join(", "),
      "equal shares",
    );
  }
  return Object.fromEntries(sources.map(({ name }) => [name, 1 / sources.length]));
}

/** The fix gives the missing (or surplus) share to the largest source. */
function reportSum(reader: Reader, mix: TypedMap, sum: number): void {
  const [first, ...rest] = mix;
  if (!first) {
    reader.lowering.report.add("CTX5001", reader.at("mix"), { sum: "0%" });
    return;
  }
  const [name, largest] = rest.reduce(
    (best, entry) => ((entry[1].value as number) > (best[1].value as number) ? entry : best),
    first,
  );
  const share = showRatio((largest.value as number) + 1 - sum);
  const fixes =
    (largest.value as number) + 1 - sum > 0
      ? [{ title: `${name}: ${share}`, safety: "review" as const, edits: [{ ...largest.at, text: share }] }]
      : [];
  reader.lowering.report.add("CTX5001", reader.at("mix"), { sum: showRatio(sum) }, { fixes });
}

function isMap(value: Typed | undefined): value is TypedMap {
  return value instanceof Map;
}
