export type TensorDtype = "F32" | "BF16" | "F16";

export interface TensorEntry {
  /** Name in the file. */
  name: string;
  dtype: TensorDtype;
  shape: number[];
}

const BYTES: { [dtype in TensorDtype]: number } = { F32: 4, BF16: 2, F16: 2 };

export function tensorBytes({ dtype, shape }: Pick<TensorEntry, "dtype" | "shape">): number {
  return shape.reduce((product, size) => product * size, BYTES[dtype]);
}

/**
 * Everything of a safetensors file before the tensors' bytes: the header's length as a little-endian u64, then the
 * header as JSON, padded with spaces so that the tensors start at a multiple of 8. The tensors lie in the order given.
 */
export function tensorHeader(entries: TensorEntry[]): Uint8Array {
  const header: { [name: string]: unknown } = { __metadata__: { format: "pt" } };
  let offset = 0;
  for (const entry of entries) {
    const end = offset + tensorBytes(entry);
    header[entry.name] = { dtype: entry.dtype, shape: entry.shape, data_offsets: [offset, end] };
    offset = end;
  }
  const json = Buffer.from(JSON.stringify(header), "utf8");
  const padded = Math.ceil(json.length / 8) * 8;
  const bytes = Buffer.alloc(8 + padded, " ");
  bytes.writeBigUInt64LE(BigInt(padded), 0);
  json.copy(bytes, 8);
  return bytes;
}
