// The entropy codes of zstd (RFC 8878, sections 4.1 and 4.2): bits read backwards, finite state entropy, Huffman.

/** What is read is no zstd, or damaged. */
export class ZstdFault extends Error {}

/** Bits from the end of some bytes towards their beginning, which is how entropy-coded streams are read. */
export class BackwardBits {
  /** Bits left; below 0 when more were read than there are, which read as zeros. */
  left: number;

  /** @param end exclusive; the last byte's highest set bit marks where the stream ends */
  constructor(
    readonly bytes: Uint8Array,
    readonly start: number,
    readonly end: number,
  ) {
    const last = end > start ? bytes[end - 1]! : 0;
    if (last === 0) throw new ZstdFault("a bit stream has no end mark");
    this.left = 8 * (end - start - 1) + highestBit(last);
  }

  /** The next `count` bits, at most 31, as a number. */
  read(count: number): number {
    this.left -= count;
    return this.at(this.left, count);
  }

  /** `count` bits from bit `from` on; those before the first are zeros. */
  at(from: number, count: number): number {
    if (from >= 0 && count <= 24) {
      // Bytes behind the stream's end are shifted or masked away; behind that of the file they read as zeros.
      const { bytes } = this;
      const byte = this.start + (from >> 3);
      const word = bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16) | (bytes[byte + 3]! << 24);
      return (word >>> (from & 7)) & ((1 << count) - 1);
    }
    let value = 0;
    for (let done = 0; done < count; ) {
      const bit = from + done;
      if (bit < 0) {
        done = Math.min(count, -from);
        continue;
      }
      const within = bit & 7;
      const taken = Math.min(8 - within, count - done);
      const part = (this.bytes[this.start + (bit >> 3)]! >> within) & ((1 << taken) - 1);
      value += part * 2 ** done;
      done += taken;
    }
    return value;
  }
}

/** Position of the highest set bit of a number above 0. */
export function highestBit(value: number): number {
  return 31 - Math.clz32(value);
}

/** A decoding table of finite state entropy: of each state its symbol, and how the next state is read. */
export interface FseTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly base: Uint16Array;
}

/** A table that says one symbol only. */
export function constantTable(symbol: number): FseTable {
  return { log: 0, symbols: Uint8Array.of(symbol), bits: new Uint8Array(1), base: new Uint16Array(1) };
}

/** @param counts of each symbol, adding up to 2^log; -1 stands for less than one */
export function fseTable(counts: readonly number[], log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = counts.map((count) => Math.abs(count));
  let high = size;
  for (const [symbol, count] of counts.entries()) if (count === -1) symbols[--high] = symbol;
  const step = (size >> 1) + (size >> 3) + 3;
  let place = 0;
  for (const [symbol, count] of counts.entries()) {
    for (let k = 0; k < count; k++) {
      symbols[place] = symbol;
      do place = (place + step) & (size - 1);
      while (place >= high);
    }
  }
  const bits = new Uint8Array(size);
  const base = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const following = next[symbols[state]!]!++;
    bits[state] = log - highestBit(following);
    base[state] = (following << bits[state]!) - size;
  }
  return { log, symbols, bits, base };
}

/** Reads the description of a table; `end` is where the bytes after it begin. */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  limit: number,
  most: { log: number; symbols: number },
): { table: FseTable; end: number } {
  let bit = 0;
  const read = (count: number): number => {
    let value = 0;
    for (let k = 0; k < count; k++, bit++) {
      const at = start + (bit >> 3);
      if (at >= limit) throw new ZstdFault("a table is cut");
      value |= ((bytes[at]! >> (bit & 7)) & 1) << k;
    }
    return value;
  };
  const log = read(4) + 5;
  if (log > most.log) throw new ZstdFault("a table is too large");
  const counts: number[] = [];
  for (let remaining = 1 << log; remaining > 0; ) {
    if (counts.length >= most.symbols) throw new ZstdFault("a table has too many symbols");
    const width = highestBit(remaining + 1) + 1;
    let value = read(width);
    const low = (1 << (width - 1)) - 1;
    const threshold = (1 << width) - 1 - (remaining + 1);
    if ((value & low) < threshold) {
      bit--;
      value &= low;
    } else if (value > low) value -= threshold;
    const count = value - 1;
    remaining -= Math.abs(count);
    counts.push(count);
    if (count !== 0) continue;
    for (let zeros = 3; zeros === 3; ) {
      zeros = read(2);
      for (let k = 0; k < zeros; k++) counts.push(0);
    }
  }
  if (counts.length > most.symbols) throw new ZstdFault("a table has too many symbols");
  return { table: fseTable(counts, log), end: start + ((bit + 7) >> 3) };
}

