import type { ModelShape } from "../model/parameters.ts";
import { type LedgerOptions, ranksTokens } from "./ledger.ts";
import { matrixWidths } from "./scratch.ts";

/**
 * What a GPU's memory holds beside the engine's arena: the working memory of the kernels, which is known, and CUDA's own, which NVIDIA gives no
 * figure for. Mirrors the calls of `reserve` in native/cuda; a test holds it against what devices count.
 */

const MiB = 2 ** 20;

/** What each product through cuBLASLt may use, and the most that an operand's copy in bf16 takes unless a row alone is longer (gemm_lt.cu). */
const [WORKSPACE, PIECE, LEAST_ROWS] = [32 * MiB, 64 * MiB, 64];
/** Partial sums over rows: the most parts, and the fewest rows of one (parts.cuh). Numbers of a partial sum of squares (sum_squares.cu). */
const [PARTS, PART_ROWS, SQUARES] = [512, 32, 16_384];
/** Whose turn it is to add to a tile of queries' gradients: a number for each tile and head (attention_bwd_fused_sm90.cu). */
const TURN = 4;
/** Widths of the heads that this kernel is for, and queries of a tile. */
const TURN_QUERIES: ReadonlyMap<number, number> = new Map([
  [64, 128],
  [128, 64],
]);
export const TURN_HEAD_DIMS: readonly number[] = [...TURN_QUERIES.keys()];

/**
 * CUDA's context, from the first call on: about half a GiB on a data-centre GPU with its driver's stacks and heaps.
 *
 * Not exact: it depends on the driver and the GPU.
 */
export const CUDA_CONTEXT = 512 * MiB;

/** The code of kernels, cuBLASLt's too, which the driver loads when one is first called; and allocations are rounded up to 2 MiB. Not exact either. */
export const CUDA_CODE = 256 * MiB;

/** NCCL's buffers, of a GPU that passes memory on to another process's. Not exact either: it depends on the way between the two. */
export const CUDA_PEERS = 256 * MiB;

/**
 * The most bytes that the kernels of all ranks on one GPU keep beside the arena.
 *
 * @param library whether products may be cuBLASLt's; a plan can't know, and counts it
 */
export function cudaScratchBytes(model: ModelShape, options: LedgerOptions, library = true): number {
  const { ranksHere = options.ring } = options;
  return ranksHere * Math.max(library ? products(model, options) : 0, sums(model, options), turns(model, options));
}

/** Of matrix products: where activations are bf16, both operands may have to be rounded first. */
function products(model: ModelShape, options: LedgerOptions): number {
  if (options.dtype !== "bf16") return WORKSPACE;
  const widths = [...matrixWidths(model, options), options.lossChunk];
  const widest = Math.max(...widths);
  const numbers = Math.max(largestMatrix(model, options), options.lossChunk * model.vocab_size);
  const copy = Math.min(2 * numbers, Math.max(PIECE, 2 * LEAST_ROWS * widest));
  return WORKSPACE + 2 * 256 * Math.ceil(copy / 256);
}

/** Of gradients that are sums over tokens, and of the gradients' norm. */
function sums(model: ModelShape, options: LedgerOptions): number {
  if (!options.train) return 0;
  const tokens = ranksTokens(options);
  const parts = Math.ceil(tokens / Math.max(PART_ROWS, Math.ceil(tokens / PARTS)));
  const [, ...widths] = matrixWidths(model, options); // the vocabulary has no bias
  const squares = Math.ceil(largestMatrix(model, options) / SQUARES) + 1;
  return Math.max(4 * parts * Math.max(model.head_dim, ...widths), 8 * squares);
}

/** Of attention's gradients on a Hopper GPU, which other GPUs have no need of. */
function turns(model: ModelShape, options: LedgerOptions): number {
  const queries = TURN_QUERIES.get(model.head_dim);
  if (!options.train || options.dtype !== "bf16" || queries === undefined) return 0;
  const heads = model.heads / (options.headGroups ?? 1);
  return TURN * (1 + heads * Math.ceil(ranksTokens(options) / queries));
}

/** Numbers. */
function largestMatrix(model: ModelShape, options: LedgerOptions): number {
  return Math.max(...matrixWidths(model, options)) * Math.max(model.hidden_size, 3 * (options.lora?.rank ?? 0));
}
