import { ALPHABET, BYTE_TO_INDEX } from "./byte_alphabet.ts";

/**
 * Byte-pair encoding (Sennrich et al. 2016) over bytes: starting from 256 byte tokens, the most frequent pair of neighbours
 * becomes a new token, again and again. Words never merge with each other, so the corpus is its distinct words
 * with their counts. Pair counts are kept up to date by touching only the words that hold the merged pair.
 *
 * Ties go to the pair with the smaller ids, so the result depends on the corpus alone.
 */

/** Two-digit tokens 00 … 99, formed before anything is learned, so that every number has a fixed spelling. */
const DIGIT_PAIRS = 100;

/** Ids are packed two to a number: `left * 2^21 + right` stays an exact integer. */
const SHIFT = 2 ** 21;

export interface BpeModel {
  /** Token strings in the byte alphabet by id, special tokens first. */
  vocab: string[];
  /** Merges in rank order. */
  merges: [string, string][];
}

export interface BpeOptions {
  /** Tokens in all. A small corpus may give fewer. */
  vocab: number;
  /** Take the ids from 0 on, in this order. */
  specials: string[];
  /** A pair seen less often is not merged. */
  minCount?: number;
}

/** Smallest vocabulary: specials, 256 bytes, 100 digit pairs. */
export function smallestVocab(specials: number): number {
  return specials + ALPHABET.length + DIGIT_PAIRS;
}

/** Pairs by (count, smaller ids first). Entries may be stale; the caller compares with the live count. */
class PairHeap {
  private readonly pairs: number[] = [];
  private readonly counts: number[] = [];

  get size(): number {
    return this.pairs.length;
  }

  push(pair: number, count: number): void {
    let i = this.pairs.length;
    this.pairs.push(pair);
    this.counts.push(count);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!this.before(i, parent)) break;
      this.swap(i, parent);
      i = parent;
    }
  }

  pop(): { pair: number; count: number } {
    const last = this.pairs.length - 1;
    this.swap(0, last);
    const top = { pair: this.pairs.pop()!, count: this.counts.pop()! };
    for (let i = 0; ; ) {
      let best = i;
      const left = 2 * i + 1;
      if (left < last && this.before(left, best)) best = left;
      if (left + 1 < last && this.before(left + 1, best)) best = left + 1;
      if (best === i) return top;
      this.swap(i, best);
      i = best;
    }
  }

  private before(i: number, j: number): boolean {
    const d = this.counts[i]! - this.counts[j]!;
    return d > 0 || (d === 0 && this.pairs[i]! < this.pairs[j]!);
  }

  private swap(i: number, j: number): void {
    [this.pairs[i], this.pairs[j]] = [this.pairs[j]!, this.pairs[i]!];
    [this.counts[i], this.counts[j]] = [this.counts[j]!, this.counts[i]!];
  }
}

/** Writes `merged` over every occurrence (from the left) of (left, right) in `word`; returns the shorter word. */
function mergeWord(word: Int32Array, left: number, right: number, merged: number): Int32Array {
  let n = 0;
  for (let i = 0; i < word.length; i++) {
    const hit = word[i] === left && i + 1 < word.length && word[i + 1] === right;
    word[n++] = hit ? merged : word[i]!;
    if (hit) i++;
  }
  return word.subarray(0, n);
}

/** The corpus as distinct words, with live pair counts. */
class Corpus {
  readonly counts = new Map<number, number>();
  private readonly where = new Map<number, Set<number>>();
  private readonly words: Int32Array[] = [];
  private readonly wordCounts: number[] = [];

  constructor(words: Map<string, number>, firstByte: number) {
    for (const [text, count] of words) {
      this.words.push(Int32Array.from(Buffer.from(text, "utf8"), (byte) => firstByte + BYTE_TO_INDEX[byte]!));
      this.wordCounts.push(count);
    }
    for (let w = 0; w < this.words.length; w++) this.tally(w, 1, undefined);
  }

  /** Merges a pair everywhere; `raised` collects the pairs whose count may have grown. */
  merge(pair: number, merged: number, raised: Set<number>): void {
    const left = Math.floor(pair / SHIFT);
    const right = pair % SHIFT;
    for (const w of this.where.get(pair) ?? []) {
      this.tally(w, -1, undefined);
      this.words[w] = mergeWord(this.words[w]!, left, right, merged);
      this.tally(w, 1, raised);
    }
    this.where.delete(pair);
    this.counts.delete(pair);
  }

  private tally(w: number, sign: 1 | -1, raised: Set<number> | undefined): void {
    const word = this.words[w]!;
    const change = sign * this.wordCounts[w]!;
    for (let i = 0; i + 1 < word.length; i++) {
      const pair = word[i]! * SHIFT + word[i + 1]!;
      this.counts.set(pair, (this.counts.get(pair) ?? 0) + change);
      if (sign < 0) continue;
      raised?.add(pair);
      const at = this.where.get(pair);
      if (at) at.add(w);
      else this.where.set(pair, new Set([w]));
    }
  }
}

/**
 * Learns merges from word counts, at once.
 *
 * @param words word → occurrences, as `countWords` gives them
 * @throws when `vocab` is too small for the bytes, the digit pairs and the specials
 */
export function trainBpe(words: Map<string, number>, options: BpeOptions): BpeModel {
  const steps = learn(words, options);
  for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
}

/** As `trainBpe`; `breathe` is awaited after each merge. */
export async function trainBpeInTurns(
  words: Map<string, number>,
  options: BpeOptions,
  breathe: () => Promise<void>,
): Promise<BpeModel> {
  const steps = learn(words, options);
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done) return step.value;
    await breathe();
  }
}

/** Yields after each merge. */
function* learn(words: Map<string, number>, options: BpeOptions): Generator<undefined, BpeModel> {
  const { vocab: size, specials, minCount = 2 } = options;
  const smallest = smallestVocab(specials.length);
  if (!Number.isInteger(size) || size < smallest || size >= SHIFT)
    throw new Error(
      `a byte-level BPE vocabulary of ${size} tokens is out of range: expected ${smallest} (${specials.length} special, 256 bytes, 100 digit pairs) to ${SHIFT - 1}`,
    );

  const vocab = [...specials, ...ALPHABET];
  const merges: [string, string][] = [];
  const corpus = new Corpus(words, specials.length);
  const add = (left: number, right: number): number => {
    merges.push([vocab[left]!, vocab[right]!]);
    return vocab.push(vocab[left]! + vocab[right]!) - 1;
  };

  const ignored = new Set<number>();
  const digit = (d: number) => specials.length + ALPHABET.indexOf(String(d));
  for (let n = 0; n < DIGIT_PAIRS; n++) {
    const [left, right] = [digit(Math.floor(n / 10)), digit(n % 10)];
    corpus.merge(left * SHIFT + right, add(left, right), ignored);
    yield;
  }

  const heap = new PairHeap();
  for (const [pair, count] of corpus.counts) if (count >= minCount) heap.push(pair, count);
  while (vocab.length < size && heap.size > 0) {
    const { pair, count } = heap.pop();
    const live = corpus.counts.get(pair) ?? 0;
    if (live !== count) {
      if (live >= minCount) heap.push(pair, live);
      continue;
    }
    const raised = new Set<number>();
    corpus.merge(pair, add(Math.floor(pair / SHIFT), pair % SHIFT), raised);
    for (const p of raised) heap.push(p, corpus.counts.get(p)!);
    yield;
  }
  return { vocab, merges };
}