/** A Huffman code: for the next `log` bits, the symbol and how many of them it takes. */
export interface HuffmanTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
}

const longestCode = 11;

/** Reads the description of a Huffman code; `end` is where the bytes after it begin. */
export function readHuffmanTable(
  bytes: Uint8Array,
  start: number,
  limit: number,
): { table: HuffmanTable; end: number } {
  const head = bytes[start];
  if (start >= limit || head === undefined) throw new ZstdFault("a Huffman code is cut");
  const direct = head >= 128;
  const end = start + 1 + (direct ? (head - 127 + 1) >> 1 : head);
  if (end > limit) throw new ZstdFault("a Huffman code is cut");
  const weights = direct
    ? Array.from({ length: head - 127 }, (_, k) => (bytes[start + 1 + (k >> 1)]! >> (k % 2 === 0 ? 4 : 0)) & 15)
    : compressedWeights(bytes, start + 1, end);
  return { table: huffmanTable(weights), end };
}

/** Weights in two interleaved streams of finite state entropy, which end where the bits do. */
function compressedWeights(bytes: Uint8Array, start: number, end: number): number[] {
  const { table, end: from } = readFseTable(bytes, start, end, { log: 6, symbols: 16 });
  const stream = new BackwardBits(bytes, from, end);
  const states = [stream.read(table.log), stream.read(table.log)];
  const weights: number[] = [];
  for (let k = 0; ; k ^= 1) {
    const state = states[k]!;
    weights.push(table.symbols[state]!);
    if (weights.length > 255) throw new ZstdFault("a Huffman code has too many symbols");
    states[k] = table.base[state]! + stream.read(table.bits[state]!);
    if (stream.left >= 0) continue;
    weights.push(table.symbols[states[k ^ 1]!]!);
    return weights;
  }
}

/** The last symbol's weight is what is missing to a power of two. */
function huffmanTable(weights: number[]): HuffmanTable {
  const sum = weights.reduce((total, weight) => total + (weight > 0 ? 2 ** (weight - 1) : 0), 0);
  if (sum === 0 || weights.length > 255) throw new ZstdFault("a Huffman code has no symbols");
  const log = highestBit(sum) + 1;
  const rest = 2 ** log - sum;
  if (log > longestCode || (rest & (rest - 1)) !== 0) throw new ZstdFault("a Huffman code does not add up");
  const all = [...weights, highestBit(rest) + 1];
  const symbols = new Uint8Array(1 << log);
  const bits = new Uint8Array(1 << log);
  let place = 0;
  for (let weight = 1; weight <= log; weight++) {
    for (const [symbol, own] of all.entries()) {
      if (own !== weight) continue;
      const next = place + (1 << (weight - 1));
      symbols.fill(symbol, place, next);
      bits.fill(log + 1 - weight, place, next);
      place = next;
    }
  }
  return { log, symbols, bits };
}

/** Writes `count` literals of one stream. */
export function readHuffman(
  { log, symbols, bits }: HuffmanTable,
  stream: BackwardBits,
  out: Uint8Array,
  at: number,
  count: number,
): void {
  for (let k = at; k < at + count; k++) {
    const next = stream.at(stream.left - log, log);
    out[k] = symbols[next]!;
    stream.left -= bits[next]!;
  }
  if (stream.left !== 0) throw new ZstdFault("a stream of literals does not end where it should");
}
