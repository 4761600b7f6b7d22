import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../engine/load.ts";
import type { BenchDtype } from "./workload.ts";

/** What `ctx_bench --json` prints. Seconds are of one call. */
export interface OwnKernels {
  backend: string;
  threads: number;
  peak_gflops: number;
  /** A backend without an instruction for it multiplies bf16 as fp32. */
  peak_bf16_gflops: number;
  copy_gbps: number;
  cases: OwnCase[];
}

export interface OwnCase {
  name: string;
  /** Of the products. */
  dtype: BenchDtype;
  flops: number;
  bytes: number;
  seconds: number;
  best: number;
}

/** GFLOP/s of multiply-adds in registers, of all threads together. */
export type Peak = Record<BenchDtype, number>;

/**
 * Runs native/build/ctx_bench.
 *
 * @param filter part of the names of the cases wanted
 * @throws Error when ctx_bench is not built or fails
 */
export function runCtxBench(threads: number, seconds: number, filter: string): OwnKernels {
  const program = join(packageRoot(), "native", "build", "ctx_bench");
  const { status, stdout, stderr, error } = spawnSync(
    program,
    ["--json", "--threads", String(threads), "--seconds", String(seconds), "--filter", filter],
    { encoding: "utf8", maxBuffer: 1 << 26 },
  );
  if (error || status !== 0) throw new Error(`${program}: ${error?.message ?? stderr.trim()}`);
  return JSON.parse(stdout) as OwnKernels;
}

export function peakOf(own: OwnKernels): Peak {
  return { f32: own.peak_gflops, bf16: own.peak_bf16_gflops };
}

/** The peak alone, measured now. */
export function measurePeak(threads: number): Peak {
  return peakOf(runCtxBench(threads, 0.01, "no case has this name"));
}

/** The middle of some numbers; the upper of two. */
export function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

export function middlePeak(peaks: readonly Peak[]): Peak {
  return { f32: middle(peaks.map((peak) => peak.f32)), bf16: middle(peaks.map((peak) => peak.bf16)) };
}
