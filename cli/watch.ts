import { type FSWatcher, statSync, watch } from "node:fs";
import { dirname, resolve } from "node:path";
import type { Host } from "../compiler/host.ts";
import { Failure } from "../runtime/run/failure.ts";

/** Milliseconds to wait for more: saving a file makes several events, and one check is enough. */
const settle = 50;

/** What an answer depends on. */
export interface Seen {
  /** Files that were read, or looked for in vain. */
  readonly files: readonly string[];
  /** Whether a pattern now matches other files than it did then. */
  listsChanged(): boolean;
}

/** A host that remembers what it was asked for. Paths are seen from the current folder. */
export function rememberingHost(host: Host): { host: Host; seen: Seen } {
  const files = new Set<string>();
  const lists = new Map<string, () => boolean>();
  const { head, part } = host;
  const noted = (path: string) => {
    files.add(resolve(path));
    return path;
  };
  const text = (found: readonly string[] | undefined) => JSON.stringify(found);
  return {
    host: {
      ...host,
      readText: (path) => host.readText(noted(path)),
      size: (path) => host.size(noted(path)),
      ...(head && { head: (path: string, bytes: number) => head(noted(path), bytes) }),
      ...(part && { part: (path: string, from: number, bytes: number) => part(noted(path), from, bytes) }),
      list: (pattern, folder) => {
        const found = host.list(pattern, folder);
        for (const path of found ?? []) noted(path);
        // For its folder, which is to be watched where nothing matches yet.
        if (!/^npm:/.test(pattern)) noted(resolve(folder, pattern.replace(/[*?[{].*$/s, "_")));
        lists.set(text([pattern, folder])!, () => text(host.list(pattern, folder)) !== text(found));
        return found;
      },
    },
    seen: {
      get files() {
        return [...files];
      },
      listsChanged: () => [...lists.values()].some((changed) => changed()),
    },
  };
}

/**
 * Does something now and again whenever something changes that its answer depends on, until the process is stopped. Folders are
 * watched, so that editors which replace files are seen too, as is a file that comes later; what else lies in them does not count:
 * the answers may be written there.
 *
 * @param files to begin with
 * @param action gives what it saw; a Failure is printed, and the next change waited for
 */
export function watchFiles(files: readonly string[], action: () => Seen): void {
  const own = files.map((file) => resolve(file));
  const watched = new Map<string, FSWatcher>();
  let wanted = new Set(own);
  let listsChanged = () => false;
  let pending: NodeJS.Timeout | undefined;
  let first = true;
  const again = () => {
    // A terminal shows the newest answer alone; elsewhere answers follow one another.
    if (process.stdout.isTTY) process.stdout.write("\x1b[2J\x1b[H");
    else if (!first) process.stdout.write("\n");
    first = false;
    const started = Date.now();
    try {
      const seen = action();
      wanted = new Set([...own, ...seen.files]);
      listsChanged = seen.listsChanged;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      process.stdout.write(`${error.message}\n`);
    }
    const unwatched = [...wanted].filter((file) => !watched.has(dirname(file)));
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
      const watcher = watch(folder, (event, name) => {
        if (name === null || wanted.has(resolve(folder, name)) || (event === "rename" && listsChanged())) soon();
      });
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
