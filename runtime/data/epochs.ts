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

/** A place in a source that means the same whatever length of documents a stage takes. */
export interface Place {
  epoch: number;
  /** Number of the document in the epoch's order. */
  turn: number;
  /** Tokens of that document that are used up. */
  offset: number;
}

export const BEGINNING: Place = { epoch: 0, turn: 0, offset: 0 };

/**
 * All documents, laid end to end in a new random order each epoch, as one endless stream. Rows are cut from it, so every token comes exactly once
 * an epoch and nothing is padding. Any position is found by a search in the epoch's running sums. Documents that are left out keep their turn in
 * the order and have no tokens, so streams that leave out different ones agree about the order of the rest.
 */
export class EpochStream {
  /** Tokens of one epoch. */
  readonly tokens: number;
  private readonly epochs = new Map<number, { order: Uint32Array; ends: Float64Array }>();

  /**
   * @param longest leave out documents with more tokens than this
   * @throws DataError when no document is left
   */
  constructor(
    private readonly documents: Documents,
    private readonly seed: number,
    private readonly longest = Number.POSITIVE_INFINITY,
  ) {
    let tokens = 0;
    for (let i = 0; i < documents.count; i++) tokens += this.size(i);
    this.tokens = tokens;
    if (tokens > 0) return;
    const why =
      documents.count > 0
        ? ` of at most ${longest} tokens (overflow = drop leaves out longer ones)`
        : " after filter and holdout";
    throw new DataError(`${documents.name} has no documents${why}`, "give it more documents, or let more of them pass");
  }

  /** Where token `position` of the stream lies. */
  placeOf(position: number): Place {
    const epoch = Math.floor(position / this.tokens);
    const at = position - epoch * this.tokens;
    const { order, ends } = this.epoch(epoch);
    const turn = firstEndAfter(ends, at);
    return { epoch, turn, offset: at - (ends[turn]! - this.size(order[turn]!)) };
  }

  /** The position that lies there; where this stream leaves that document out, the next document's. */
  positionOf({ epoch, turn, offset }: Place): number {
    const { order, ends } = this.epoch(epoch);
    const size = this.size(order[turn]!);
    return epoch * this.tokens + ends[turn]! - size + Math.min(offset, size);
  }

  /** The pieces that make up tokens [start, start + length) of the stream. */
  pieces(start: number, length: number): Piece[] {
    const pieces: Piece[] = [];
    let epoch = Math.floor(start / this.tokens);
    let at = start - epoch * this.tokens;
    for (let left = length; left > 0; epoch++, at = 0) {
      const { order, ends } = this.epoch(epoch);
      for (let k = firstEndAfter(ends, at); left > 0 && k < order.length; k++) {
        const document = order[k]!;
        const size = this.size(document);
        const from = at - (ends[k]! - size);
        const to = Math.min(size, from + left);
        if (to > from) pieces.push({ document, from, to });
        left -= to - from;
        at += to - from;
      }
    }
    return pieces;
  }

  /** Tokens of document i in this stream: 0 where it is left out. */
  private size(i: number): number {
    const length = this.documents.length(i);
    return length > this.longest ? 0 : length;
  }

  private epoch(number: number): { order: Uint32Array; ends: Float64Array } {
    let epoch = this.epochs.get(number);
    if (epoch) return epoch;
    const order = Random.of(this.seed, "epoch", this.documents.name, number).permutation(this.documents.count);
    const ends = new Float64Array(order.length);
    let sum = 0;
    for (let k = 0; k < order.length; k++) ends[k] = sum += this.size(order[k]!);
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
