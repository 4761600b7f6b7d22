import { linkSync, readFileSync, renameSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { Failure } from "./failure.ts";
import { isRunning, removeIfPossible, writeFailure, writeSynced } from "./files.ts";

/** Who holds a run folder. `started` tells a process from a later one that got the same id. */
interface Holder {
  pid: number;
  host: string;
  started: string;
}

/** A held lock; `release` is safe to call twice. */
export interface Lock {
  release(): void;
}

/**
 * Takes the run folder for this process. A lock whose process no longer runs (killed, power cut) is taken over, by one
 * process however many try.
 *
 * @throws Failure when another live process, or one on another machine, holds it.
 */
export function lockFolder(folder: string): Lock {
  const path = join(folder, "lock");
  const mine: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const aside = join(folder, `lock.${process.pid}`);
  try {
    writeSynced(aside, `${JSON.stringify(mine)}\n`);
    take(path, aside, mine);
  } catch (error) {
    throw writeFailure(aside, error);
  } finally {
    removeIfPossible(aside);
  }
  return {
    release: () => {
      try {
        releaseOwn(path, mine);
      } catch {
        // A lock that can't be removed belongs to a process that ends soon: the next one takes it over.
      }
    },
  };
}

/**
 * Gives `aside`'s content the name `path`. A name that stands for a dead process may be replaced only by the holder of
 * `<path>.takeover`, a lock of the same kind: so what was read of the dead one is still true when it is replaced, and a
 * live lock is never removed by somebody else.
 */
function take(path: string, aside: string, mine: Holder): void {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      // A hard link fails when the name exists, and the file is complete at once: no reader sees half of it.
      linkSync(aside, path);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== "EEXIST") throw error;
    }
    const holder = readHolder(path);
    if (!holder) continue;
    if (lives(holder)) throw refusal(path, holder);
    const takeover = `${path}.takeover`;
    take(takeover, aside, mine);
    try {
      const still = readHolder(path);
      if (still && !lives(still)) {
        const second = `${aside}.second`;
        writeSynced(second, `${JSON.stringify(mine)}\n`);
        renameSync(second, path);
        return;
      }
    } finally {
      releaseOwn(takeover, mine);
    }
  }
  throw new Failure("run", `${path} cannot be taken`, "other processes are starting in the same folder; try again");
}

function refusal(path: string, holder: Holder): Failure {
  const folder = dirname(path);
  const elsewhere = holder.host !== hostname();
  return new Failure(
    "run",
    `${folder} is in use by process ${holder.pid}${elsewhere ? ` on ${holder.host}` : ""}`,
    elsewhere
      ? `if that run is over, delete ${path}`
      : "wait for it to end, or start this run in another folder with --out",
  );
}

/** null when the lock has just gone. An unreadable lock counts as held by no one that lives. */
function readHolder(path: string): Holder | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return null;
  }
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return { pid: -1, host: hostname(), started: "" };
  }
}

function lives(holder: Holder): boolean {
  if (holder.host !== hostname()) return true;
  return isRunning(holder.pid) && startOf(holder.pid) === holder.started;
}

/** Start time of a process in clock ticks since boot (Linux); empty elsewhere, where the id alone must do. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses may hold spaces; field 22 is the 20th after it.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function releaseOwn(path: string, mine: Holder): void {
  const holder = readHolder(path);
  if (holder?.pid === mine.pid && holder.started === mine.started) rmSync(path, { force: true });
}
