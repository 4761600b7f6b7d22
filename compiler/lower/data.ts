import { childrenOf, type Section } from "../names/section.ts";
import type { PlanData, PlanDataSource, PlanTokenizer } from "../plan.ts";
import { showRatio } from "../values/show.ts";
import { needChatTemplate } from "./chat_template.ts";
import { lowerFilter } from "./filter.ts";
import { Reader } from "./reader.ts";
import { removal } from "./removal.ts";
import { checkHaystack, lowerSynthetic, refuseFileSettings } from "./synthetic.ts";

/** Endings by which a file tells its format; the reader of data knows the same ones. */
const endings: readonly [RegExp, NonNullable<PlanDataSource["format"]>][] = [
  [/\.(jsonl|ndjson)$/i, "jsonl"],
  [/\.(jsonl|ndjson)\.zst$/i, "jsonl.zst"],
  [/\.parquet$/i, "parquet"],
  [/\.(txt|text|md|markdown|rst|tex|html?|c|h|cc|cpp|cu|js|ts|py|rs|go|java)$/i, "text"],
];

/** How far, in parts of it, the share that is held out may lie from the one written before that is said. */
const roundingSaid = 0.02;

/** The sources and how documents become rows. */
export function lowerData(reader: Reader, tokenizer: PlanTokenizer): PlanData {
  const sections = reader.section ? childrenOf(reader.section, "source") : [];
  if (reader.section && sections.length === 0) {
    const values = { block: "data", name: "a source", hint: 'write source NAME { files = "…" }' };
    reader.lowering.report.add("CTX2005", reader.section.at, values);
  }
  const sources = sections.map((section, k) => lowerSource(section, k, reader, tokenizer));
  for (const [k, source] of sources.entries()) checkHaystack(source, sources, sections[k]!, reader.lowering);
  for (const name of ["documents", "overflow"]) reader.trace(name, `/data/${name}`);
  return {
    sources,
    documents: (reader.text("documents") as PlanData["documents"] | undefined) ?? "mask",
    overflow: (reader.text("overflow") as PlanData["overflow"] | undefined) ?? "split",
  };
}

function lowerSource(section: Section, k: number, data: Reader, tokenizer: PlanTokenizer): PlanDataSource {
  const { lowering } = data;
  const name = section.label ?? "";
  const reader = new Reader(section, section.definition, data.scope, `source ${name}`, lowering);
  lowering.trace.set(`/data/sources/${k}`, section.labelAt ?? section.at);
  reader.trace("files", `/data/sources/${k}/files`);
  reader.trace("holdout", `/data/sources/${k}/holdout_every`);
  for (const name of ["text", "chat", "loss"]) reader.trace(name, `/data/sources/${k}/${name}`);
  reader.trace("filter", `/data/sources/${k}/min_tokens`);
  const files = reader.texts("files") ?? [];
  const call = reader.call("synthesize");
  if (!section.unread && !reader.has("files") && !reader.has("synthesize")) {
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
  if (call) refuseFileSettings(section, name, lowering);
  else {
    refuseLossWithoutChat(reader, name);
    if (columns) needChatTemplate(reader, name, tokenizer);
  }
  return {
    name,
    kind: call ? "synthetic" : "files",
    files,
    format,
    text: columns && chat === null ? (reader.text("text") ?? "text") : null,
    chat,
    loss: (reader.text("loss") as PlanDataSource["loss"] | undefined) ?? "all",
    holdout_every: call ? 0 : holdoutEvery(reader),
    ...lowerFilter(reader),
    synthesize: call ? lowerSynthetic(call, lowering) : null,
  };
}

/** A share of the documents as "every n-th": said aloud where that is another share than the recipe's. */
function holdoutEvery(reader: Reader): number {
  const share = reader.number("holdout") ?? 0;
  if (share <= 0) return 0;
  const every = Math.min(Math.round(1 / share), Number.MAX_SAFE_INTEGER);
  if (Math.abs(1 / every - share) > roundingSaid * share) {
    const at = reader.at("holdout");
    const values = { share: showRatio(share), every, held: showRatio(1 / every) };
    const fix = { title: `holdout = 1/${every}`, safety: "review" as const, edits: [{ ...at, text: `1/${every}` }] };
    reader.lowering.report.add("CTX5016", at, values, { fixes: [fix] });
  }
  return every;
}

/** Roles stand in chats alone: in plain text there is no assistant. */
function refuseLossWithoutChat(reader: Reader, source: string): void {
  if (reader.text("loss") !== "assistant" || reader.has("chat")) return;
  const reason = 'text has no assistant: write chat = "messages" for a column of chats, or remove it';
  const setting = reader.setting("loss");
  const fixes = setting ? [removal(setting)] : [];
  reader.lowering.report.add("CTX5017", reader.at("loss"), { name: "loss = assistant", source, reason }, { fixes });
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
