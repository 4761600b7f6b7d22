// One folder for all that the tests write aside, gone when they have ended.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export default function temporaryFolders(): () => void {
  const folder = mkdtempSync(join(tmpdir(), "ctx-tests-"));
  // Workers and the programs that tests start take it from here.
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}
