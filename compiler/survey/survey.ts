import type { Host } from "../host.ts";
import type { PlanDraft } from "../lower/plan.ts";
import { folderOf } from "../path.ts";
import type { PlanDataSource } from "../plan.ts";
import { bytesPerToken } from "./bytes_per_token.ts";
import { formatOf } from "./format.ts";
import { type ChatRows, jsonlRows, textHead } from "./jsonl.ts";
import { parquetFooter } from "./parquet.ts";

/** A document whose length is known, in tokens, estimated; `cut`: it goes on beyond what was looked at. */
export interface SurveyedDocument {
  readonly tokens: number;
  readonly cut: boolean;
}

/** What the files of a source show without being read in full. */
export interface Survey {
  /** Documents that were looked at; none where only their sum is known. */
  readonly documents: readonly SurveyedDocument[];
  /** Whether these are all that the source has. */
  readonly complete: boolean;
  /** Tokens of the whole source, estimated, before holdout and filter; undefined where a file tells nothing. */
  readonly tokens: number | undefined;
  readonly chats: ChatRows & { readonly file: string };
}

/** Bytes of a source that are looked at, and the files that they are taken from: a check must not take long. */
const budget = 8 * 2 ** 20;
/** The same of compressed text, which takes longer. */
const unpacked = 2 * 2 ** 20;
const mostFiles = 8;

/** Whole rows among which one that goes on is taken for one of their kind, as long as it has not outgrown them. */
const ordinary = 16;

/** Files whose sizes and footers are asked for. */
const mostSizes = 10_000;
const mostFooters = 64;

/** What sources of a recipe showed, by their names. */
export type Surveys = Map<string, Survey | undefined>;

/** What a survey must know of a recipe: its file, whose folder the patterns start from, and how much text makes a token. */
export type SurveyGround = Pick<PlanDraft, "source" | "tokenizer" | "model">;

const surveysOf = new WeakMap<SurveyGround, Surveys>();

/** What was looked at while a plan was made need not be looked at again. */
export function keepSurveys(plan: PlanDraft, surveys: Surveys): void {
  surveysOf.set(plan, surveys);
}

/** Looks at the files of a source, once for each plan; undefined when it has none that can be looked at. */
export function surveyOf(source: PlanDataSource, plan: PlanDraft, host: Host): Survey | undefined {
  const surveys = surveysOf.get(plan) ?? new Map<string, Survey | undefined>();
  surveysOf.set(plan, surveys);
  return surveyIn(surveys, source, plan, host);
}

/** The same before there is a plan. */
export function surveyIn(
  surveys: Surveys,
  source: PlanDataSource,
  ground: SurveyGround,
  host: Host,
): Survey | undefined {
  if (!surveys.has(source.name)) surveys.set(source.name, survey(source, ground, host));
  return surveys.get(source.name);
}

