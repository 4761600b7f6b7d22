import type { Fix } from "../diagnostics/diagnostic.ts";
import { closest } from "../diagnostics/suggest.ts";
import type { Host } from "../host.ts";
import { folderOf } from "../path.ts";
import type { PlanDataSource } from "../plan.ts";
import { formatOf, parquetFooter, zstdHead } from "../survey/index.ts";
import { type Check, type CheckContext, replacing } from "./context.ts";

/** Bytes that are looked at of each file, and files that are looked at: a check must not take long. */
const HEAD = 64 * 2 ** 10;
const MOST_FILES = 32;

/** What is wrong with a file as far as its beginning (a parquet file's end) tells, and what to do about it. */
interface Fault {
  problem: string;
  hint: string;
  /** The column that is meant, where that can be told. */
  column?: string | undefined;
}

/**
 * Files that the run could not read: refused by the system, empty, of another format than the recipe says, without the column that is
 * read. Only the beginning of each is looked at; what comes later the run says.
 */
export const dataFilesReadable: Check = ({ plan, trace, report, host }) => {
  const folder = folderOf(plan.source.file);
  let looked = 0;
  const look = (patterns: readonly string[], source: Columns, pointer: string, owner?: string) => {
    const files = [...new Set(patterns.flatMap((pattern) => host.list(pattern, folder) ?? []))];
    for (const file of files) {
      if (looked++ >= MOST_FILES) return;
      const fault = faultOf(file, source, host);
      if (fault === null) continue;
      const { problem, hint, column } = fault;
      const fixes = owner !== undefined && column !== undefined ? columnFix(trace, owner, source, column) : [];
      report.add("CTX5020", trace.nearest(pointer), { file, problem, hint }, { fixes });
      return; // the others of a source are mostly like it
    }
  };
  for (const [k, source] of plan.data.sources.entries()) {
    const pointer = `/data/sources/${k}`;
    if (source.kind === "files") look(source.files, source, `${pointer}/files`, pointer);
  }
  const plain = { format: null, text: null, chat: null };
  for (const [k, stage] of plan.stages.entries()) {
    look(stage.evaluate?.perplexity?.files ?? [], plain, `/stages/${k}/evaluate/perplexity/files`);
  }
};

type Columns = Pick<PlanDataSource, "format" | "text" | "chat">;

/** Names another column where the recipe names one, or behind the source's files. */
function columnFix(trace: CheckContext["trace"], pointer: string, { chat }: Columns, column: string): Fix[] {
  const property = chat === null ? "text" : "chat";
  const title = `${property} = ${JSON.stringify(column)}`;
  const written = trace.exact(`${pointer}/${property}`);
  if (written) return replacing(written, title, JSON.stringify(column));
  const files = trace.exact(`${pointer}/files`);
  return replacing(files && { ...files, start: files.end }, title, `  ${title}`);
}

function faultOf(file: string, source: Columns, host: Host): Fault | null {
  const head = host.head?.(file, HEAD);
  if (head === undefined) return null;
  if (typeof head === "string") return { problem: `can't be read: ${head}`, hint: "see whether you may read it" };
  if (head.length === 0) return { problem: "is empty", hint: "take it out of the source" };
  const format = formatOf(file, source.format);
  const whole = head.length < HEAD;
  switch (format) {
    case "text":
      return textFault(head, whole);
    case "jsonl":
      return textFault(head, whole) ?? jsonlFault(head, whole, source);
    case "jsonl.zst":
      return (
        magicFault(head, [[0x28, 0xb5, 0x2f, 0xfd], SKIPPABLE], "compressed with zstd") ??
        zstdFault(head, whole, source)
      );
    case "parquet":
      return magicFault(head, [[0x50, 0x41, 0x52, 0x31]], "a parquet file") ?? parquetFault(file, source, host);
    default:
      return null;
  }
}

/** Most bytes of text that are looked at of a compressed file. */
const UNPACKED = 256 * 2 ** 10;

