import type { PlanDataSource } from "../plan.ts";

/** The format of a file: as the source says, else by the end of its name; null for an unknown one, which is told elsewhere (CTX5010). */
export function formatOf(file: string, written: PlanDataSource["format"]): PlanDataSource["format"] {
  if (written !== null) return written;
  if (/\.(jsonl|ndjson)$/i.test(file)) return "jsonl";
  if (/\.(jsonl|ndjson)\.zst$/i.test(file)) return "jsonl.zst";
  return /\.parquet$/i.test(file) ? "parquet" : /\.(txt|text|md|markdown)$/i.test(file) ? "text" : null;
}
