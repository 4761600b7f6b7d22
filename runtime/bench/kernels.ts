import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../engine/load.ts";

/** What `ctx_bench --json` prints: every kernel of one backend. */
export interface KernelBench {
  backend: string;
  threads: number;
  peak_gflops: number;
  copy_gbps: number;
  cases: { name: string; flops: number; bytes: number; seconds: number; best: number }[];
}

/** Runs native/build/ctx_bench. @throws Error when it is not built or fails */
export function benchKernels(threads: number, seconds: number): KernelBench {
  const program = join(packageRoot(), "native", "build", "ctx_bench");
  const { status, stdout, stderr, error } = spawnSync(
    program,
    ["--json", "--threads", String(threads), "--seconds", String(seconds)],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (error || status !== 0) throw new Error(`${program}: ${error?.message ?? stderr.trim()}`);
  return JSON.parse(stdout) as KernelBench;
}
