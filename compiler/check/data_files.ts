import type { Host } from "../host.ts";
import { folderOf } from "../path.ts";
import type { PlanDataSource } from "../plan.ts";
import type { Check } from "./context.ts";

/** Bytes that are looked at of each file, and files that are looked at: a check must not take long. */
const HEAD = 64 * 2 ** 10;
const MOST_FILES = 32;

/** What is wrong with a file as far as its beginning tells, and what to do about it. */
interface Fault {
  problem: string;
  hint: string;
}

/**
 * Files that the run could not read: refused by the system, empty, of another format than the recipe says, without the column that is
 * read. Only the beginning of each is looked at; what comes later the run says.
 */
export const dataFilesReadable: Check = ({ plan, trace, report, host }) => {
  if (plan.model.path === null && !plan.model.initialize) return;
  const folder = folderOf(plan.source.file);
  let looked = 0;
  const look = (patterns: readonly string[], source: Columns, pointer: string) => {
    const files = [...new Set(patterns.flatMap((pattern) => host.list(pattern, folder) ?? []))];
    for (const file of files) {
      if (looked++ >= MOST_FILES) return;
      const fault = faultOf(file, source, host);
      if (fault === null) continue;
      report.add("CTX5020", trace.nearest(pointer), { file, ...fault });
      return; // the others of a source are mostly like it
    }
  };
  for (const [k, source] of plan.data.sources.entries()) {
    if (source.kind === "files") look(source.files, source, `/data/sources/${k}/files`);
  }
  const plain = { format: null, text: null, chat: null };
  for (const [k, stage] of plan.stages.entries()) {
    look(stage.evaluate?.perplexity?.files ?? [], plain, `/stages/${k}/evaluate/perplexity/files`);
  }
};

type Columns = Pick<PlanDataSource, "format" | "text" | "chat">;

function faultOf(file: string, source: Columns, host: Host): Fault | null {
  const head = host.head?.(file, HEAD);
  if (head === undefined) return null;
  if (typeof head === "string") return { problem: `can't be read: ${head}`, hint: "see whether you may read it" };
  if (head.length === 0) return { problem: "is empty", hint: "take it out of the source" };
  const format = source.format ?? formatOf(file);
  const whole = head.length < HEAD;
  switch (format) {
    case "text":
      return textFault(head, whole);
    case "jsonl":
      return textFault(head, whole) ?? jsonlFault(head, whole, source);
    case "jsonl.zst":
      return magicFault(head, [[0x28, 0xb5, 0x2f, 0xfd], SKIPPABLE], "compressed with zstd");
    case "parquet":
      return magicFault(head, [[0x50, 0x41, 0x52, 0x31]], "a parquet file");
    default:
      return null;
  }
}

/** The end of a name tells the format of a file where the recipe does not; what is unknown is told elsewhere (CTX5010). */
function formatOf(file: string): PlanDataSource["format"] {
  if (/\.(jsonl|ndjson)$/i.test(file)) return "jsonl";
  if (/\.(jsonl|ndjson)\.zst$/i.test(file)) return "jsonl.zst";
  return /\.parquet$/i.test(file) ? "parquet" : /\.(txt|text|md|markdown)$/i.test(file) ? "text" : null;
}

/** First bytes of a zstd frame that decoders pass over; the first of them is 0x50 to 0x5f. */
const SKIPPABLE = [-1, 0x2a, 0x4d, 0x18];

function magicFault(head: Uint8Array, magics: number[][], what: string): Fault | null {
  const fits = (magic: number[]) =>
    magic.every((byte, k) => (byte < 0 ? (head[k] ?? 0) >>> 4 === 5 : head[k] === byte));
  return magics.some(fits)
    ? null
    : { problem: `is not ${what}`, hint: "set the format of the source, or get the file anew" };
}

function textFault(head: Uint8Array, whole: boolean): Fault | null {
  const [a, b] = head;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff))
    return { problem: "is UTF-16 text", hint: "convert it to UTF-8" };
  const zero = head.indexOf(0);
  if (zero >= 0) return { problem: `is no text (a zero byte at offset ${zero})`, hint: "set the format of the source" };
  return decoded(head, whole) === null ? { problem: "is not UTF-8 text", hint: "convert it to UTF-8" } : null;
}

/** null where it is not UTF-8. A character that the end of the head cuts is no fault. */
function decoded(bytes: Uint8Array, whole: boolean): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: !whole });
  } catch {
    return null;
  }
}

/** Looks at the first row, where it ends within the head. */
function jsonlFault(head: Uint8Array, whole: boolean, { text, chat }: Columns): Fault | null {
  const lines = decoded(head, whole)!.split("\n");
  const k = lines.findIndex((line) => !/^[ \t\r]*$/.test(line));
  if (k < 0) return whole ? { problem: "holds no documents", hint: "take it out of the source" } : null;
  if (k === lines.length - 1 && !whole) return null;
  let row: unknown;
  try {
    row = JSON.parse(lines[k]!);
  } catch {
    return { problem: `has no JSON in line ${k + 1}`, hint: "a jsonl file has one JSON object a line" };
  }
  if (typeof row !== "object" || row === null || Array.isArray(row))
    return { problem: `has no JSON object in line ${k + 1}`, hint: "a jsonl file has one JSON object a line" };
  const column = chat ?? text ?? "text";
  if (!Object.hasOwn(row, column)) {
    const keys = Object.keys(row).slice(0, 12).join(", ");
    const property = chat === null ? "text" : "chat";
    return {
      problem: `has no column "${column}" in line ${k + 1}`,
      hint: `it has: ${keys}; name one with ${property} = "…"`,
    };
  }
  const value = (row as { [key: string]: unknown })[column];
  if (chat === null ? typeof value === "string" : Array.isArray(value)) return null;
  const wanted = chat === null ? "text" : "a list of messages";
  return {
    problem: `has something else than ${wanted} in column "${column}" of line ${k + 1}`,
    hint: "name another column",
  };
}