function survey(source: PlanDataSource, ground: SurveyGround, host: Host): Survey | undefined {
  if (source.kind !== "files") return undefined;
  const folder = folderOf(ground.source.file);
  const files = [...new Set(source.files.flatMap((pattern) => host.list(pattern, folder) ?? []))];
  if (files.length === 0 || files.length > mostSizes) return undefined;
  const perToken = bytesPerToken(ground);
  const documents: SurveyedDocument[] = [];
  const chats = { seen: 0, silent: [] as number[], file: "" };
  const looked = spread(files.filter((file) => formatOf(file, source.format)?.startsWith("jsonl")));
  let complete = true;
  /** Whether some files show no lengths of documents: then the others do not stand for the source. */
  let opaque = false;
  let bytes: number | undefined = 0;
  /** Bytes of text in jsonl files, and bytes of compressed ones with the ratios that were seen. */
  let [jsonl, packed] = [0, 0];
  const ratios: number[] = [];
  let footers = 0;
  const shares: number[] = [];
  for (const file of files) {
    const size = host.size(file);
    let known: number | undefined;
    const format = formatOf(file, source.format);
    switch (format) {
      case "text":
        known = size;
        if (size !== undefined) documents.push({ tokens: size / perToken, cut: false });
        break;
      case "jsonl":
      case "jsonl.zst": {
        const compressed = format === "jsonl.zst";
        if (compressed) packed += size ?? 0;
        else jsonl += size ?? 0;
        const most = Math.floor((compressed ? unpacked : budget) / looked.length);
        const head = looked.includes(file) ? textHead(file, most, compressed, host) : undefined;
        if (head && compressed && head.ratio > 0) ratios.push(head.ratio);
        const rows = head && jsonlRows(head, source);
        known = size === undefined ? undefined : 0; // counted below, by the share that is text
        complete &&= rows?.rows.every(({ cut }) => !cut) ?? false;
        if (rows?.text === undefined) break;
        const { text } = rows;
        shares.push(text);
        const whole = rows.rows.filter(({ cut }) => !cut);
        const longest = whole.length >= ordinary ? whole.reduce((most, row) => Math.max(most, row.bytes), 0) : 0;
        for (const row of rows.rows)
          documents.push({ tokens: (row.bytes * text) / perToken, cut: row.cut && row.bytes > longest });
        chats.seen += rows.chats.seen;
        if (chats.silent.length === 0 && rows.chats.silent.length > 0) chats.file = file;
        chats.silent = chats.silent.concat(rows.chats.silent);
        break;
      }
      case "parquet": {
        const footer = footers++ < mostFooters ? parquetFooter(file, host) : undefined;
        const wanted = source.chat ?? source.text ?? "text";
        known = footer?.columns.find(({ name }) => name === wanted)?.bytes;
        opaque = true;
        break;
      }
      default:
        opaque = true;
    }
    bytes = bytes === undefined || known === undefined ? undefined : bytes + known;
  }
  if (jsonl + packed > 0 && shares.length === 0) bytes = undefined;
  if (packed > 0 && ratios.length === 0) bytes = undefined;
  const rows = jsonl + packed * mean(ratios);
  const tokens = bytes === undefined ? undefined : (bytes + rows * mean(shares)) / perToken;
  return { documents: opaque ? [] : documents, complete: complete && !opaque, tokens, chats };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, each) => sum + each, 0) / Math.max(1, values.length);
}

/** Some of the files, evenly spaced: the first ones may be the oldest, or the shortest. */
function spread(files: readonly string[]): readonly string[] {
  const count = Math.min(mostFiles, files.length);
  return Array.from({ length: count }, (_, k) => files[Math.floor((k * files.length) / count)]!);
}

/** How much of some documents lies in those of certain lengths, by their number and by their tokens. */
export interface Shares {
  readonly documents: number;
  readonly tokens: number;
}

/** Share of the surveyed documents for which `kept` holds. */
export function shareOf(documents: readonly SurveyedDocument[], kept: (document: SurveyedDocument) => boolean): Shares {
  let [all, allTokens, some, someTokens] = [0, 0, 0, 0];
  for (const document of documents) {
    all++;
    allTokens += document.tokens;
    if (!kept(document)) continue;
    some++;
    someTokens += document.tokens;
  }
  return { documents: all > 0 ? some / all : 0, tokens: allTokens > 0 ? someTokens / allTokens : 0 };
}

/** Tokens of the longest, as far as was seen. */
export function longestOf(documents: readonly SurveyedDocument[]): number {
  return documents.reduce((most, { tokens }) => Math.max(most, tokens), 0);
}

/** Whether a document passes the source's filter. One that goes on may be of any length from what was seen of it. */
export function passes(
  { min_tokens: min, max_tokens: max }: PlanDataSource,
  { tokens, cut }: SurveyedDocument,
): boolean {
  return (tokens >= min || cut) && (max === null || tokens <= max);
}
