import { readFileSync } from "node:fs";
import { join } from "node:path";

/** How much more memory this process can have, and what sets the bound, as the subject of a sentence. */
export interface MemoryLimit {
  bytes: number;
  what: string;
}

/** What bounds a process that no limit does. */
export const FREE = "free memory";

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

/** Lines of /proc/self/cgroup: `0::/path` in version 2, `4:memory:/path` in version 1. */
function groupLimits(root: string): (MemoryLimit | null)[] {
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

function secondVersion(root: string, folder: string): MemoryLimit | null {
  const most = Number.parseInt(read(root, `${folder}/memory.max`), 10);
  return Number.isNaN(most) ? null : groupLimit(most, read(root, `${folder}/memory.current`), statOf(root, folder, ""));
}

function firstVersion(root: string, folder: string): MemoryLimit | null {
  const most = Number.parseInt(read(root, `${folder}/memory.limit_in_bytes`), 10);
  if (Number.isNaN(most)) return null;
  return groupLimit(most, read(root, `${folder}/memory.usage_in_bytes`), statOf(root, folder, "total_"));
}

/** Cached pages of files that can be dropped at once. */
function statOf(root: string, folder: string, prefix: string): number {
  const [, bytes] = new RegExp(`^${prefix}inactive_file (\\d+)$`, "m").exec(read(root, `${folder}/memory.stat`)) ?? [];
  return Number(bytes ?? 0);
}

function groupLimit(most: number, used: string, droppable: number): MemoryLimit {
  const taken = Math.max(0, (Number.parseInt(used, 10) || 0) - droppable);
  return { bytes: Math.max(0, most - taken), what: inGroup };
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
