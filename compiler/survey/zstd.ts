import {
  BackwardBits,
  constantTable,
  type FseTable,
  fseTable,
  type HuffmanTable,
  readFseTable,
  readHuffman,
  readHuffmanTable,
  ZstdFault,
} from "./zstd_entropy.ts";

/** The beginning of a zstd file, decompressed. */
export interface ZstdHead {
  readonly bytes: Uint8Array;
  /** Bytes of the file that these came from; 0 where not even its first block was there. */
  readonly read: number;
}

/**
 * Decompresses the beginning of a zstd file (RFC 8878), as far as whole blocks of it are there and fit into `most` bytes. Written for looking
 * at data where no library may be asked: the compiler runs in browsers too. Check sums are not compared.
 *
 * @param head the file's first bytes; they may end anywhere
 * @returns undefined when it is no zstd, is damaged, or needs a dictionary
 */
export function zstdHead(head: Uint8Array, most: number): ZstdHead | undefined {
  const out = new Uint8Array(most);
  const state = { out, length: 0 };
  let read = 0;
  try {
    for (let at = 0; at + 8 <= head.length; ) {
      const magic = u32(head, at);
      if (magic >>> 4 === 0x184d2a5) {
        at += 8 + u32(head, at + 4);
        if (at <= head.length) read = at;
        continue;
      }
      if (magic !== 0xfd2fb528) return undefined;
      const frame = readFrame(head, at, state);
      read = Math.max(read, frame.read);
      if (frame.end === undefined) break;
      at = frame.end;
      read = at;
    }
  } catch (error) {
    if (error instanceof ZstdFault) return undefined;
    throw error;
  }
  return { bytes: out.subarray(0, state.length), read };
}

interface Output {
  readonly out: Uint8Array;
  length: number;
}

/** What a frame's blocks hand on to the next. */
interface Frame {
  /** Where its own output begins: matches reach no further. */
  readonly from: number;
  huffman: HuffmanTable | undefined;
  tables: { literals: FseTable | undefined; offsets: FseTable | undefined; matches: FseTable | undefined };
  readonly recent: [number, number, number];
}

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Bytes of the frame header's fields, by their flags. */
const dictionaryBytes = [0, 1, 2, 4];
const contentBytes = [0, 2, 4, 8];

/** One frame; `end` is undefined where not all of it was there, or no room for it, `read` where its last whole block ends. */
function readFrame(head: Uint8Array, start: number, output: Output): { read: number; end?: number } {
  const flags = head[start + 4]!;
  const single = (flags & 0x20) !== 0;
  const dictionary = dictionaryBytes[flags & 3]!;
  const content = flags >> 6 === 0 && single ? 1 : contentBytes[flags >> 6]!;
  let at = start + 5 + (single ? 0 : 1);
  for (let k = 0; k < dictionary; k++) if (head[at + k]) throw new ZstdFault("needs a dictionary");
  at += dictionary + content;
  const frame: Frame = {
    from: output.length,
    huffman: undefined,
    tables: { literals: undefined, offsets: undefined, matches: undefined },
    recent: [1, 4, 8],
  };
  let read = 0;
  while (at + 3 <= head.length) {
    const header = head[at]! | (head[at + 1]! << 8) | (head[at + 2]! << 16);
    const size = header >> 3;
    const kind = (header >> 1) & 3;
    const end = at + 3 + (kind === 1 ? 1 : size);
    if (end > head.length) break;
    const before = output.length;
    if (!readBlock(head, at + 3, end, kind, size, frame, output)) {
      output.length = before;
      break;
    }
    read = at = end;
    if ((header & 1) === 0) continue;
    return { read, end: at + (flags & 4 ? 4 : 0) };
  }
  return { read };
}

/** @returns false where there is no room for it */
function readBlock(
  head: Uint8Array,
  start: number,
  end: number,
  kind: number,
  size: number,
  frame: Frame,
  output: Output,
): boolean {
  if (kind === 3) throw new ZstdFault("no such kind of block");
  if (kind === 2) return readCompressed(head, start, end, frame, output);
  if (output.length + size > output.out.length) return false;
  if (kind === 0) output.out.set(head.subarray(start, end), output.length);
  else output.out.fill(head[start]!, output.length, output.length + size);
  output.length += size;
  return true;
}

