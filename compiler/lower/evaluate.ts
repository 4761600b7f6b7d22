import { evaluate as evaluateExpression } from "../evaluate/evaluate.ts";
import type { Scope } from "../evaluate/scope.ts";
import { childOf, type Line, type Section } from "../names/section.ts";
import type { PlanDataSource, PlanEvaluate, PlanGate, PlanNeedle, PlanPerplexity } from "../plan.ts";
import { convert } from "../types/convert.ts";
import { showRatio, showTokens } from "../values/show.ts";
import { reportHaystack } from "./data.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";

export interface EvaluateGround {
  readonly sources: readonly PlanDataSource[];
  /** Contexts of the base model and of all stages: the lengths that are measured when the recipe names none. */
  readonly contexts: readonly number[];
  /** Lengths above are left to later stages; null: all are measured. */
  readonly upTo: number | null;
  readonly pointer: string;
}

/** Fewest tokens that hold a question, its answer and some text. */
const leastNeedle = 32;

/** What is measured after a stage (or before the first). Null when nothing is. */
export function lowerEvaluate(
  section: Section | undefined,
  scope: Scope,
  path: string,
  ground: EvaluateGround,
  lowering: Lowering,
): PlanEvaluate | null {
  if (!section) return null;
  const child = (kind: string) => childOf(section, kind);
  const perplexity = lowerPerplexity(child("perplexity"), scope, path, ground, lowering);
  const needle = lowerNeedle(child("needle"), scope, path, ground, lowering);
  const gate = lowerGate(child("gate"), scope, path, lowering);
  for (const measure of ["needle", "perplexity"] as const) {
    if (!gate || gate[measure] === null || child(measure)) continue;
    const line = child("gate")?.lines.find(({ expression }) => mentions(expression, measure));
    const at = line ? { file: line.file, ...line.expression } : section.at;
    lowering.report.add("CTX4011", { file: at.file, start: at.start, end: at.end }, { measure });
  }
  return perplexity || needle ? { perplexity, needle, gate } : null;
}

function lowerPerplexity(
  section: Section | undefined,
  scope: Scope,
  path: string,
  ground: EvaluateGround,
  lowering: Lowering,
): PlanPerplexity | null {
  if (!section) return null;
  const reader = new Reader(section, section.definition, scope, `${path}.perplexity`, lowering);
  const lengths = lengthsOf(reader, ground, "perplexity");
  const files = reader.texts("files") ?? [];
  reader.trace("files", `${ground.pointer}/perplexity/files`);
  const source = reader.has("files") ? null : sourceOf(reader, "source", ground, "perplexity/source");
  if (lengths.length === 0 || source === undefined) return null;
  return { files, source, lengths, samples: reader.number("samples") ?? 8 };
}

function lowerNeedle(
  section: Section | undefined,
  scope: Scope,
  path: string,
  ground: EvaluateGround,
  lowering: Lowering,
): PlanNeedle | null {
  if (!section) return null;
  const reader = new Reader(section, section.definition, scope, `${path}.needle`, lowering);
  const lengths = lengthsOf(reader, ground, "needle");
  const haystack = sourceOf(reader, "haystack", ground, "needle/haystack");
  const short = lengths.find((length) => length < leastNeedle);
  if (short !== undefined) {
    lowering.report.add("CTX4014", reader.at("lengths"), { length: showTokens(short), least: leastNeedle });
  }
  if (lengths.length === 0 || haystack === undefined) return null;
  return {
    lengths,
    depths: depthsOf(reader),
    samples: reader.number("samples") ?? 20,
    haystack,
    digits: reader.number("digits") ?? 6,
  };
}

/** Lengths to measure, rising, up to the stage's context. */
function lengthsOf(reader: Reader, { contexts, upTo, pointer }: EvaluateGround, kind: string): number[] {
  reader.trace("lengths", `${pointer}/${kind}/lengths`);
  const written = reader.numbers("lengths");
  const all = [...new Set(written ?? contexts)].sort((a, b) => a - b);
  if (!reader.has("lengths")) reader.note("lengths", `[${all.map(showTokens).join(", ")}]`, "the stages' lengths");
  return all.filter((length) => upTo === null || length <= upTo);
}

/** Depths from 0 to 1; a count spreads that many evenly. */
function depthsOf(reader: Reader): number[] {
  const value = reader.value("depths");
  if (typeof value === "number") {
    return value <= 1 ? [0.5] : Array.from({ length: value }, (_, k) => k / (value - 1));
  }
  const depths = reader.numbers("depths") ?? [];
  const outside = depths.find((depth) => depth > 1);
  if (outside !== undefined) {
    const values = { name: "depths", value: showRatio(outside), range: "from 0% to 100%" };
    reader.lowering.report.add("CTX2104", reader.at("depths"), values);
  }
  return depths;
}

/** The source that an evaluation reads: as written, else the first one of files. Undefined when there is none. */
function sourceOf(reader: Reader, name: string, { sources, pointer }: EvaluateGround, at: string): string | undefined {
  reader.trace(name, `${pointer}/${at}`);
  const { lowering } = reader;
  const written = reader.text(name);
  if (written !== undefined) {
    return reportHaystack(written, sources, reader.at(name), lowering) ? undefined : written;
  }
  const first =
    sources.find((source) => source.kind === "files" && source.holdout_every > 0) ??
    sources.find((source) => source.kind === "files");
  if (!first) {
    lowering.report.add("CTX2005", reader.at(name), {
      block: reader.section?.kind ?? "evaluate",
      name,
      hint: "there is no source of files to read from",
    });
    return undefined;
  }
  reader.note(name, first.name, "the first source of files");
  return first.name;
}

/** `needle >= 95%` and `perplexity <= 12`. */
function lowerGate(section: Section | undefined, scope: Scope, path: string, lowering: Lowering): PlanGate | null {
  if (!section) return null;
  const reader = new Reader(section, section.definition, scope, `${path}.gate`, lowering);
  const bounds: { needle: number | null; perplexity: number | null } = { needle: null, perplexity: null };
  for (const line of section.lines) lowerMeasure(line, section, scope, bounds, lowering);
  return { ...bounds, otherwise: (reader.text("otherwise") as PlanGate["otherwise"] | undefined) ?? "stop" };
}

function lowerMeasure(
  line: Line,
  section: Section,
  scope: Scope,
  bounds: { needle: number | null; perplexity: number | null },
  lowering: Lowering,
): void {
  const node = line.expression;
  const within = scope.within(line.file);
  if (node.kind === "error") return;
  const name = node.kind === "binary" && node.left.kind === "name" ? node.left.name : undefined;
  const property = name === undefined ? undefined : section.definition.properties[name];
  if (node.kind !== "binary" || property?.type.kind !== "measure" || (name !== "needle" && name !== "perplexity")) {
    lowering.report.add("CTX2018", within.place(node), {
      block: "gate",
      hint: "write needle >= 95% or perplexity <= 12",
    });
    return;
  }
  if (!property.type.operators.includes(node.operator)) {
    const hint = `write ${name} ${property.type.operators[0]} …`;
    lowering.report.add("CTX2018", within.place(node), { block: "gate", hint });
    return;
  }
  const value = evaluateExpression(node.right, within);
  const bound =
    value && convert(value, property.type.of, node.right, { language: lowering.language, scope: within, property });
  if (typeof bound === "number") bounds[name] = bound;
}

function mentions(node: Line["expression"], name: string): boolean {
  return node.kind === "binary" && node.left.kind === "name" && node.left.name === name;
}
