import type { PositionBucket } from "./result.ts";

/** First bucket: positions 0 to 63. From there on the edges double. */
const FIRST = 64;

/** Edges 0, 64, 128, 256 … up to `length`. */
export function bucketEdges(length: number): number[] {
  const edges = [0];
  for (let edge = FIRST; edge < length; edge *= 2) edges.push(edge);
  edges.push(length);
  return edges;
}

/** Adds up negative log-likelihoods of windows of one length by position. */
export class PositionTally {
  readonly #edges: number[];
  /** One row for each window: [bucket] sums and counts. */
  readonly #sums: Float64Array[] = [];
  readonly #counts: Float64Array[] = [];

  constructor(length: number) {
    this.#edges = bucketEdges(length);
  }

  get windows(): number {
    return this.#sums.length;
  }

  /** Adds a window: `nll[t]` is the cost of the token after t + 1 tokens were read. */
  add(nll: Float32Array): void {
    const sums = new Float64Array(this.#edges.length - 1);
    const counts = new Float64Array(this.#edges.length - 1);
    let bucket = 0;
    for (let t = 0; t < nll.length; t++) {
      if (t >= this.#edges[bucket + 1]!) bucket++;
      sums[bucket]! += nll[t]!;
      counts[bucket]!++;
    }
    this.#sums.push(sums);
    this.#counts.push(counts);
  }

  buckets(): PositionBucket[] {
    return this.#edges.slice(1).map((to, bucket) => {
      const from = this.#edges[bucket]!;
      const rows = this.#sums.map((sums, row) => ({ sum: sums[bucket]!, count: this.#counts[row]![bucket]! }));
      const used = rows.filter((row) => row.count > 0);
      const tokens = used.reduce((total, row) => total + row.count, 0);
      const nll = used.reduce((total, row) => total + row.sum, 0) / Math.max(1, tokens);
      return { from, to, tokens, nll, perplexity: perplexityOf(nll), error: standardError(used, nll) };
    });
  }

  /** Over all positions. */
  total(): { tokens: number; nll: number; perplexity: number } {
    let tokens = 0;
    let sum = 0;
    for (const row of this.#sums) for (const value of row) sum += value;
    for (const row of this.#counts) for (const value of row) tokens += value;
    const nll = sum / Math.max(1, tokens);
    return { tokens, nll, perplexity: perplexityOf(nll) };
  }
}

/** Of the mean over windows, from the spread of the windows' own means. */
function standardError(rows: { sum: number; count: number }[], mean: number): number {
  if (rows.length < 2) return 0;
  const squares = rows.reduce((total, row) => total + (row.sum / row.count - mean) ** 2, 0);
  return Math.sqrt(squares / (rows.length - 1) / rows.length);
}

/** exp(nll), or the largest number where that overflows (above 709 nats): JSON knows no infinity. */
function perplexityOf(nll: number): number {
  return Math.min(Math.exp(nll), Number.MAX_VALUE);
}
