import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname } from "node:path";
import { Failure } from "../runtime/run/failure.ts";

/** Milliseconds to wait for more: saving a file makes several events, and one check is enough. */
const settle = 50;

/**
 * Does something now and again whenever one of the files that it read changes, until the process is stopped. Folders are
 * watched, so that editors which replace files are seen too, as is a file that comes later.
 *
 * @param files to begin with
 * @param action gives every file that it read; a Failure is printed, and the next change waited for
 */
export function watchFiles(files: readonly string[], action: () => readonly string[]): void {
  const watched = new Map<string, FSWatcher>();
  let pending: NodeJS.Timeout | undefined;
  let first = true;
  const again = () => {
    // A terminal shows the newest answer alone; elsewhere answers follow one another.
    if (process.stdout.isTTY) process.stdout.write("\x1b[2J\x1b[H");
    else if (!first) process.stdout.write("\n");
    first = false;
    const started = Date.now();
    let read: readonly string[] = files;
    try {
      read = action();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      process.stdout.write(`${error.message}\n`);
    }
    const all = [...new Set([...files, ...read])];
    const unwatched = all.filter((file) => !watched.has(dirname(file)));
    for (const folder of new Set(unwatched.map(dirname))) add(folder);
    // Of a folder that was not watched yet, nobody has told what changed since its files were read.
    if (unwatched.some((file) => changedSince(file, started))) soon();
  };
  const soon = () => {
    clearTimeout(pending);
    pending = setTimeout(again, settle);
  };
  const add = (folder: string) => {
    try {
      const watcher = watch(folder, soon);
      watcher.on("error", () => {
        watcher.close();
        watched.delete(folder);
      });
      watched.set(folder, watcher);
    } catch (error) {
      if (watched.size === 0) throw new Failure("input", `${folder} can't be watched: ${(error as Error).message}`);
    }
  };
  again();
}

/** Whether a file was written after a time, by clocks that may be a tick apart. */
function changedSince(file: string, time: number): boolean {
  try {
    return statSync(file).mtimeMs >= time - 4;
  } catch {
    return false;
  }
}
