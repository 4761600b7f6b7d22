import type { Host } from "../host.ts";
import { readStruct, type Struct, type Thrift } from "./thrift.ts";

/** What the footer of a parquet file tells. */
export interface ParquetFooter {
  rows: number;
  columns: ParquetColumn[];
}

export interface ParquetColumn {
  name: string;
  /** `text`: bytes of a leaf; `nested`: a list, a struct or a map; `other`: numbers and the like. */
  kind: "text" | "nested" | "other";
  /** Bytes of its values before compression, those of everything in it together. */
  bytes: number;
}

/** Footers above are not looked into: they would take long. */
const longest = 16 * 2 ** 20;

/**
 * The footer of a parquet file: FileMetaData, its length and `PAR1` end the file (parquet-format, file layout). Undefined where the
 * host can't read it or it is none; whether the file is sound is for whoever reads it in full.
 */
export function parquetFooter(path: string, host: Host): ParquetFooter | undefined {
  const size = host.size(path);
  if (size === undefined || size < 12) return undefined;
  const tail = host.part?.(path, size - 8, 8);
  if (tail?.length !== 8 || new TextDecoder().decode(tail.subarray(4)) !== "PAR1") return undefined;
  const length = new DataView(tail.buffer, tail.byteOffset, 8).getUint32(0, true);
  if (length > Math.min(longest, size - 12)) return undefined;
  const bytes = host.part?.(path, size - 8 - length, length);
  if (bytes?.length !== length) return undefined;
  try {
    return footerOf(readStruct(bytes));
  } catch {
    return undefined;
  }
}

/** FileMetaData: 2 schema, 3 num_rows, 4 row_groups. */
function footerOf(file: Struct): ParquetFooter | undefined {
  const columns = topColumns(structs(file.get(2)));
  for (const group of structs(file.get(4))) {
    // RowGroup: 1 columns. ColumnChunk: 3 meta_data. ColumnMetaData: 3 path_in_schema, 6 total_uncompressed_size.
    for (const chunk of structs(group.get(1))) {
      const data = chunk.get(3);
      if (!(data instanceof Map)) continue;
      const path = data.get(3);
      const column = columns.find(({ name }) => Array.isArray(path) && name === text(path[0]));
      if (column) column.bytes += number(data.get(6));
    }
  }
  return columns.length > 0 ? { rows: number(file.get(3)), columns } : undefined;
}

/** SchemaElement: 1 type (6: bytes), 4 name, 5 num_children. The tree is flat, parents first; the root is no column. */
function topColumns(schema: Struct[]): ParquetColumn[] {
  const columns: ParquetColumn[] = [];
  let inside = 0;
  for (const element of schema.slice(1)) {
    const children = number(element.get(5));
    if (inside > 0) inside += children - 1;
    else {
      inside = children;
      const kind = children > 0 ? "nested" : element.get(1) === 6 ? "text" : "other";
      columns.push({ name: text(element.get(4)), kind, bytes: 0 });
    }
  }
  return columns;
}

function structs(value: Thrift | undefined): Struct[] {
  return Array.isArray(value) ? value.filter((item): item is Struct => item instanceof Map) : [];
}

function number(value: Thrift | undefined): number {
  return typeof value === "number" && value >= 0 ? value : 0;
}

function text(value: Thrift | undefined): string {
  return value instanceof Uint8Array ? new TextDecoder().decode(value) : "";
}
