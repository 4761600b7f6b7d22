import { readFileSync, writeFileSync } from "node:fs";

/**
 * Starts to watch how much more memory this process holds than now.
 *
 * @returns asks for the most so far, in bytes. Where the kernel cannot forget an earlier peak (not Linux), a peak before the call
 *   may hide a later one, so the figure is a lower bound.
 */
export function watchMemory(): () => number {
  const start = process.memoryUsage.rss();
  try {
    writeFileSync("/proc/self/clear_refs", "5"); // the high-water mark falls back to what is held now
    highWater();
    return () => highWater() - start;
  } catch {
    return () => process.resourceUsage().maxRSS * 1024 - start;
  }
}

/** VmHWM in bytes. */
function highWater(): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  if (!line) throw new Error("/proc/self/status has no VmHWM");
  return Number(line[1]) * 1024;
}
