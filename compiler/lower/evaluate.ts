import type { Scope } from "../evaluate/scope.ts";
import { childOf, type Section } from "../names/section.ts";
import type { PlanDataSource, PlanEvaluate, PlanNeedle, PlanPerplexity } from "../plan.ts";
import { showNumber, showRatio, showTokens } from "../values/show.ts";
import { type GateGround, lowerGate } from "./gate.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";
import { reportHaystack } from "./synthetic.ts";

export interface EvaluateGround {
  readonly sources: readonly PlanDataSource[];
  /** Contexts of the base model and of all stages: the lengths that are measured when the recipe names none. */
  readonly contexts: readonly number[];
  /** Lengths above are left to later stages; null: all are measured. */
  readonly upTo: number | null;
  readonly pointer: string;
  /** What a gate is held against; null: no gate stands here. */
  readonly gate: GateGround | null;
}

/** Fewest tokens that hold a fact, the question for it and some text. A trained tokenizer may well need one for each digit. */
function leastNeedle(digits: number): number {
  return 20 + 2 * digits;
}

/** Most depths: below a tenth of a percent apart they are one. */
const mostDepths = 1000;

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
  const gate =
    ground.gate &&
    lowerGate(
      child("gate"),
      scope,
      path,
      { needle, perplexity, has: (measure) => child(measure) !== undefined },
      ground.gate,
      lowering,
    );
  const measured = { perplexity: somewhere(perplexity), needle: somewhere(needle) };
  return measured.perplexity || measured.needle ? { ...measured, gate } : null;
}

/** A measurement, unless all its lengths are left to later stages. */
function somewhere<M extends { lengths: number[] }>(measurement: M | null): M | null {
  return measurement && measurement.lengths.length > 0 ? measurement : null;
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
  const samples = reader.number("samples") ?? 8;
  if (lengths === undefined || source === undefined) return null;
  return { files, source, lengths, samples };
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
  const digits = reader.number("digits") ?? 6;
  const least = leastNeedle(digits);
  const short = lengths?.find((length) => length < least);
  if (short !== undefined) {
    lowering.report.add("CTX4014", reader.at("lengths"), { length: showTokens(short), least });
  }
  const depths = depthsOf(reader);
  const samples = reader.number("samples") ?? 20;
  if (lengths === undefined || haystack === undefined) return null;
  return {
    lengths,
    depths,
    samples,
    haystack,
    digits,
  };
}

/** Lengths to measure, rising, up to the stage's context. Undefined when the recipe names an empty list of them. */
function lengthsOf(reader: Reader, { contexts, upTo, pointer }: EvaluateGround, kind: string): number[] | undefined {
  reader.trace("lengths", `${pointer}/${kind}/lengths`);
  const written = reader.numbers("lengths");
  if (written?.length === 0) {
    const values = { name: "lengths", value: "an empty list", range: "one length or more" };
    reader.lowering.report.add("CTX2104", reader.at("lengths"), values);
    return undefined;
  }
  const all = [...new Set(written ?? contexts)].sort((a, b) => a - b);
  if (!reader.has("lengths")) reader.note("lengths", `[${all.map(showTokens).join(", ")}]`, "the stages' lengths");
  return all.filter((length) => upTo === null || length <= upTo);
}

/** Depths from 0 to 1; a count spreads that many evenly. */
function depthsOf(reader: Reader): number[] {
  const value = reader.value("depths");
  const refuse = (shown: string, range: string) => {
    reader.lowering.report.add("CTX2104", reader.at("depths"), { name: "depths", value: shown, range });
    return [];
  };
  if (typeof value === "number") {
    if (value < 1 || value > mostDepths) {
      return refuse(showNumber(value), `a count from 1 to ${showNumber(mostDepths)} or a list of shares`);
    }
    return value === 1 ? [0.5] : Array.from({ length: value }, (_, k) => k / (value - 1));
  }
  const depths = reader.numbers("depths");
  if (depths?.length === 0) return refuse("an empty list", "one depth or more");
  const outside = depths?.find((depth) => depth > 1);
  return outside === undefined ? (depths ?? []) : refuse(showRatio(outside), "from 0% to 100%");
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
