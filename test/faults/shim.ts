// The library that makes file operations fail (faults.c), built with the machine's C compiler.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** Kinds of operations that faults.c knows. */
export type FaultKind =
  | "open-read"
  | "open-write"
  | "read"
  | "write"
  | "truncate"
  | "sync"
  | "close"
  | "rename"
  | "link"
  | "mkdir"
  | "remove"
  | "thread";

export const WRITING: FaultKind[] = [
  "open-write",
  "write",
  "truncate",
  "sync",
  "close",
  "rename",
  "link",
  "mkdir",
  "remove",
];

export const READING: FaultKind[] = ["open-read", "read"];

export interface Fault {
  /** Operations below this folder count. */
  folder: string;
  kinds: FaultKind[];
  /** Only on paths that contain this. */
  path?: string;
  /** Number of the operation that fails, from 1; 0: none, all are listed. */
  at: number;
  /** Name of an errno, SHORT, KILL, INT or STOP. */
  error: string;
  /** All later ones fail too. */
  sticky?: boolean;
  /** Count the threads that a library with this in its path starts, instead of file operations. */
  threads?: string;
}

/** An operation that failed, or was listed. */
export interface Operation {
  number: number;
  kind: FaultKind;
  path: string;
}

/** faults.c as a shared library; null where there is no C compiler or no LD_PRELOAD. */
export function buildShim(): string | null {
  if (process.platform !== "linux") return null;
  const library = join(mkdtempSync(join(tmpdir(), "ctx-faults-")), "faults.so");
  const words = ["-O1", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", library, resolve("test/faults/faults.c"), "-ldl"];
  const { status, error, stderr } = spawnSync("cc", words, { encoding: "utf8" });
  if (error) return null;
  if (status !== 0) throw new Error(`faults.c does not compile:\n${stderr}`);
  return library;
}

/** Environment in which `fault` happens; `operations()` tells what happened. */
export function faultEnvironment(library: string, fault: Fault): { env: NodeJS.ProcessEnv; operations(): Operation[] } {
  const log = join(mkdtempSync(join(tmpdir(), "ctx-fault-log-")), "log");
  const env = {
    LD_PRELOAD: library,
    CTX_FAULT_FOLDER: fault.folder,
    CTX_FAULT_OPS: fault.kinds.join(","),
    CTX_FAULT_PATH: fault.path ?? "",
    CTX_FAULT_AT: String(fault.at),
    CTX_FAULT_ERROR: fault.error,
    CTX_FAULT_STICKY: fault.sticky ? "1" : "0",
    CTX_FAULT_THREADS: fault.threads ?? "",
    CTX_FAULT_LOG: log,
  };
  const operations = () =>
    (existsSync(log) ? readFileSync(log, "utf8") : "")
      .split("\n")
      .filter((line) => line !== "")
      .map((line): Operation => {
        const [, number, kind, path] = /^(\d+) (\S+) (.*)$/.exec(line)!;
        return { number: Number(number), kind: kind as FaultKind, path: path! };
      });
  return { env, operations };
}

const ERRORS: { [kind in FaultKind]: string[] } = {
  "open-read": ["EIO", "EACCES", "EMFILE"],
  "open-write": ["EROFS", "ENOSPC", "EACCES", "EDQUOT", "EMFILE"],
  read: ["EIO"],
  write: ["ENOSPC", "EIO", "EDQUOT", "SHORT"],
  truncate: ["EIO", "ENOSPC"],
  sync: ["EIO", "ENOSPC", "EDQUOT"],
  close: ["EIO", "ENOSPC", "EDQUOT"],
  rename: ["EIO", "ENOSPC", "EROFS"],
  link: ["EIO", "ENOSPC", "EROFS"],
  mkdir: ["ENOSPC", "EROFS", "EACCES"],
  remove: ["EIO", "EROFS"],
  thread: ["EAGAIN"],
};

/** The error for the n-th operation: every kind meets each of its errors in turn. */
export function errorFor({ number, kind }: Operation): string {
  const errors = ERRORS[kind];
  return errors[number % errors.length]!;
}

/** Of writes and reads of the same file in a row only the first, the second and the last: those between are like them. */
export function worthFailing(operations: Operation[]): Operation[] {
  return operations.filter((operation, k) => {
    const same = (other: Operation | undefined) => other?.kind === operation.kind && other.path === operation.path;
    const bytes = operation.kind === "write" || operation.kind === "read";
    return !bytes || !same(operations[k + 1]) || !same(operations[k - 1]) || !same(operations[k - 2]);
  });
}
