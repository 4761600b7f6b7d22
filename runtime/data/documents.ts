import { isHeldOut } from "../../compiler/held_out.ts";
import { DataError } from "./data_error.ts";
import type { Random } from "./random.ts";
import type { TokenFile } from "./token_file.ts";
import { NO_LOSS } from "./token_file.ts";

/** What a set of documents amounts to. */
export interface DocumentStatistics {
  documents: number;
  tokens: number;
  /** Tokens of the longest document. */
  longest: number;
}

/** Some documents of a token file, in order: the training part or the held-out part of a source. */
export class Documents {
  /** [documents] token offset of each in the file. */
  private readonly starts: Float64Array;
  /** [documents + 1] running sum of lengths: where each document starts when they are laid end to end. */
  readonly cumulative: Float64Array;

  constructor(
    /** For messages. */
    readonly name: string,
    private readonly file: TokenFile,
    numbers: ArrayLike<number>,
    /** Special tokens that frame each document; left out of `text`. */
    private readonly frame: { bos: number | null; eos: number | null },
  ) {
    this.starts = Float64Array.from(numbers, (n) => file.offsets[n]!);
    this.cumulative = new Float64Array(numbers.length + 1);
    for (let i = 0; i < numbers.length; i++)
      this.cumulative[i + 1] = this.cumulative[i]! + file.offsets[numbers[i]! + 1]! - file.offsets[numbers[i]!]!;
  }

  get count(): number {
    return this.starts.length;
  }

  /** Tokens in all. */
  get tokens(): number {
    return this.cumulative[this.count]!;
  }

  /** Tokens in all without those that frame each document: what `text` and `windows` draw from. */
  textTokens(): number {
    return this.bodies().reduce((sum, { from, to }) => sum + to - from, 0);
  }

  /** Tokens of document i. */
  length(i: number): number {
    return this.cumulative[i + 1]! - this.cumulative[i]!;
  }

  statistics(): DocumentStatistics {
    let longest = 0;
    for (let i = 0; i < this.count; i++) longest = Math.max(longest, this.length(i));
    return { documents: this.count, tokens: this.tokens, longest };
  }

  /** Tokens [from, to) of document i with their NO_LOSS bits. */
  readRaw(i: number, from: number, to: number): Uint32Array {
    return this.file.read(this.starts[i]! + from, to - from);
  }

  /** Token ids of document i, or [from, to) of it, as stored: with bos and eos. */
  read(i: number, from = 0, to = this.length(i)): Int32Array {
    return Int32Array.from(this.readRaw(i, from, to), (token) => token & ~NO_LOSS);
  }

  /** Where document i's own text lies in it: without bos and eos. */
  private body(i: number): { from: number; to: number } {
    const length = this.length(i);
    const { bos, eos } = this.frame;
    const is = (at: number, id: number | null) => id !== null && length > 0 && this.read(i, at, at + 1)[0] === id;
    const from = is(0, bos) ? 1 : 0;
    return { from, to: length > from && is(length - 1, eos) ? length - 1 : length };
  }

  /** `body` of every document; reads from the file the first time only. */
  private bodies(): { from: number; to: number }[] {
    this.allBodies ??= Array.from({ length: this.count }, (_, i) => this.body(i));
    return this.allBodies;
  }
  private allBodies: { from: number; to: number }[] | undefined;

  /**
   * Running text of exactly `length` tokens from a random place, every place about equally likely; bos and eos left out. From one document
   * where it is long enough, else going on into the documents after it.
   *
   * @throws DataError when all documents together are shorter
   */
  text(length: number, random: Random): Int32Array {
    const out = new Int32Array(length);
    if (length === 0) return out;
    if (this.tokens === 0) throw new DataError(`${this.name} has no documents`, "give it some, or hold fewer out");
    let i = this.at(random.between(0, this.tokens - 1));
    let { from, to } = this.body(i);
    if (to - from >= length) from += random.between(0, to - from - length);
    let filled = 0;
    for (let visited = 0; ; visited++) {
      if (visited >= this.count)
        throw new DataError(
          `${this.name} has fewer than the ${length} tokens of text that one row needs`,
          "give it more or longer documents",
        );
      const take = Math.min(length - filled, to - from);
      out.set(this.read(i, from, from + take), filled);
      filled += take;
      if (filled === length) return out;
      i = (i + 1) % this.count;
      ({ from, to } = this.body(i));
    }
  }

  /**
   * Up to `count` stretches of running text of exactly `length` tokens that share no token; bos and eos left out. Each lies
   * within one document where these have room for all of them; otherwise the documents are one text, and stretches run on
   * over their borders. Fewer than `count` where the text ends.
   *
   * @throws DataError when all documents together are shorter than one
   */
  windows(length: number, count: number, random: Random): Int32Array[] {
    const bodies = this.bodies();
    const within = cut(
      bodies.map(({ from, to }) => to - from),
      length,
      count,
      random,
    );
    if (within.length === count)
      return within.map(({ piece, at }) => {
        const { from } = bodies[piece]!;
        return this.read(piece, from + at, from + at + length);
      });
    const whole = this.textTokens();
    const stretches = cut([whole], length, count, random);
    if (stretches.length === 0)
      throw new DataError(
        `${this.name} has ${whole} tokens of text, fewer than the ${length} of one window`,
        "give it more text, or evaluate at shorter lengths",
      );
    let k = 0;
    let before = 0; // tokens of the bodies before body k
    return stretches.map(({ at }) => {
      const out = new Int32Array(length);
      for (let filled = 0; filled < length; ) {
        const { from, to } = bodies[k]!;
        const start = at + filled - before;
        if (start >= to - from) {
          before += to - from;
          k++;
          continue;
        }
        const take = Math.min(length - filled, to - from - start);
        out.set(this.read(k, from + start, from + start + take), filled);
        filled += take;
      }
      return out;
    });
  }

  /** The document that holds token `position` of all of them laid end to end. */
  private at(position: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.cumulative[middle]! <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/**
 * Up to `count` stretches of `length` out of pieces of these sizes, in order, none of which overlap: every piece is cut from
 * a random place on, and the stretches are drawn from all there are.
 */
function cut(sizes: number[], length: number, count: number, random: Random): { piece: number; at: number }[] {
  const room = sizes.map((size) => Math.floor(size / length));
  const total = room.reduce((sum, n) => sum + n, 0);
  const chosen = random.distinct(Math.min(count, total), 0, total - 1);
  const stretches: { piece: number; at: number }[] = [];
  let piece = 0;
  let first = 0; // number of the piece's first stretch
  let offset: number | null = null;
  for (const number of chosen) {
    while (number >= first + room[piece]!) {
      first += room[piece++]!;
      offset = null;
    }
    offset ??= random.between(0, sizes[piece]! - room[piece]! * length);
    stretches.push({ piece, at: offset + (number - first) * length });
  }
  return stretches;
}

/**
 * Parts a source's documents into those for training and those held out, leaving out the too short and the too long. The
 * filter doesn't change which documents are held out.
 */
export function partition(
  file: TokenFile,
  rules: { holdout_every: number; min_tokens: number; max_tokens: number | null },
): { train: number[]; holdout: number[] } {
  const { holdout_every: every, min_tokens: min, max_tokens: max } = rules;
  const train: number[] = [];
  const holdout: number[] = [];
  for (let i = 0; i < file.manifest.documents; i++) {
    const length = file.offsets[i + 1]! - file.offsets[i]!;
    if (length < min || (max !== null && length > max)) continue;
    (isHeldOut(i, every) ? holdout : train).push(i);
  }
  return { train, holdout };
}
