import { columnAdvice, DataError, EMPTY, reason } from "./data_error.ts";
import type { DocumentColumns, SourceDocument } from "./document.ts";
import { documentOfJson, documentOfValue } from "./read_jsonl.ts";
import { expectWholeFrames } from "./zstd_frames.ts";

/** Largest JSON object read from a compressed file, in bytes. */
const LARGEST_OBJECT = 2 ** 28;

const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
const name = (value: string) => `"${value.replaceAll('"', '""')}"`;
/** DuckDB takes `*`, `?` and `[` in file names for patterns; in brackets they are themselves. */
const path = (file: string) => text(file.replace(/[*?[]/g, "[$&]"));

/** Runs a query and yields its rows, a chunk at a time; nothing is fetched from outside the machine. */
async function* rows(sql: string, file: string): AsyncGenerator<unknown[]> {
  // Imported here: it takes a quarter of a second and most runs read plain text.
  const { DuckDBInstance } = await import("@duckdb/node-api");
  const settings = { threads: "1", autoinstall_known_extensions: "false", autoload_known_extensions: "false" };
  const instance = await DuckDBInstance.create(":memory:", settings);
  const connection = await instance.connect();
  try {
    const result = await connection.stream(sql);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (!chunk || chunk.rowCount === 0) return;
      yield* chunk.getRows();
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `can't be read: ${reason(error).split("\n")[0]}`,
      "the file may be truncated or of another format: copy it anew, or set the source's format",
      { file },
    );
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The documents of a zstd-compressed jsonl file. */
export async function* readJsonlZst(file: string, columns: DocumentColumns): AsyncGenerator<SourceDocument> {
  expectWholeFrames(file);
  const sql = `select json from read_ndjson_objects(${path(file)}, compression = 'zstd', maximum_object_size = ${LARGEST_OBJECT})`;
  let line = 0;
  for await (const [json] of rows(sql, file)) yield documentOfJson(json as string, columns, { file, line: ++line });
  if (line === 0) throw new DataError("the file holds no documents", EMPTY, { file });
}

/** The documents of a parquet file, in row order. */
export async function* readParquet(file: string, columns: DocumentColumns): AsyncGenerator<SourceDocument> {
  const column = columns.chat ?? columns.text ?? "text";
  const present: string[] = [];
  for await (const row of rows(`describe select * from read_parquet(${path(file)})`, file))
    present.push(String(row[0]));
  if (!present.includes(column))
    throw new DataError(
      `no column ${JSON.stringify(column)} (the file has: ${present.join(", ")})`,
      columnAdvice(columns),
      { file },
    );
  const value = columns.chat === null ? name(column) : `to_json(${name(column)})`;
  let row = 0;
  for await (const [cell] of rows(`select ${value} from read_parquet(${path(file)})`, file)) {
    const place = { file, line: ++row };
    yield documentOfValue(columns.chat === null ? cell : JSON.parse(cell as string), columns, place);
  }
  if (row === 0) throw new DataError("the file holds no documents", EMPTY, { file });
}
