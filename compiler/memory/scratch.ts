import type { ModelShape } from "../model/parameters.ts";
import { type LedgerOptions, ranksTokens } from "./ledger.ts";

/**
 * The working memory of the CPU's kernels, which they keep beside the engine's arena: panels of packed matrices, tiles of attention, partial
 * sums. Its size depends on the instruction set, which a plan does not know, so this is the most that any takes; mirrors native/cpu/scratch.h.
 * A test holds it against what engines count.
 */

/** Numbers in a vector, and columns of a register tile: portable, AVX2, AVX-512. */
const tiles = [
  { lanes: 4, columns: 8 },
  { lanes: 8, columns: 16 },
  { lanes: 16, columns: 64 },
] as const;
type Tile = (typeof tiles)[number];

/** Blocking of matrix products: words of a sum, rows and columns at a time, columns of a strip of bf16. */
const [KC, MC, NC, DEEP, STRIP_OF_BF16] = [512, 144, 2048, 4, 512];
/** Of attention: rows of scores at a time, query rows of the backward pass at a time, padding of a row of scores. */
const [STRIP, BACKWARD_ROWS, PAD] = [24, 96, 16];
/** Of one query alone: segments of keys, and keys at a time. */
const [DECODE_SEGMENTS, DECODE_KEYS] = [32, 64];
/** Partial sums over rows; numbers of a partial sum of squares; logits whose maximum is kept. */
const [PARTS, SQUARES, LOGITS] = [64, 16_384, 4096];

const roundUp = (x: number, to: number) => Math.ceil(x / to) * to;
const most = (numbers: number[]) => Math.max(0, ...numbers);
/** Buffers are whole pages of 4-byte words. */
const pages = (words: number) => roundUp(4 * words, 4096);

/** The most bytes that the kernels of all ranks in this memory keep, computing with `threads` in all. */
export function scratchBytes(model: ModelShape, options: LedgerOptions, threads: number): number {
  const { ranksHere = options.ring } = options;
  const each = Math.max(1, Math.floor(threads / ranksHere));
  const shared = Math.max(sharedByProducts(model, options), sharedBySums(model, options));
  const own = Math.max(
    MC * (KC + 16) + (options.dtype === "bf16" ? MC * STRIP_OF_BF16 : 0),
    most(tiles.map((tile) => ownByAttention(tile, model, options))),
    Math.ceil(model.vocab_size / LOGITS),
  );
  return ranksHere * (pages(shared) + each * pages(own));
}

/** Widths of all matrices: the lengths that a product sums over, or has as columns. */
export function matrixWidths(model: ModelShape, { lora }: LedgerOptions): number[] {
  const { vocab_size, hidden_size, intermediate_size, heads, kv_heads, head_dim } = model;
  return [vocab_size, hidden_size, 2 * intermediate_size, (heads + 2 * kv_heads) * head_dim, 3 * (lora?.rank ?? 0)];
}

/** Words of packed B that all threads read. Into bf16 a sum is formed whole, so its panels are longer. */
function sharedByProducts(model: ModelShape, options: LedgerOptions): number {
  const widest = most(matrixWidths(model, options));
  const columns = roundUp(widest, 64);
  const single = KC * Math.min(NC, columns);
  if (options.dtype !== "bf16") return single;
  const length = Math.ceil((widest + 2 * KC) / 2);
  return Math.max(single, Math.min(length * columns, Math.max(DEEP * KC * NC, 64 * length)));
}

/** Words of partial sums, and of the counters of attention's backward pass. */
function sharedBySums(model: ModelShape, options: LedgerOptions): number {
  const widths = matrixWidths(model, options);
  const turns = Math.ceil(ranksTokens(options) / BACKWARD_ROWS) * model.heads;
  const decoded = most(
    tiles.map((tile) => DECODE_SEGMENTS * model.heads * (roundUp(model.head_dim, tile.columns) + 2)),
  );
  if (!options.train) return decoded;
  const largest = most(widths) * model.hidden_size;
  return Math.max(decoded, turns, PARTS * most(widths.slice(1)), 2 * Math.ceil(largest / SQUARES));
}

/** Words of one thread. */
function ownByAttention(tile: Tile, { heads, head_dim }: ModelShape, { train }: LedgerOptions): number {
  const wide = tile.lanes === 16;
  const width = roundUp(head_dim, tile.columns);
  const fitting = Math.floor((512 * 64) / head_dim / tile.columns) * tile.columns;
  const keys = wide ? Math.min(512, Math.max(128, fitting)) : 128;
  const forward = keys * (head_dim + width) + (wide ? 384 : 192) * (head_dim + width + 2) + STRIP * (keys + PAD);
  const decode = heads * (head_dim + DECODE_KEYS) + DECODE_KEYS * (width + 2 * head_dim);
  return Math.max(forward, decode, ...(train ? [1, 2].map((terms) => backward(terms, head_dim, width, wide)) : []));
}

/** `terms`: numbers in a word. */
function backward(terms: number, headDim: number, width: number, wide: boolean): number {
  const depth = Math.ceil(headDim / terms);
  const keys = wide ? 192 : 96;
  const rows = terms * BACKWARD_ROWS;
  const ofKeys = keys * (2 * depth + 2 * width) + Math.ceil(keys / terms) * width;
  const ofQueries = 2 * BACKWARD_ROWS * width + rows * width + (terms === 1 ? 0 : 2 * rows * depth);
  return ofKeys + ofQueries + 2 * (BACKWARD_ROWS + STRIP) * (keys + PAD);
}
