import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Failure, messageOf } from "./failure.ts";

/** Forces what a folder lists (new names, renames) to disk. Windows cannot open folders, and needs no such call. */
export function syncFolder(path: string): void {
  if (process.platform === "win32") return;
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Writes a whole file and forces its bytes to disk. */
export function writeSynced(path: string, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  const descriptor = openSync(path, "w");
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Replaces a file so that at any moment, power cuts included, `path` holds either the old or the new content in full:
 * written aside, fsynced, renamed.
 */
export function writeAtomic(path: string, content: string | Uint8Array): void {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeSynced(aside, content);
    renameSync(aside, path);
    syncFolder(dirname(path));
  } catch (error) {
    rmSync(aside, { force: true });
    throw writeFailure(path, error);
  }
}

/** Whether a process of this machine runs. */
export function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Removes what killed processes left half written in a folder: what `writeAtomic`, `writeFolder` and locks put aside. */
export function sweepLeftovers(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const [, ...pids] = /^\.writing-(\d+)-|\.(\d+)\.tmp$|^lock\.(\d+)(?:\.second)?$/.exec(name) ?? [];
    const pid = pids.find((found) => found !== undefined);
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

/** SHA-256 of a file's bytes, in hexadecimal. */
export async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 22 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Writes `value` as indented JSON, atomically. */
export function writeJson(path: string, value: unknown): void {
  writeAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Reads a JSON file. Throws a Failure that names the file when it is missing or malformed. */
export function readJson<T>(path: string): T {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new Failure("input", `cannot read ${path}: ${messageOf(error)}`, null, error);
  }
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new Failure("input", `${path} is not valid JSON: ${messageOf(error)}`, null, error);
  }
}

/** A readable version of an error raised while writing `path`; a full disk is named as such. */
export function writeFailure(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = (error as { code?: string } | null)?.code;
  const full = code === "ENOSPC" || code === "EDQUOT" || /no space left|ENOSPC|quota/i.test(messageOf(error));
  if (full) {
    return new Failure("run", `the disk is full: ${path} could not be written`, "free some space and resume", error);
  }
  if (code === "ENOTDIR" || code === "EEXIST")
    return new Failure("run", `cannot write ${path}: a part of this path is a file`, "name another folder", error);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new Failure("run", `no permission to write ${path}`, "choose a place that you may write to", error);
  }
  return new Failure("run", `cannot write ${path}: ${messageOf(error)}`, null, error);
}

/**
 * Builds a folder aside and puts it in place by one rename, so that a reader never meets a half-written one. What `fill`
 * leaves in the folder must already be fsynced. An existing folder of that name is replaced.
 */
export async function writeFolder(path: string, fill: (aside: string) => Promise<void>): Promise<void> {
  const parent = dirname(path);
  const aside = join(parent, `.writing-${process.pid}-${path.slice(parent.length + 1)}`);
  try {
    mkdirSync(parent, { recursive: true });
    rmSync(aside, { recursive: true, force: true });
    mkdirSync(aside);
    await fill(aside);
    syncFolder(aside);
    rmSync(path, { recursive: true, force: true });
    renameSync(aside, path);
    syncFolder(parent);
  } catch (error) {
    rmSync(aside, { recursive: true, force: true });
    throw error;
  }
}
