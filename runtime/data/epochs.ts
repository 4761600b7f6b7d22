import { DataError } from "./data_error.ts";
import type { Documents } from "./documents.ts";
import { Random } from "./random.ts";

/** A piece of one document within a row. */
export interface Piece {
  document: number;
  /** Tokens [from, to) of it. */
  from: number;
  to: number;
}

/**
 * All documents, laid end to end in a new random order each epoch, as one endless stream. Rows are cut from it, so every token comes exactly once
 * an epoch and nothing is padding. Any place is found by a search in the epoch's running sums.
 */
export class EpochStream {
  /** Tokens of one epoch. */
  readonly tokens: number;
  private readonly members: number[] = [];
  private readonly epochs = new Map<number, { order: Uint32Array; ends: Float64Array }>();

  /**
   * @param longest leave out documents with more tokens than this
   * @throws DataError when no document is left
   */
  constructor(
    private readonly documents: Documents,
    private readonly seed: number,
    longest = Number.POSITIVE_INFINITY,
  ) {
    let tokens = 0;
    for (let i = 0; i < documents.count; i++) {
      if (documents.length(i) > longest) continue;
      this.members.push(i);
      tokens += documents.length(i);
    }
    this.tokens = tokens;
    if (tokens > 0) return;
    const why =
      documents.count > 0
        ? ` of at most ${longest} tokens (overflow = drop leaves out longer ones)`
        : " after filter and holdout";
    throw new DataError(`${documents.name} has no documents${why}`);
  }

  /** The pieces that make up tokens [start, start + length) of the stream. */
  pieces(start: number, length: number): Piece[] {
    const pieces: Piece[] = [];
    let epoch = Math.floor(start / this.tokens);
    let at = start - epoch * this.tokens;
    for (let left = length; left > 0; epoch++, at = 0) {
      const { order, ends } = this.epoch(epoch);
      for (let k = firstEndAfter(ends, at); left > 0 && k < order.length; k++) {
        const document = this.members[order[k]!]!;
        const size = this.documents.length(document);
        const from = at - (ends[k]! - size);
        const to = Math.min(size, from + left);
        if (to > from) pieces.push({ document, from, to });
        left -= to - from;
        at += to - from;
      }
    }
    return pieces;
  }

  private epoch(number: number): { order: Uint32Array; ends: Float64Array } {
    let epoch = this.epochs.get(number);
    if (epoch) return epoch;
    const order = Random.of(this.seed, "epoch", this.documents.name, number).permutation(this.members.length);
    const ends = new Float64Array(order.length);
    let sum = 0;
    for (let k = 0; k < order.length; k++) ends[k] = sum += this.documents.length(this.members[order[k]!]!);
    epoch = { order, ends };
    // A row may cross from one epoch to the next; older ones are not needed again.
    if (this.epochs.size > 1) this.epochs.delete(Math.min(...this.epochs.keys()));
    this.epochs.set(number, epoch);
    return epoch;
  }
}

/** Index of the first entry greater than `at`. */
function firstEndAfter(ends: Float64Array, at: number): number {
  let low = 0;
  let high = ends.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ends[middle]! > at) high = middle;
    else low = middle + 1;
  }
  return low;
}
