import { hint } from "../diagnostics/suggest.ts";
import { childrenOf, type Section } from "../names/section.ts";
import type { PlanData, PlanDataSource } from "../plan.ts";
import { numberArgument, numbersArgument, type TypedCall } from "../types/typed.ts";
import { lowerFilter } from "./filter.ts";
import type { Lowering } from "./lowering.ts";
import { Reader } from "./reader.ts";

/** Endings by which a file tells its format; the reader of data knows the same ones. */
const endings: readonly [RegExp, NonNullable<PlanDataSource["format"]>][] = [
  [/\.(jsonl|ndjson)$/i, "jsonl"],
  [/\.(jsonl|ndjson)\.zst$/i, "jsonl.zst"],
  [/\.parquet$/i, "parquet"],
  [/\.(txt|text|md|markdown|rst|tex|html?|c|h|cc|cpp|cu|js|ts|py|rs|go|java)$/i, "text"],
];

/** The sources and how documents become rows. */
export function lowerData(reader: Reader): PlanData {
  const sections = reader.section ? childrenOf(reader.section, "source") : [];
  const sources = sections.map((section, k) => lowerSource(section, k, reader));
  for (const [k, source] of sources.entries()) checkHaystack(source, sources, sections[k]!, reader.lowering);
  return {
    sources,
    documents: (reader.text("documents") as PlanData["documents"] | undefined) ?? "mask",
    overflow: (reader.text("overflow") as PlanData["overflow"] | undefined) ?? "split",
  };
}

function lowerSource(section: Section, k: number, data: Reader): PlanDataSource {
  const { lowering } = data;
  const name = section.label ?? "";
  const reader = new Reader(section, section.definition, data.scope, `source ${name}`, lowering);
  lowering.trace.set(`/data/sources/${k}`, section.labelAt ?? section.at);
  reader.trace("files", `/data/sources/${k}/files`);
  reader.trace("holdout", `/data/sources/${k}/holdout_every`);
  const files = reader.texts("files") ?? [];
  const call = reader.call("synthesize");
  if (!reader.has("files") && !reader.has("synthesize")) {
    lowering.report.add("CTX5006", section.labelAt ?? section.at, {
      name,
      problem: "has neither files nor synthesize",
    });
  }
  const format = call || reader.failed("files") ? null : formatOf(files, reader);
  const columns = format !== null && format !== "text";
  const chat = columns ? (reader.text("chat") ?? null) : null;
  for (const column of ["text", "chat"] as const) {
    if (format === "text" && reader.has(column)) {
      lowering.report.add("CTX5014", reader.at(column), { name: column, format });
    }
  }
  const holdout = reader.number("holdout") ?? 0;
  return {
    name,
    kind: call ? "synthetic" : "files",
    files,
    format,
    text: columns && chat === null ? (reader.text("text") ?? "text") : null,
    chat,
    loss: (reader.text("loss") as PlanDataSource["loss"] | undefined) ?? "all",
    holdout_every: holdout > 0 ? Math.round(1 / holdout) : 0,
    ...lowerFilter(reader),
    synthesize: call ? lowerSynthetic(call) : null,
  };
}

/** The format as written, or by the endings of the patterns. */
function formatOf(files: readonly string[], reader: Reader): PlanDataSource["format"] {
  const written = reader.text("format");
  if (reader.has("format"))
    return written === undefined ? null : (written.replace("_", ".") as PlanDataSource["format"]);
  const formats = new Set<NonNullable<PlanDataSource["format"]>>();
  for (const file of files) {
    const format = endings.find(([ending]) => ending.test(file))?.[1];
    if (format === undefined) {
      const choices = "text, jsonl, jsonl_zst, parquet";
      reader.lowering.report.add("CTX5010", reader.at("files"), { file, choices });
      return null;
    }
    formats.add(format);
  }
  const [only] = formats;
  // Files of several formats are told apart one by one when they are read.
  return formats.size === 1 ? (only ?? null) : null;
}

/** Questions inside the text of another source. Arguments that a kind does not have take the values that change nothing. */
function lowerSynthetic(call: TypedCall): NonNullable<PlanDataSource["synthesize"]> {
  const haystack = call.arguments.get("haystack")?.value;
  return {
    kind: call.name as NonNullable<PlanDataSource["synthesize"]>["kind"],
    haystack: typeof haystack === "string" ? haystack : "",
    digits: numberArgument(call, "digits") ?? 6,
    count: numberArgument(call, "count") ?? 1,
    answer_weight: numberArgument(call, "answer_weight") ?? 1,
    text_weight: numberArgument(call, "text_weight") ?? 1,
    at_start: numberArgument(call, "at_start") ?? 0,
    at_end: numberArgument(call, "at_end") ?? 0,
    repeats: numberArgument(call, "repeats") ?? 1,
    segment: segmentOf(call),
    gap: numberArgument(call, "gap") ?? 8,
  };
}

/** Shortest and longest segment of a copy row: given as a list of two, or one length for all rows. */
function segmentOf(call: TypedCall): [number, number] {
  const [shortest = 4, longest = Math.max(24, shortest)] = numbersArgument(call, "segment") ?? [];
  return [shortest, longest];
}

/** A haystack is a source of files. */
function checkHaystack(
  source: PlanDataSource,
  sources: readonly PlanDataSource[],
  section: Section,
  lowering: Lowering,
): void {
  const wanted = source.synthesize?.haystack;
  const setting = section.settings.get("synthesize");
  if (!wanted || !setting) return;
  reportHaystack(wanted, sources, { file: setting.file, start: setting.value.start, end: setting.value.end }, lowering);
}

/** Reports a haystack that is no source, or one whose text is synthetic itself. */
export function reportHaystack(
  name: string,
  sources: readonly PlanDataSource[],
  at: Parameters<Lowering["report"]["add"]>[1],
  { report }: Lowering,
): boolean {
  const found = sources.find((source) => source.name === name);
  if (found?.kind === "files") return false;
  const texts = sources.filter((source) => source.kind === "files").map((source) => source.name);
  report.add("CTX5005", at, {
    name,
    hint: found ? `its text is synthetic; real text is in ${texts.join(", ") || "no source"}` : hint(name, texts),
  });
  return true;
}
