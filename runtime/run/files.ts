import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseJson } from "../../compiler/json.ts";
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

/**
 * Makes a folder and those above it that are missing. Node's own recursive mkdir never ends below a folder where nothing
 * can be made and the system says "no such file", such as /proc.
 */
export function makeFolders(path: string): void {
  const missing: string[] = [];
  for (let at = resolve(path); !isFolder(at) && dirname(at) !== at; at = dirname(at)) missing.push(at);
  for (const folder of missing.reverse()) {
    try {
      mkdirSync(folder);
    } catch (error) {
      // Another process may have been faster.
      if ((error as { code?: string }).code !== "EEXIST" || !isFolder(folder)) throw error;
    }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Writes all bytes to an open file: the system may take only a part at once. */
export function writeAll(descriptor: number, content: string | Uint8Array): void {
  const bytes = typeof content === "string" ? Buffer.from(content, "utf8") : content;
  for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
}

/** Writes a whole file and forces its bytes to disk. */
export function writeSynced(path: string, content: string | Uint8Array): void {
  const descriptor = openSync(path, "w");
  try {
    writeAll(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * Replaces a file so that at any moment, power cuts included, `path` holds either the old or the new content in full:
 * written aside, fsynced, renamed. A link stays one; what is no file (/dev/stdout, a pipe) is written to as it is.
 */
export function writeAtomic(path: string, content: string | Uint8Array): void {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found && !found.isFile() && !found.isDirectory()) writeThrough(path, content);
    else replaceFile(found ? realpathSync(path) : path, content);
  } catch (error) {
    throw writeFailure(path, error);
  }
}

function replaceFile(path: string, content: string | Uint8Array): void {
  const aside = `${path}.${process.pid}.tmp`;
  try {
    makeFolders(dirname(path));
    // What processes that were killed while they wrote this very file left beside it.
    for (const name of readdirSync(dirname(path))) {
      const pid = /^\.(\d+)\.tmp$/.exec(name.startsWith(basename(path)) ? name.slice(basename(path).length) : "")?.[1];
      if (pid !== undefined && !isRunning(Number(pid))) removeIfPossible(join(dirname(path), name));
    }
    writeSynced(aside, content);
    renameSync(aside, path);
    syncFolder(dirname(path));
  } catch (error) {
    removeIfPossible(aside);
    throw error;
  }
}

function writeThrough(path: string, content: string | Uint8Array): void {
  const descriptor = openSync(path, "w");
  try {
    writeAll(descriptor, content);
  } finally {
    closeSync(descriptor);
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
    if (pid !== undefined && !isRunning(Number(pid))) removeIfPossible(join(folder, name));
  }
}

/**
 * Removes what is of no use any more. Where that fails, what is left over does no harm but take space: it has a name that
 * nothing reads, and the next run tries again.
 */
export function removeIfPossible(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // See above.
  }
}

/**
 * Removes a folder that is read under its name: renamed first, so that nobody finds half of it. Where that fails it stays.
 */
export function retireFolder(path: string): void {
  const aside = asideOf(path, "old-");
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  removeIfPossible(aside);
}

/** Name for a folder that is no longer, or not yet, what `path` says; `sweepLeftovers` finds it. */
function asideOf(path: string, prefix = ""): string {
  return join(dirname(path), `.writing-${process.pid}-${prefix}${basename(path)}`);
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

/** A readable version of an error raised while reading `path`. */
function readFailure(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code } = (error ?? {}) as { code?: string };
  const hint =
    code === "ENOENT"
      ? "see whether it was moved or deleted"
      : code === "EACCES" || code === "EPERM"
        ? "give yourself the right to read it"
        : remedy(code, messageOf(error));
  return new Failure("input", `cannot read ${path}: ${messageOf(error)}`, hint, error);
}

/** Reads a whole text file. Throws a Failure that names it. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** Reads a whole file. Throws a Failure that names it. */
export function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw readFailure(path, error);
  }
}

