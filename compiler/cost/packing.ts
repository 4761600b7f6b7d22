import type { PlanAttended } from "../plan.ts";
import { causalPairs } from "./flops.ts";

/**
 * Query-key pairs that a row is expected to have when documents are laid end to end and cut where rows end, and a token sees its
 * own document alone.
 *
 * A token s behind its document's first sees min(s, r, W) tokens before it, where r is its place in the row and W the window. Rows begin
 * anywhere in a long stream, so r is uniform over the row of L tokens, and with c = min(s, W, L) the expectation is c - c²/(2L). Summed
 * over a document of l tokens, with m = min(l, W, L): m²/2 - m³/(6L), and for each of its l - m tokens beyond, M - M²/(2L) with
 * M = min(W, L).
 *
 * @param documents lengths of documents, each as frequent in the stream as in the list; not empty
 * @param length L, tokens of a row
 * @param window W, keys that a query sees at most; absent: all
 */
export function packedPairs(documents: readonly number[], length: number, window = Number.POSITIVE_INFINITY): number {
  const most = Math.min(window, length);
  let pairs = 0;
  let tokens = 0;
  for (const document of documents) {
    const rising = Math.min(document, most);
    // Every token sees itself besides.
    pairs += rising ** 2 / 2 - rising ** 3 / (6 * length) + document / 2;
    pairs += (document - rising) * (most - most ** 2 / (2 * length));
    tokens += document;
  }
  return Math.min((length * pairs) / tokens, causalPairs(length, [length], window));
}

/** The pairs of a row that is one document. */
export function wholePairs(length: number, window: number | undefined): PlanAttended {
  return { full: causalPairs(length), windowed: causalPairs(length, [length], window) };
}