/** Most bytes of a block, compressed or not. */
const largestBlock = 128 * 1024;

function readCompressed(head: Uint8Array, start: number, end: number, frame: Frame, output: Output): boolean {
  const { literals, at } = readLiterals(head, start, end, frame);
  let from = at;
  const byte = () => {
    if (from >= end) throw new ZstdFault("sequences are cut");
    return head[from++]!;
  };
  let count = byte();
  if (count === 255) count = byte() + (byte() << 8) + 0x7f00;
  else if (count > 127) count = ((count - 128) << 8) + byte();
  let used = 0;
  const copy = (length: number): boolean => {
    if (used + length > literals.length) throw new ZstdFault("literals run out");
    if (output.length + length > output.out.length) return false;
    output.out.set(literals.subarray(used, used + length), output.length);
    used += length;
    output.length += length;
    return true;
  };
  if (count === 0) return copy(literals.length);
  const modes = byte();
  const { tables } = frame;
  for (const [name, shift] of [
    ["literals", 6],
    ["offsets", 4],
    ["matches", 2],
  ] as const) {
    const mode = (modes >> shift) & 3;
    if (mode === 0) tables[name] = KINDS[name].table;
    else if (mode === 1) tables[name] = constantTable(byte());
    else if (mode === 2) {
      const made = readFseTable(head, from, end, KINDS[name].most);
      tables[name] = made.table;
      from = made.end;
    }
  }
  const { literals: byLiterals, offsets: byOffsets, matches: byMatches } = tables;
  if (!byLiterals || !byOffsets || !byMatches) throw new ZstdFault("a table is repeated that was not there");
  const stream = new BackwardBits(head, from, end);
  let a = stream.read(byLiterals.log);
  let b = stream.read(byOffsets.log);
  let c = stream.read(byMatches.log);
  for (let k = 0; k < count; k++) {
    const offsetCode = byOffsets.symbols[b]!;
    const [literal, match] = [LITERALS[byLiterals.symbols[a]!], MATCHES[byMatches.symbols[c]!]];
    if (!literal || !match || offsetCode > 31) throw new ZstdFault("no such code");
    const value = 2 ** offsetCode + stream.read(offsetCode);
    const length = match[0] + stream.read(match[1]);
    const run = literal[0] + stream.read(literal[1]);
    if (k < count - 1) {
      a = byLiterals.base[a]! + stream.read(byLiterals.bits[a]!);
      c = byMatches.base[c]! + stream.read(byMatches.bits[c]!);
      b = byOffsets.base[b]! + stream.read(byOffsets.bits[b]!);
    }
    if (stream.left < 0) throw new ZstdFault("sequences are cut");
    if (!copy(run)) return false;
    const offset = offsetOf(value, run, frame.recent);
    if (offset <= 0 || offset > output.length - frame.from) throw new ZstdFault("a match before the beginning");
    if (output.length + length > output.out.length) return false;
    const { out } = output;
    for (let done = 0; done < length; done++, output.length++) out[output.length] = out[output.length - offset]!;
  }
  if (stream.left !== 0) throw new ZstdFault("sequences do not end where they should");
  return copy(literals.length - used);
}

/** The offset that a value stands for; 1 to 3 name the last ones, one further where no literals come before the match. */
function offsetOf(value: number, run: number, recent: [number, number, number]): number {
  if (value > 3) {
    recent.copyWithin(1, 0, 2);
    recent[0] = value - 3;
    return recent[0];
  }
  const k = value - 1 + (run === 0 ? 1 : 0);
  if (k === 0) return recent[0];
  const offset = k === 3 ? recent[0] - 1 : recent[k]!;
  if (k > 1) recent[2] = recent[1];
  recent[1] = recent[0];
  recent[0] = offset;
  return offset;
}

/** Sizes of regenerated and compressed literals, in bits, by the header's size format, and the header's bytes. */
const literalSizes = [
  [10, 3],
  [10, 3],
  [14, 4],
  [18, 5],
] as const;

