import { readFileSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";

/** How much memory this process can have, all in all or beyond what it has, and what sets the bound, as the subject of a sentence. */
export interface MemoryLimit {
  bytes: number;
  what: string;
}

/** What bounds a process that no limit does. */
export const FREE = "free memory";

/** What bounds a process that may have all of the machine's memory. */
export const WHOLE = "this machine";

/**
 * The memory of the host that this process may have in all, whoever holds it now: the machine's, or what a container leaves of it. What plans
 * for this machine go by, and what a run, an evaluation and `ctx doctor` tell.
 *
 * @param root folder that /proc and /sys are looked for in
 * @param total bytes of the machine
 * @param constrained as Node tells it: nothing, 0 or more than any machine has where there is no limit, as its versions have it
 */
export function hostMemory(
  root = "/",
  total = totalmem(),
  constrained: number | undefined = process.constrainedMemory?.(),
): MemoryLimit {
  const told = constrained ? [{ bytes: constrained, what: "the system's limit on this process" }] : [];
  const groups = groupsOf(root).flatMap(({ most }) => (most === null ? [] : [{ bytes: most, what: inGroup }]));
  const limits = [...groups, ...told].filter(({ bytes }) => bytes > 0);
  return limits.reduce((least, limit) => (limit.bytes < least.bytes ? limit : least), { bytes: total, what: WHOLE });
}

/** Before the threads that are to come are counted in. */
interface Bound extends MemoryLimit {
  /** What a new thread takes of it. */
  thread: number;
}

/**
 * The tightest of what Linux tells: free memory and swap, the control groups that the process is in (version 2 or 1) and
 * those above them, and its own limits on address space and data. Null where nothing is told, as on other systems.
 *
 * @param root folder that /proc and /sys are looked for in
 * @param threads that are still to be started: what they map, used or not, is taken off. The rest may be less than nothing
 */
export function memoryLimit(root = "/", threads = 0): MemoryLimit | null {
  const shared = [freeMemory(root), ...groupLimits(root)].filter((limit) => limit !== null);
  const limits = [...shared, ...ownLimits(root).map((bound) => lessThreads(bound, threads))];
  return limits.reduce<MemoryLimit | null>(
    (least, limit) => (least && least.bytes <= limit.bytes ? least : limit),
    null,
  );
}

function read(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), "utf8");
  } catch {
    return "";
  }
}

/** `Name: 123 kB` in bytes. */
function kibibytes(text: string, name: string): number | null {
  const [, value] = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text) ?? [];
  return value === undefined ? null : 1024 * Number(value);
}

function freeMemory(root: string): MemoryLimit | null {
  const text = read(root, "proc/meminfo");
  const available = kibibytes(text, "MemAvailable");
  if (available === null) return null;
  return { bytes: available + (kibibytes(text, "SwapFree") ?? 0), what: FREE };
}

/** What a control group may have, and what it has beyond what can be dropped at once. */
interface Group {
  /** Null: no limit. */
  most: number | null;
  taken: number;
}

function groupLimits(root: string): (MemoryLimit | null)[] {
  return groupsOf(root).map(({ most, taken }) =>
    most === null ? null : { bytes: Math.max(0, most - taken), what: inGroup },
  );
}

/** Lines of /proc/self/cgroup: `0::/path` in version 2, `4:memory:/path` in version 1. */
function groupsOf(root: string): Group[] {
  return read(root, "proc/self/cgroup")
    .split("\n")
    .flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
      if (path === undefined) return [];
      // Inside a container the path may be that of the host: its own group is then at the top.
      const groups = path.split("/").map((_, k, parts) => parts.slice(0, parts.length - k).join("/"));
      if (controllers === "") return groups.map((group) => secondVersion(root, `sys/fs/cgroup${group}`));
      if (!controllers!.split(",").includes("memory")) return [];
      return groups.map((group) => firstVersion(root, `sys/fs/cgroup/memory${group}`));
    });
}

const inGroup = "this control group (container)";

function secondVersion(root: string, folder: string): Group {
  return groupOf(root, folder, "memory.max", "memory.current", "");
}

function firstVersion(root: string, folder: string): Group {
  return groupOf(root, folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_");
}

function groupOf(root: string, folder: string, limit: string, usage: string, prefix: string): Group {
  const [most, used] = [limit, usage].map((name) => Number.parseInt(read(root, `${folder}/${name}`), 10));
  const taken = Math.max(0, (used || 0) - statOf(root, folder, prefix));
  return { most: Number.isNaN(most) ? null : most!, taken };
}

/** Cached pages of files that can be dropped at once. */
function statOf(root: string, folder: string, prefix: string): number {
  const [, bytes] = new RegExp(`^${prefix}inactive_file (\\d+)$`, "m").exec(read(root, `${folder}/memory.stat`)) ?? [];
  return Number(bytes ?? 0);
}

function lessThreads({ bytes, what, thread }: Bound, threads: number): MemoryLimit {
  if (threads === 0) return { bytes: Math.max(0, bytes), what };
  return { bytes: bytes - threads * thread, what: `${what}, less what ${threads} threads map,` };
}

/** A thread's stack, where the limit on it tells no other size. */
const STACK = 8 * 2 ** 20;

/** What the C library sets aside for a thread's allocations: addresses alone, of which few are ever used. */
const ARENA = 64 * 2 ** 20;

/** ulimit -v and ulimit -d, less what the process has mapped already. */
function ownLimits(root: string): Bound[] {
  const limits = read(root, "proc/self/limits");
  const status = read(root, "proc/self/status");
  const soft = (name: string) => new RegExp(`^${name}\\s+(\\d+) `, "m").exec(limits)?.[1];
  const stack = Number(soft("Max stack size") ?? STACK);
  const limit = (name: string, mapped: string, what: string, thread: number): Bound[] => {
    const most = soft(name);
    if (most === undefined) return [];
    return [{ bytes: Number(most) - (kibibytes(status, mapped) ?? 0), what, thread }];
  };
  return [
    ...limit("Max address space", "VmSize", "the process's limit on address space (ulimit -v)", stack + ARENA),
    ...limit("Max data size", "VmData", "the process's limit on data (ulimit -d)", stack),
  ];
}