/** What the text says, as far as the head holds whole blocks of it. Damage is told when the file is read. */
function zstdFault(head: Uint8Array, whole: boolean, source: Columns): Fault | null {
  const text = zstdHead(head, UNPACKED);
  if (!text || text.bytes.length === 0) return null;
  const all = whole && text.read === head.length;
  return textFault(text.bytes, all) ?? jsonlFault(text.bytes, all, source);
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
    const fits = (value: unknown) => (chat === null ? typeof value === "string" : Array.isArray(value));
    const columns = Object.entries(row).map(([name, value]) => ({ name, fits: fits(value) }));
    return missingColumn(column, ` in line ${k + 1}`, columns, chat !== null);
  }
  const value = (row as { [key: string]: unknown })[column];
  if (chat !== null && Array.isArray(value)) return chatFault(value, column, k + 1);
  if (chat === null && typeof value === "string") return null;
  const wanted = chat === null ? "text" : "a list of messages";
  return {
    problem: `has something else than ${wanted} in column "${column}" of line ${k + 1}`,
    hint: "name another column",
  };
}

/** Columns that a message lists. */
const mostNamed = 12;

/** A column that is not there: what is, and which of it may be meant. */
function missingColumn(
  column: string,
  where: string,
  columns: readonly { name: string; fits: boolean }[],
  isChat: boolean,
): Fault {
  const property = isChat ? "chat" : "text";
  const fitting = columns.filter(({ fits }) => fits).map(({ name }) => name);
  const meant = closest(column, fitting) ?? (fitting.length === 1 ? fitting[0] : undefined);
  const shown = columns.slice(0, mostNamed).map(({ name }) => name);
  const names = columns.length > mostNamed ? `${shown.join(", ")} …` : shown.join(", ");
  const problem = `has no column "${column}"${where}`;
  if (names === "") return { problem, hint: "it has none at all" };
  const advice = meant === undefined ? `name one with ${property} = "…"` : `did you mean ${property} = "${meant}"?`;
  return { problem, hint: `it has: ${names}; ${advice}`, column: meant };
}

/** A chat as the reader of data takes it: messages with a role and a content, or from and value in the ShareGPT manner. */
function chatFault(messages: readonly unknown[], column: string, line: number): Fault | null {
  const known = ["human", "gpt", "system", "user", "assistant"];
  const k = messages.findIndex((each) => {
    const message = (typeof each === "object" ? each : null) as { [key: string]: unknown } | null;
    const role = message?.role ?? known.find((name) => name === message?.from);
    const content = message?.content ?? message?.value;
    return typeof role !== "string" || (typeof content !== "string" && !Array.isArray(message?.tool_calls));
  });
  if (k < 0 && messages.length > 0) return null;
  const what = messages.length === 0 ? "an empty chat" : `no role or no content in message ${k + 1}`;
  return {
    problem: `has ${what} in column "${column}" of line ${line}`,
    hint: 'a message is { "role": "user", "content": "…" }, or { "from": "human", "value": "…" }',
  };
}

/** Names of columns stand at the end of a parquet file, with their kinds. */
function parquetFault(file: string, { text, chat }: Columns, host: Host): Fault | null {
  const footer = parquetFooter(file, host);
  if (!footer) return null;
  const column = chat ?? text ?? "text";
  const kind = chat === null ? "text" : "nested";
  const found = footer.columns.find(({ name }) => name === column);
  if (!found) {
    const columns = footer.columns.map((each) => ({ name: each.name, fits: each.kind === kind }));
    return missingColumn(column, "", columns, chat !== null);
  }
  if (found.kind === kind)
    return footer.rows > 0 ? null : { problem: "holds no documents", hint: "take it out of the source" };
  const wanted = chat === null ? "text" : "a list of messages";
  return { problem: `has something else than ${wanted} in column "${column}"`, hint: "name another column" };
}