function readLiterals(
  head: Uint8Array,
  start: number,
  end: number,
  frame: Frame,
): { literals: Uint8Array; at: number } {
  if (end - start < 2) throw new ZstdFault("literals are cut");
  const first = head[start]!;
  const kind = first & 3;
  const format = (first >> 2) & 3;
  const field = (bit: number, count: number) => {
    let value = 0;
    for (let k = 0; k < count; k++) value |= (((head[start + ((bit + k) >> 3)] ?? 0) >> ((bit + k) & 7)) & 1) << k;
    return value;
  };
  if (kind < 2) {
    const bytes = format === 1 ? 2 : format === 3 ? 3 : 1;
    const size = bytes === 1 ? field(3, 5) : field(4, bytes === 2 ? 12 : 20);
    const at = start + bytes;
    const stop = at + (kind === 0 ? size : 1);
    if (stop > end || size > largestBlock) throw new ZstdFault("literals are cut");
    return { literals: kind === 0 ? head.subarray(at, stop) : new Uint8Array(size).fill(head[at]!), at: stop };
  }
  const [bits, bytes] = literalSizes[format]!;
  const size = field(4, bits);
  const stop = start + bytes + field(4 + bits, bits);
  if (stop > end || size > largestBlock) throw new ZstdFault("literals are cut");
  let at = start + bytes;
  if (kind === 2) {
    const made = readHuffmanTable(head, at, stop);
    frame.huffman = made.table;
    at = made.end;
  }
  if (!frame.huffman) throw new ZstdFault("a Huffman code is repeated that was not there");
  const literals = new Uint8Array(size);
  if (format === 0) readHuffman(frame.huffman, new BackwardBits(head, at, stop), literals, 0, size);
  else readFourStreams(head, at, stop, frame.huffman, literals);
  return { literals, at: stop };
}

function readFourStreams(
  head: Uint8Array,
  start: number,
  stop: number,
  table: HuffmanTable,
  literals: Uint8Array,
): void {
  if (stop - start < 6) throw new ZstdFault("literals are cut");
  const quarter = (literals.length + 3) >> 2;
  let from = start + 6;
  for (let k = 0; k < 4; k++) {
    const to = k === 3 ? stop : from + (head[start + 2 * k]! | (head[start + 2 * k + 1]! << 8));
    if (to > stop) throw new ZstdFault("literals are cut");
    const count = k === 3 ? literals.length - 3 * quarter : quarter;
    if (count < 0) throw new ZstdFault("literals do not make four streams");
    readHuffman(table, new BackwardBits(head, from, to), literals, k * quarter, count);
    from = to;
  }
}

/** Smallest value and extra bits of each code of a length: consecutive from `first` on, then as the extra bits say. */
function lengths(first: number, plain: number, extra: readonly number[]): readonly (readonly [number, number])[] {
  const codes: [number, number][] = Array.from({ length: plain }, (_, k) => [first + k, 0]);
  let next = first + plain;
  for (const bits of extra) {
    codes.push([next, bits]);
    next += 2 ** bits;
  }
  return codes;
}

/** RFC 8878, section 3.1.1.3.2.1.1. */
const LITERALS = lengths(0, 16, [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
const MATCHES = lengths(3, 32, [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);

const repeated = (value: number, times: number) => new Array<number>(times).fill(value);

/** RFC 8878, section 3.1.1.3.2.2: what holds where a block says nothing of its own, and the largest tables. */
const KINDS = {
  literals: {
    table: fseTable(
      [4, 3, ...repeated(2, 11), 1, 1, 1, ...repeated(2, 9), 3, 2, ...repeated(1, 5), ...repeated(-1, 4)],
      6,
    ),
    most: { log: 9, symbols: 36 },
  },
  offsets: {
    table: fseTable([...repeated(1, 6), 2, 2, 2, ...repeated(1, 15), ...repeated(-1, 5)], 5),
    most: { log: 8, symbols: 32 },
  },
  matches: {
    table: fseTable([1, 4, 3, ...repeated(2, 6), ...repeated(1, 37), ...repeated(-1, 7)], 6),
    most: { log: 9, symbols: 53 },
  },
} as const;
