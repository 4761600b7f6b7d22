import { isSystemError, unreadable } from "./data_error.ts";
import type { DocumentColumns, SourceDocument } from "./document.ts";
import type { DataFile } from "./files.ts";
import { readJsonlZst, readParquet } from "./read_duckdb.ts";
import { readJsonl } from "./read_jsonl.ts";
import { readText } from "./read_text.ts";

/**
 * The documents of one file, in order.
 *
 * @throws DataError for what is wrong with the file, and for what the system says about reading it
 */
export async function* readDocuments(file: DataFile, columns: DocumentColumns): AsyncGenerator<SourceDocument> {
  try {
    yield* documentsOf(file, columns);
  } catch (error) {
    // An error of whoever takes the documents does not come through here: a generator throws only its own.
    if (!isSystemError(error)) throw error;
    throw unreadable(file.path, error);
  }
}

function documentsOf(file: DataFile, columns: DocumentColumns): AsyncIterable<SourceDocument> {
  switch (file.format) {
    case "text":
      return readText(file.path);
    case "jsonl":
      return readJsonl(file.path, columns);
    case "jsonl.zst":
      return readJsonlZst(file.path, columns);
    case "parquet":
      return readParquet(file.path, columns);
  }
}
