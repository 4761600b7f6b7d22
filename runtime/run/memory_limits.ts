import { readFileSync } from "node:fs";
import { join } from "node:path";

/** How much more memory this process can have, and what sets the bound, as the subject of a sentence. */
export interface MemoryLimit {
  bytes: number;
  what: string;
}

/**
 * The tightest of what Linux tells: free memory and swap, the control groups that the process is in (version 2 or 1) and
 * those above them, and its own limits on address space and data. Null where nothing is told, as on other systems.
 *
 * @param root folder that /proc and /sys are looked for in
 */
export function memoryLimit(root = "/"): MemoryLimit | null {
  const limits = [freeMemory(root), ...groupLimits(root), ...ownLimits(root)].filter((limit) => limit !== null);
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
  return { bytes: available + (kibibytes(text, "SwapFree") ?? 0), what: "free memory" };
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

/** ulimit -v and ulimit -d, less what the process has mapped already. */
function ownLimits(root: string): (MemoryLimit | null)[] {
  const limits = read(root, "proc/self/limits");
  const status = read(root, "proc/self/status");
  const limit = (name: string, mapped: string, what: string): MemoryLimit | null => {
    const [, soft] = new RegExp(`^${name}\\s+(\\d+) `, "m").exec(limits) ?? [];
    if (soft === undefined) return null;
    return { bytes: Math.max(0, Number(soft) - (kibibytes(status, mapped) ?? 0)), what };
  };
  return [
    limit("Max address space", "VmSize", "the process's limit on address space (ulimit -v)"),
    limit("Max data size", "VmData", "the process's limit on data (ulimit -d)"),
  ];
}
