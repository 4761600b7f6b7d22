import { type RingLayout, rankSpans, type Span } from "./layout.ts";

/** Queries that meet keys: all of them, or (`causal`) each query the keys up to itself, queries and keys being the same tokens. */
export interface RingBlock {
  queries: Span;
  keys: Span;
  causal: boolean;
}

/** What one rank does at one step. */
export interface RingStep {
  /** Rank whose keys and values are here at this step: (rank - step) mod P. */
  source: number;
  /** Disjoint; together all visible pairs of the rank's queries and the source's keys. */
  blocks: RingBlock[];
}

export interface RingOptions {
  /** Tokens of the row. */
  length: number;
  /** Ranks P. */
  ring: number;
  layout: RingLayout;
  /** First tokens of the row's documents, ascending, beginning with 0; absent: one document. A token sees its own document. */
  documents?: readonly number[];
}

/**
 * The whole of ring attention (Liu et al. 2310.01889) as data: which blocks of the causal mask each rank computes at each
 * step, while keys and values travel from rank to rank + 1.
 *
 * @returns [rank][step]; P steps for each of the P ranks
 * @throws RangeError when the length does not divide over the ring
 */
export function ringSchedule(options: RingOptions): RingStep[][] {
  const { length, ring, layout, documents = [0] } = options;
  const shards = Array.from({ length: ring }, (_, rank) => rankSpans(length, ring, rank, layout));
  return shards.map((queries, rank) =>
    Array.from({ length: ring }, (_, step) => {
      const source = (rank - step + ring) % ring;
      const blocks = queries.flatMap((q) => shards[source]!.flatMap((k) => visibleBlocks(q, k, documents, length)));
      return { source, blocks };
    }),
  );
}

/** The visible part of queries × keys. The two spans are chunks: equal, or one wholly before the other. */
function visibleBlocks(queries: Span, keys: Span, documents: readonly number[], length: number): RingBlock[] {
  if (keys.from > queries.from) return []; // all keys lie after all queries
  if (keys.from === queries.from) {
    return documentsWithin(queries, documents, length).map((span) => ({ queries: span, keys: span, causal: true }));
  }
  // Only the document that the first query belongs to can reach back to the keys.
  const index = documentAt(queries.from, documents);
  const begin = documents[index]!;
  const end = documents[index + 1] ?? length;
  if (begin >= keys.to) return [];
  return [
    {
      queries: { from: queries.from, to: Math.min(queries.to, end) },
      keys: { from: Math.max(keys.from, begin), to: keys.to },
      causal: false,
    },
  ];
}

/** A span cut at the beginnings of documents. */
function documentsWithin(span: Span, documents: readonly number[], length: number): Span[] {
  const spans: Span[] = [];
  for (let index = documentAt(span.from, documents); index < documents.length; index++) {
    const from = Math.max(span.from, documents[index]!);
    if (from >= span.to) break;
    spans.push({ from, to: Math.min(span.to, documents[index + 1] ?? length) });
  }
  return spans;
}

/** Index of the document that holds a token (binary search). */
function documentAt(token: number, documents: readonly number[]): number {
  let low = 0;
  let high = documents.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (documents[middle]! <= token) low = middle;
    else high = middle - 1;
  }
  return low;
}
