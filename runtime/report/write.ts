import { writeAtomic } from "../run/files.ts";
import { collectRun, type RunRecord } from "./collect.ts";
import { renderReport } from "./page.ts";

/** Writes the report of one or several run folders to `path`. Returns what it was made from. */
export function writeReport(folders: string[], path: string): RunRecord[] {
  const runs = folders.map(collectRun);
  writeAtomic(path, renderReport(runs));
  return runs;
}