/** Reads a JSON file. Throws a Failure that names the file when it is missing or malformed. */
export function readJson<T>(path: string): T {
  const text = readText(path);
  try {
    return parseJson(text) as T;
  } catch (error) {
    throw new Failure(
      "input",
      `${path} is not valid JSON: ${messageOf(error)}`,
      "put an unbroken copy of it back",
      error,
    );
  }
}

/** A readable version of an error raised while writing `path`; a full disk is named as such. */
export function writeFailure(path: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  const { code, errno } = (error ?? {}) as { code?: string; errno?: number };
  const text = messageOf(error);
  // Node has no name for EDQUOT.
  const quota = (process.platform === "linux" && errno === -122) || code === "EDQUOT" || /quota/i.test(text);
  if (quota) {
    const hint = "delete something of yours, or have the quota raised, and resume";
    return new Failure("run", `your disk quota is used up: ${path} could not be written`, hint, error);
  }
  if (code === "ENOSPC" || /no space left|ENOSPC/i.test(text)) {
    return new Failure("run", `the disk is full: ${path} could not be written`, "free some space and resume", error);
  }
  if (code === "ENOTDIR" || code === "EEXIST")
    return new Failure("run", `cannot write ${path}: a part of this path is a file`, "name another folder", error);
  if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
    return new Failure("run", `no permission to write ${path}`, "choose a place that you may write to", error);
  }
  return new Failure("run", `cannot write ${path}: ${text}`, remedy(code, text), error);
}

/** What became of layer inputs that wait in a file of the run's folder, or the error as it is where it is about something else. */
export function offloadFailure(error: unknown): unknown {
  const [, how, folder, reason] =
    /offload: (writing to|reading from) the file in (.*): (.*)$/.exec(messageOf(error)) ?? [];
  if (how === undefined) return error;
  const file = `the file for layer inputs in ${folder}`;
  if (how === "writing to") return writeFailure(file, new Error(reason, { cause: error }));
  return new Failure("run", `cannot read ${file}: ${reason}`, remedy(undefined, reason!), error);
}

/** What to do about an error of the file system. */
function remedy(code: string | undefined, text: string): string {
  if (code === "EMFILE" || code === "ENFILE" || /too many open files/i.test(text))
    return "raise the limit on open files (ulimit -n) and try again";
  if (code === "EFBIG" || /file too large/i.test(text))
    return "raise the limit on the size of files (ulimit -f) and resume";
  if (code === "EIO" || /input\/output error|i\/o error/i.test(text))
    return "see whether the disk is sound (the system's log tells more), then try again; what was saved before is kept";
  if (code === "ENOENT" || code === "EINVAL") return "name a folder in which files can be made";
  return "see whether the folder is still there and may be written to, then try again; what was saved before is kept";
}

/** Removes what processes that were killed while they wrote this very folder left beside it. */
function sweepAsides(path: string): void {
  for (const name of readdirSync(dirname(path))) {
    const [, pid, rest] = /^\.writing-(\d+)-(.*)$/.exec(name) ?? [];
    const own = rest === basename(path) || rest === `old-${basename(path)}`;
    if (own && !isRunning(Number(pid))) removeIfPossible(join(dirname(path), name));
  }
}

/**
 * Builds a folder aside and puts it in place by one rename, so that a reader never meets a half-written one. What `fill`
 * leaves in the folder must already be fsynced. An existing folder of that name is replaced. A folder whose rename cannot be forced to
 * disk is taken back, unless it took the place of another: after a power cut it might not be there, and whoever was told of the error
 * would not expect it either.
 */
export async function writeFolder(path: string, fill: (aside: string) => Promise<void>): Promise<void> {
  const parent = dirname(path);
  const aside = asideOf(path);
  let fresh = false;
  try {
    makeFolders(parent);
    sweepAsides(path);
    rmSync(aside, { recursive: true, force: true });
    mkdirSync(aside);
    await fill(aside);
    syncFolder(aside);
    const replaces = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
    if (replaces) retireFolder(path);
    renameSync(aside, path);
    fresh = !replaces;
    syncFolder(parent);
  } catch (error) {
    if (fresh) retireFolder(path);
    removeIfPossible(aside);
    throw error;
  }
}
