import { linkSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { Failure } from "./failure.ts";
import { writeFailure, writeSynced } from "./files.ts";

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
 * Takes the run folder for this process. A lock whose process no longer runs (killed, power cut) is taken over.
 *
 * @throws Failure when another live process, or one on another machine, holds it.
 */
export function lockFolder(folder: string): Lock {
  const path = join(folder, "lock");
  const mine: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) };
  const aside = join(folder, `lock.${process.pid}`);
  try {
    writeSynced(aside, `${JSON.stringify(mine)}\n`);
  } catch (error) {
    throw writeFailure(aside, error);
  }
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        // A hard link fails when the name exists, and the file is complete at once: no reader sees half of it.
        linkSync(aside, path);
        return { release: () => releaseOwn(path, mine) };
      } catch (error) {
        if ((error as { code?: string }).code !== "EEXIST") throw writeFailure(path, error);
      }
      const holder = readHolder(path);
      if (holder && lives(holder)) throw refusal(folder, holder);
      if (holder) unlinkSync(path);
    }
    throw new Failure("run", `${path} cannot be taken`, "another process is starting in the same folder; try again");
  } finally {
    rmSync(aside, { force: true });
  }
}

function refusal(folder: string, holder: Holder): Failure {
  const elsewhere = holder.host !== hostname();
  return new Failure(
    "run",
    `${folder} is in use by process ${holder.pid}${elsewhere ? ` on ${holder.host}` : ""}`,
    elsewhere
      ? `if that run is over, delete ${join(folder, "lock")}`
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
  if (!Number.isInteger(holder.pid) || holder.pid <= 0) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
  return startOf(holder.pid) === holder.started;
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
