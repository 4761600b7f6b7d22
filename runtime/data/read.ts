import type { DocumentColumns, SourceDocument } from "./document.ts";
import type { DataFile } from "./files.ts";
import { readJsonlZst, readParquet } from "./read_duckdb.ts";
import { readJsonl } from "./read_jsonl.ts";
import { readText } from "./read_text.ts";

/** The documents of one file, in order. */
export function readDocuments(file: DataFile, columns: DocumentColumns): AsyncIterable<SourceDocument> {
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
