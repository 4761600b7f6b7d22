import type { PlanParallel } from "../plan.ts";

export type RingLayout = PlanParallel["layout"];

/** Tokens [from, to) of a row. */
export interface Span {
  from: number;
  to: number;
}

/**
 * The tokens of a row that a rank holds, in the order it holds them.
 *
 * zigzag (Llama 3, Dubey et al. 2407.21783, section 3.3.2): the row is cut into 2P chunks and rank r holds chunks r and
 * 2P-1-r, an early one that sees few keys and a late one that sees many, so that all ranks have the same causal work.
 * contiguous: P chunks, rank r holds chunk r.
 *
 * @param length tokens of the row; divisible by 2P (zigzag) or P (contiguous)
 * @param ring ranks P
 * @throws RangeError when the length does not divide
 */
export function rankSpans(length: number, ring: number, rank: number, layout: RingLayout): Span[] {
  const chunks = chunkCount(ring, layout);
  if (length % chunks !== 0) {
    throw new RangeError(`a row of ${length} tokens does not divide into ${chunks} chunks (ring ${ring}, ${layout})`);
  }
  const size = length / chunks;
  const held = layout === "zigzag" ? [rank, chunks - 1 - rank] : [rank];
  return held.map((chunk) => ({ from: chunk * size, to: (chunk + 1) * size }));
}

/** Chunks that a row is cut into; a row's length must be a multiple of it. */
export function chunkCount(ring: number, layout: RingLayout): number {
  return layout === "zigzag" ? 2 * ring : ring;
}
