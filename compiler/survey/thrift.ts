/** A value in Thrift's compact protocol; a struct is its fields by number. */
export type Thrift = number | boolean | Uint8Array | Thrift[] | Struct;
export type Struct = ReadonlyMap<number, Thrift>;

/** Structs and lists that may lie in each other: parquet's footer has six. */
const deepest = 32;

/**
 * The struct that `bytes` begins with (Apache Thrift, compact protocol). Maps are not read: parquet's footer has none.
 *
 * @throws RangeError where the bytes end too early or are none of it
 */
export function readStruct(bytes: Uint8Array): Struct {
  return new Reader(bytes).struct(0);
}

class Reader {
  #at = 0;
  readonly #view: DataView;

  constructor(private readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  struct(depth: number): Struct {
    if (depth > deepest) throw new RangeError("nested too deeply");
    const fields = new Map<number, Thrift>();
    for (let id = 0; ; ) {
      const head = this.#byte();
      if (head === 0) return fields;
      const step = head >> 4;
      id = step === 0 ? this.#integer() : id + step;
      const type = head & 15;
      // A flag's value is its type.
      fields.set(id, type === 1 || type === 2 ? type === 1 : this.#value(type, depth));
    }
  }

  #value(type: number, depth: number): Thrift {
    switch (type) {
      case 1:
      case 2:
        return this.#byte() === 1;
      case 3:
        return (this.#byte() << 24) >> 24;
      case 4:
      case 5:
      case 6:
        return this.#integer();
      case 7:
        return this.#view.getFloat64(this.#take(8), true);
      case 8: {
        const length = this.#varint();
        const from = this.#take(length);
        return this.bytes.subarray(from, from + length);
      }
      case 9:
      case 10: {
        const head = this.#byte();
        const count = head >> 4 === 15 ? this.#varint() : head >> 4;
        // Every element takes a byte at least.
        if (count > this.bytes.length - this.#at) throw new RangeError("a list longer than the bytes");
        return Array.from({ length: count }, () => this.#value(head & 15, depth + 1));
      }
      case 12:
        return this.struct(depth + 1);
      default:
        throw new RangeError(`no type ${type}`);
    }
  }

  /** Moves past so many bytes; gives where they begin. */
  #take(count: number): number {
    const from = this.#at;
    if (!(count <= this.bytes.length - from)) throw new RangeError("the bytes end too early");
    this.#at = from + count;
    return from;
  }

  #byte(): number {
    return this.bytes[this.#take(1)]!;
  }

  /** Seven bits a byte, the lowest first; exact to 2⁵³. */
  #varint(): number {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * shift;
      if (byte < 128) return value;
      if (shift > 2 ** 63) throw new RangeError("a number that does not end");
    }
  }

  /** Zigzag: 0, -1, 1, -2, … */
  #integer(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}
